"""What is charged over night is divided to the last digit, and the books hold whatever is charged."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.fills import Fill
from lts.domain.financing import STEP, FinancingCharged, divided
from lts.domain.market import Instrument
from lts.domain.orders import Side
from lts.domain.portfolio import Book
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.trading_day import TradingDay

pytestmark = pytest.mark.requirement("INT-4.6", "LTS-003")

D = Decimal
amounts = st.decimals(-10_000, 10_000, places=6)
holdings = st.dictionaries(
    st.sampled_from("abcdef"), st.decimals(-1_000, 1_000, places=4), min_size=1, max_size=6
)
quantities = st.integers(1, 20).map(Decimal)
prices = st.decimals("0.01", 1_000, places=4)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("fill"), st.sampled_from(Side), quantities, prices, st.decimals(-1, 5, places=6)),
        st.tuples(st.just("financing"), amounts),
        st.tuples(
            st.just("adjustment"),
            st.decimals(-20, 20, places=2).filter(bool),
            prices,
        ),
    ),
    max_size=30,
)


def charged(amount: str | Decimal = "-1.25", name: str = "1", **other: str) -> FinancingCharged:
    said: dict[str, Any] = {"portfolio": "trend", "broker": "paper", "instrument": "SP500", "currency": "USD"}
    return FinancingCharged(amount=Decimal(amount), id=name, at=1, **said | other)


def opened() -> Book:
    book = Book("trend", "USD", [Instrument("SP500", "USD", D("0.01"), D("0.0001"), D(50))])
    book.deposit(D(100_000), 1)
    return book


# Division


def test_it_is_divided_by_what_each_holds_and_the_last_has_what_is_left() -> None:
    third = D("-0.3333333333")
    assert divided(D(-1), {"a": D(5), "b": D(5), "c": D(5)}) == {
        "a": third,
        "b": third,
        "c": D("-0.3333333334"),
    }
    assert divided(D(-15), {"a": D(20), "b": D(10)}) == {"a": -10, "b": -5}


def test_who_is_short_where_all_are_long_together_is_paid() -> None:
    assert divided(D(-10), {"a": D(150), "b": D(-50)}) == {"a": -15, "b": 5}


def test_who_holds_nothing_has_no_part_of_it() -> None:
    assert divided(D(-10), {"a": D(0), "b": D(3), "c": D(0)}) == {"b": -10}


def test_where_positions_cancel_size_counts_and_where_nobody_holds_anything_all_have_the_same() -> None:
    assert divided(D(-8), {"a": D(3), "b": D(-3), "c": D(0)}) == {"a": -4, "b": -4}
    assert divided(D(-8), {"a": D(0), "b": D(0)}) == {"a": -4, "b": -4}


@given(amounts, holdings)
def test_the_parts_are_the_whole_exactly(amount: Decimal, held: dict[str, Decimal]) -> None:
    parts = divided(amount, held)
    assert sum(map(Fraction, parts.values())) == Fraction(amount)
    whole = sum(map(Fraction, held.values()))
    for name, part in list(parts.items())[:-1]:
        if whole:
            assert abs(Fraction(part) - Fraction(amount) * Fraction(held[name]) / whole) < Fraction(STEP)


# The books


def test_a_charge_moves_cash_and_nothing_else() -> None:
    book = opened()
    assert book.charge(charged())
    assert (book.cash, book.financing, book.capital, book.fees) == (
        D("99998.75"),
        D("-1.25"),
        D(100_000),
        D(0),
    )
    assert book.worth() == (D("99998.75"), {})
    assert book.charge(charged("2", "2"))
    assert (book.equity({}), book.financing) == (D("100000.75"), D("0.75"))
    assert book.ledger.total("USD") == 0


def test_a_charge_that_arrives_twice_is_booked_once() -> None:
    book = opened()
    assert book.charge(charged())
    assert not book.charge(charged("-7"))
    assert book.charge(charged(broker="other"))
    assert book.cash == D("99997.5")


@pytest.mark.parametrize("other", [{"portfolio": "other"}, {"currency": "EUR"}], ids=str)
def test_a_charge_of_somebody_else_is_refused(other: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="does not belong in the USD books of trend"):
        opened().charge(charged(**other))


@given(happenings, prices)
def test_equity_is_what_came_in_and_was_earned_whatever_happens(
    fill_of: Callable[..., Fill], happened: list[tuple[object, ...]], mark: Decimal
) -> None:
    book, paid, adjusted = opened(), Fraction(0), Fraction(0)
    for number, happening in enumerate(happened):
        match happening:
            case ("fill", side, quantity, price, fee):
                assert book.book(
                    fill_of(side=side, quantity=quantity, price=price, fee=fee, exec_id=str(number))
                )
            case ("financing", Decimal() as amount):
                assert book.charge(charged(amount, str(number)))
                paid += Fraction(amount)
            case ("adjustment", Decimal() as quantity, Decimal() as price):
                before = book.positions["SP500"].cost
                book.adjust(
                    PositionAdjusted("trend", "SP500", "paper", quantity, price, str(number), "why", 1)
                )
                adjusted += Fraction(book.positions["SP500"].cost) - Fraction(before)
        assert book.ledger.total("USD") == 0
    marks = {"SP500": mark}
    equity = Fraction(book.equity(marks))
    held = Fraction(book.positions["SP500"].value(mark))
    assert equity == Fraction(book.cash) + held
    assert Fraction(book.financing) == paid
    earned = Fraction(book.realised) - Fraction(book.fees) + Fraction(book.unrealised(marks))
    assert equity == Fraction(book.capital) + adjusted + paid + earned


# When it is due


def test_a_day_ends_when_the_next_begins_also_where_clocks_change() -> None:
    day, hour = TradingDay("17:00 America/New_York"), 3_600 * 10**9
    friday = day.start(1_583_600_000 * 10**9)  # in March 2020, before the clocks went forward
    assert day.end(friday) == friday + 24 * hour
    assert day.end(friday + 24 * hour) - day.end(friday) == 23 * hour
    assert day.end(day.end(friday) - 1) == day.end(friday)
