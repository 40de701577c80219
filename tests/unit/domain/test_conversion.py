"""Currencies are converted as stated or by a price, there and back, and the books hold in each of them."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.conversion import NO_CONVERSIONS, Conversion, Conversions
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.market import Bar, Instrument
from lts.domain.orders import Side
from lts.domain.portfolio import Book
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.valuation import Valuation

pytestmark = pytest.mark.requirement("INT-4.6", "LTS-003")

D = Decimal
BY_PRICE = Conversion("EUR", "USD", instrument="EURUSD")
YEN = Conversion("JPY", "USD", instrument="USDJPY", inverse=True)
STATED = Conversion("GBP", "USD", D("1.25"))
ALL = Conversions((BY_PRICE, YEN, STATED))
STEP = D("0.01")
HOME, EUROS, YENS, POUNDS = (
    Instrument(symbol, currency, STEP, STEP, D(multiplier))
    for symbol, currency, multiplier in (
        ("US", "USD", 1),
        ("DE", "EUR", 3),
        ("JP", "JPY", 1),
        ("GB", "GBP", 2),
    )
)


# Rates


def test_a_price_is_the_rate_of_the_currency_that_it_is_of() -> None:
    assert ALL.rate("EUR", "USD", {"EURUSD": 1.1}) == D("1.1")
    assert ALL.rate("USD", "EUR", {"EURUSD": 1.25}) == D("0.8")
    assert ALL.rate("JPY", "USD", {"USDJPY": 160.0}) == D("0.00625")
    assert ALL.rate("USD", "JPY", {"USDJPY": 160.0}) == 160
    assert ALL.rate("JPY", "USD", {"USDJPY": 150.0}) == D("0.006666666666666667")


def test_a_rate_that_is_stated_needs_no_price() -> None:
    assert ALL.rate("GBP", "USD", {}) == D("1.25")
    assert ALL.rate("USD", "GBP", {}) == D("0.8")


def test_a_currency_is_itself_and_what_is_not_stated_is_not_known() -> None:
    assert NO_CONVERSIONS.rate("EUR", "EUR", {}) == 1
    assert ALL.rate("EUR", "JPY", {"EURUSD": 1.1, "USDJPY": 150.0}) is None
    assert ALL.rate("EUR", "USD", {}) is None


@pytest.mark.parametrize("price", [0.0, -1.0, inf, nan])
def test_what_is_no_price_is_no_rate(price: float) -> None:
    assert ALL.rate("EUR", "USD", {"EURUSD": price}) is None


def test_a_portfolio_has_only_those_that_lead_to_its_currency() -> None:
    own = ALL.into("USD", ["USD", "EUR", "GBP"])
    assert own.symbols == {"EURUSD"}
    assert (own.way("EUR", "USD"), own.way("JPY", "USD")) == (BY_PRICE, None)
    assert not NO_CONVERSIONS
    assert ALL.symbols == {"EURUSD", "USDJPY"}


@given(st.floats(1e-3, 1e4))
def test_a_rate_comes_from_the_price_that_it_was(price: float) -> None:
    for way in (BY_PRICE, YEN):
        rate = way.at(price)
        assert rate is not None
        assert way.price_at(rate) == pytest.approx(price, rel=1e-12)


# The books


def opened() -> Book:
    book = Book("trend", "USD", [HOME, EUROS, YENS, POUNDS], ALL)
    book.deposit(D(100_000), 1)
    return book


def test_a_fill_in_euros_moves_dollars_at_its_rate(fill_of: Callable[..., Fill]) -> None:
    book = opened()
    bought = fill_of(
        instrument="DE", quantity=D(10), price=D(100), fee=D(2), currency="EUR", rate=D("1.1"), exec_id="1"
    )
    assert book.book(bought)
    assert book.cash == 100_000 - D("1.1") * (3_000 + 2)
    assert book.ledger.balance("positions:DE", "EUR") == 3_000
    assert book.ledger.balance("conversion", "EUR") == -3_002
    assert (book.ledger.total("EUR"), book.ledger.total("USD")) == (D(0), D(0))
    assert (book.fees, book.fees_at({"EURUSD": 1.2})) == (D(0), D("2.4"))
    marks = {"DE": 110.0, "EURUSD": 1.2}
    assert book.equity(marks) == book.cash + 3_300 * D("1.2")
    assert book.unrealised(marks) == 300 * D("1.2")
    assert book.value(marks) == pytest.approx(float(book.equity(marks)))


@pytest.mark.parametrize("other", [{"currency": "USD"}, {"currency": "JPY"}], ids=str)
def test_a_fill_in_another_currency_than_its_instrument_is_refused(
    fill_of: Callable[..., Fill], other: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="does not belong in the USD books of trend"):
        opened().book(fill_of(instrument="DE", **other))


def test_what_has_no_rate_yet_counts_nothing(fill_of: Callable[..., Fill]) -> None:
    book = opened()
    book.book(fill_of(instrument="DE", quantity=D(1), price=D(100), fee=D(0), currency="EUR", rate=D(1)))
    assert book.equity({"DE": 100.0}) == book.cash
    assert book.rate("DE", {}) == 0


happenings = st.lists(
    st.tuples(
        st.sampled_from(["fill", "fill", "fill", "financing", "adjustment"]),
        st.sampled_from([HOME, EUROS, YENS, POUNDS]),
        st.sampled_from(Side),
        st.integers(1, 20).map(Decimal),
        st.decimals("0.01", 1_000, places=3),
        st.decimals(-1, 5, places=4),
        st.decimals("0.001", 200, places=5),
        st.sampled_from(["", "a:long", "b:short"]),
    ),
    max_size=30,
)


@given(happenings, st.tuples(*[st.floats(0.5, 500)] * 6))
def test_every_currency_sums_to_zero_and_equity_is_what_was_earned_and_exchanged(
    fill_of: Callable[..., Fill], happened: list[tuple[Any, ...]], prices: tuple[float, ...]
) -> None:
    book, adjusted = opened(), dict.fromkeys(("USD", "EUR", "JPY", "GBP"), Fraction(0))
    marks = dict(zip(("US", "DE", "JP", "GB", "EURUSD", "USDJPY"), prices, strict=True))
    for number, (kind, traded, side, quantity, price, amount, rate, position) in enumerate(happened):
        said: dict[str, Any] = {"instrument": traded.symbol, "currency": traded.currency}
        said["rate"] = D(1) if traded is HOME else rate
        if kind == "fill":
            terms = {"side": side, "quantity": quantity, "price": price, "fee": amount, "position": position}
            assert book.book(fill_of(exec_id=str(number), **terms, **said))
        elif kind == "financing":
            charge = FinancingCharged(
                portfolio="trend", broker="paper", amount=amount, id=str(number), at=1, **said
            )
            assert book.charge(charge)
        else:
            before = book.position(traded.symbol, position).cost
            told = ("b", quantity, price, str(number), "why", 1, position)
            book.adjust(PositionAdjusted("trend", traded.symbol, *told))
            added = Fraction(book.position(traded.symbol, position).cost) - Fraction(before)
            adjusted[traded.currency] += added
        for currency in adjusted:
            assert book.ledger.total(currency) == 0
    rates = {
        currency: Fraction(rate)
        for currency in adjusted
        if (rate := ALL.rate(currency, "USD", marks)) is not None
    }
    held = sum(
        Fraction(each.value(D(str(marks[each.instrument])))) * rates[instrument.currency]
        for each in book.held()
        for instrument in (HOME, EUROS, YENS, POUNDS)
        if instrument.symbol == each.instrument
    )
    equity = Fraction(book.equity(marks))
    assert equity == Fraction(book.cash) + held
    earned = (
        Fraction(book.realised_at(marks)) - Fraction(book.fees_at(marks)) + Fraction(book.unrealised(marks))
    )
    whole = sum(adjusted[currency] * rates[currency] for currency in adjusted)
    whole += Fraction(book.capital) + Fraction(book.financing_at(marks)) + earned
    assert equity == whole + Fraction(book.exchange(marks))
    assert book.value(marks) == pytest.approx(float(equity), rel=1e-9, abs=1e-3)


@pytest.mark.parametrize("position", ["", "a:long"])
def test_books_that_begin_with_what_was_archived_have_the_same_cash(
    fill_of: Callable[..., Fill], position: str
) -> None:
    fills = [
        fill_of(
            instrument="DE", side=side, quantity=D(quantity), price=D(price), fee=D(1), currency="EUR",
            rate=D(rate), exec_id=f"{price}", position=position,
        )
        for side, quantity, price, rate in ((Side.BUY, 5, 100, "1.1"), (Side.SELL, 3, 120, "1.3"))
    ]  # fmt: skip
    whole, again = opened(), opened()
    for fill in fills:
        whole.book(fill)
    moved, held = whole.cash - 100_000, whole.position("DE", position)
    assert held.quantity == 2
    assert again.bring_forward(held, 1, moved)
    assert not again.bring_forward(held, 1, moved)
    assert again.worth() == whole.worth()
    for currency in ("USD", "EUR"):
        for account in ("cash", "conversion", "realised", "fees", "positions:DE"):
            assert again.ledger.balance(account, currency) == whole.ledger.balance(account, currency)
        assert again.ledger.total(currency) == 0


# From close to close


def closing(symbol: str, at: int, close: float) -> Bar:
    return Bar(symbol, at - 1, at, close, close, close, close, 0.0)


def test_a_close_of_either_moves_what_is_held_in_another_currency(fill_of: Callable[..., Fill]) -> None:
    book = opened()
    valuation = Valuation(book)
    fill = fill_of(instrument="DE", quantity=D(10), price=D(100), fee=D(0), currency="EUR", rate=D("1.1"))
    book.book(fill)
    valuation.turn("DE", fill.price, fill.rate)
    assert valuation.marks == {"DE": 100.0, "EURUSD": 1.1}, "until there is a close, at what was booked"
    valuation.turn("DE", D(105))
    assert valuation.marks == {"DE": 100.0, "EURUSD": 1.1}, "what is adjusted has no rate"
    valuation.closes += [closing("DE", 1, 110.0), closing("EURUSD", 2, 1.2), closing("US", 3, 5.0)]
    assert list(valuation.curve.values) == pytest.approx([100_330, 100_660, 100_660])
    assert valuation.marks == {"DE": 110.0, "EURUSD": 1.2, "US": 5.0}
