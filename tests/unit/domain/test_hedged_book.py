"""Positions that stand side by side are each the fold of their own fills; the books are their sums."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.fills import Fill
from lts.domain.market import Instrument
from lts.domain.money import exact
from lts.domain.orders import Side
from lts.domain.portfolio import Book
from lts.domain.positions import Position
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.valuation import Valuation

pytestmark = pytest.mark.requirement("INT-4.6", "LTS-003")

MULTIPLIERS = {"SP500": Decimal(1), "ES": Decimal(50)}
IDS = ("trend:long", "trend:short", "other")
prices = st.floats(1e-4, 1e5)
Traded = tuple[str, str, Side, Decimal, Decimal, Decimal]
trades = st.lists(
    st.tuples(
        st.sampled_from(sorted(MULTIPLIERS)),
        st.sampled_from(IDS),
        st.sampled_from(Side),
        st.integers(1, 20).map(Decimal) | st.decimals("0.0001", 100, places=4),
        prices.map(exact),
        st.decimals(-1, 5, places=6),
    ),
    max_size=30,
)


def opened() -> Book:
    instruments = [
        Instrument(symbol, "USD", Decimal("0.01"), Decimal("0.0001"), multiplier)
        for symbol, multiplier in MULTIPLIERS.items()
    ]
    book = Book("trend", "USD", instruments)
    book.deposit(Decimal(100_000), 1)
    return book


def fills_of(make: Callable[..., Fill], traded: list[Traded], *, netted: bool = False) -> list[Fill]:
    return [
        make(instrument=i, position="" if netted else p, side=s, quantity=q, price=at, fee=fee)
        for i, p, s, q, at, fee in traded
    ]


def by_hand(fills: list[Fill], multiplier: Decimal) -> tuple[Fraction, Fraction, Fraction, int]:
    """Quantity, average price, realised profit and round trips, by the rule of average cost."""
    held = average = realised = Fraction(0)
    trips = 0
    for fill in fills:
        traded, price = Fraction(fill.side.sign * fill.quantity), Fraction(fill.price)
        if held * traded >= 0:
            average = (held * average + traded * price) / (held + traded)
        else:
            closed = min(abs(held), abs(traded)) * (1 if held > 0 else -1)
            realised += closed * (price - average) * Fraction(multiplier)
            trips += abs(traded) >= abs(held)
            average = price if abs(traded) > abs(held) else average
        held += traded
    return held, average, realised, trips


@given(trades)
def test_each_position_is_what_its_own_fills_lead_to(
    fill_of: Callable[..., Fill], trades: list[Traded]
) -> None:
    book, fills = opened(), fills_of(fill_of, trades)
    for fill in fills:
        assert book.book(fill)
        assert not book.book(fill)
    for (symbol, position), found in book.hedged.items():
        own = [each for each in fills if (each.instrument, each.position) == (symbol, position)]
        held, average, realised, trips = by_hand(own, MULTIPLIERS[symbol])
        assert (found.id, found.round_trips, Fraction(found.quantity)) == (position, trips, held)
        if held:
            assert float(found.average_price) == pytest.approx(float(average), rel=1e-12)
        assert float(found.realised) == pytest.approx(float(realised), rel=1e-12, abs=1e-9)
        assert found.fees == sum(each.fee for each in own)
    assert all(not position.quantity for position in book.positions.values())


@given(trades, prices, prices)
def test_equity_is_capital_and_profit_less_fees_to_the_last_digit(
    fill_of: Callable[..., Fill], trades: list[Traded], mark: float, other_mark: float
) -> None:
    book, marks = opened(), {"SP500": mark, "ES": other_mark}
    for fill in fills_of(fill_of, trades):
        book.book(fill)
        assert book.ledger.total("USD") == 0
    equity = Fraction(book.equity(marks))
    profit = Fraction(book.realised) - Fraction(book.fees) + Fraction(book.unrealised(marks))
    assert equity == Fraction(book.capital) + profit
    held = [*book.held()]
    value = sum(
        Fraction(each.quantity) * Fraction(exact(marks[each.instrument])) * Fraction(each.multiplier)
        for each in held
    )
    assert equity == Fraction(book.cash) + value
    assert book.value(marks) == pytest.approx(float(equity), rel=1e-9, abs=1e-3)
    assert Fraction(book.realised) == sum(Fraction(each.realised) for each in book.hedged.values())
    for symbol in MULTIPLIERS:
        cost = sum(Fraction(each.cost) for each in book.hedged.values() if each.instrument == symbol)
        assert Fraction(book.ledger.balance(f"positions:{symbol}", "USD")) == cost


@given(trades, prices)
def test_together_they_are_the_netted_position_and_worth_the_same(
    fill_of: Callable[..., Fill], trades: list[Traded], mark: float
) -> None:
    hedged, netted = opened(), opened()
    for one, other in zip(fills_of(fill_of, trades), fills_of(fill_of, trades, netted=True), strict=True):
        hedged.book(one)
        netted.book(other)
    for symbol in MULTIPLIERS:
        own = [each.quantity for each in hedged.hedged.values() if each.instrument == symbol]
        assert sum(own) == netted.positions[symbol].quantity
    marks = dict.fromkeys(MULTIPLIERS, mark)
    assert (hedged.cash, hedged.fees) == (netted.cash, netted.fees)
    assert hedged.equity(marks) == netted.equity(marks)
    profits = [Fraction(book.realised) + Fraction(book.unrealised(marks)) for book in (hedged, netted)]
    assert profits[0] == profits[1]


def test_long_and_short_are_both_held_although_they_are_nothing_together(
    fill_of: Callable[..., Fill],
) -> None:
    book = opened()
    book.book(fill_of(position="a", price=Decimal(100), fee=Decimal(0)))
    book.book(fill_of(position="b", side=Side.SELL, price=Decimal(110), fee=Decimal(0)))
    assert {each.id: each.quantity for each in book.held()} == {"a": 10, "b": -10}
    assert book.worth()[1] == {}
    assert book.unrealised({"SP500": 105}) == 100
    assert book.equity({"SP500": 105}) == 100_100
    with pytest.raises(KeyError):
        book.equity({})
    assert Valuation(book).marks == {"SP500": 110}


def test_a_position_is_adjusted_by_itself(fill_of: Callable[..., Fill]) -> None:
    book = opened()
    book.book(fill_of(position="a"))
    book.book(fill_of(position="b"))
    told = ("SP500", "paper", Decimal(-4), Decimal(1), "1: a", "approved by ann", 3, "a")
    assert book.adjust(PositionAdjusted("trend", *told))
    assert {each.id: each.quantity for each in book.held()} == {"a": 6, "b": 10}


@given(trades)
def test_what_was_archived_is_brought_forward_position_by_position(
    fill_of: Callable[..., Fill], trades: list[Traded]
) -> None:
    whole, later = opened(), opened()
    for fill in fills_of(fill_of, trades):
        whole.book(fill)
    for position in whole.hedged.values():
        assert later.bring_forward(position, 9)
        assert not later.bring_forward(position, 9)
    assert (later.cash, later.realised, later.fees) == (whole.cash, whole.realised, whole.fees)
    assert later.hedged == whole.hedged
    assert later.position("SP500", "never") == Position("trend", "SP500", id="never")
