"""An approved adjustment moves what is held, at a stated price, and is no trade: nothing is realised."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.fills import Fill
from lts.domain.market import Instrument
from lts.domain.money import exact, unrounded
from lts.domain.orders import Side
from lts.domain.portfolio import Book
from lts.domain.positions import Position
from lts.domain.reconciliation import PositionAdjusted

pytestmark = pytest.mark.requirement("INT-4.6", "LTS-003")

INDEX = Instrument("SP500", "USD", tick_size=Decimal("0.01"), lot_size=Decimal(1), multiplier=Decimal(50))

prices = st.floats(1, 1e5).map(exact)
changes = st.integers(-40, 40).filter(bool).map(Decimal)
steps = st.lists(st.tuples(st.booleans(), changes, prices), max_size=15)


def adjusted(quantity: int | Decimal, price: int | Decimal = 100, reference: str = "1") -> PositionAdjusted:
    return PositionAdjusted(
        "trend", "SP500", "paper", Decimal(quantity), Decimal(price), reference, "approved", 3
    )


@unrounded
def after(held: Position, quantity: int, price: int) -> Position:
    return held.adjust(Decimal(quantity), Decimal(price))


def position(quantity: int, cost: int) -> Position:
    return Position("trend", "SP500", Decimal(50), Decimal(quantity), Decimal(cost))


@pytest.mark.parametrize(
    ("quantity", "cost", "change", "price", "then", "costs"),
    [
        (0, 0, 4, 100, 4, 20_000),
        (0, 0, -4, 100, -4, -20_000),
        (4, 20_000, 2, 110, 6, 31_000),
        (-4, -20_000, -2, 110, -6, -31_000),
        (4, 20_000, -1, 110, 3, 15_000),
        (-4, -20_000, 3, 110, -1, -5_000),
        (4, 20_000, -4, 0, 0, 0),
        (4, 20_000, -6, 110, -2, -11_000),
        (-4, -20_000, 6, 110, 2, 11_000),
    ],
)
def test_what_is_added_has_cost_the_price_and_what_is_taken_goes_at_average_cost(  # noqa: PLR0917 - cases
    quantity: int, cost: int, change: int, price: int, then: int, costs: int
) -> None:
    held = after(position(quantity, cost), change, price)
    assert [held.quantity, held.cost] == [Decimal(then), Decimal(costs)]
    assert held.realised == held.fees == held.round_trips == 0


def test_an_adjustment_moves_no_cash_and_the_ledger_balances() -> None:
    book = Book("trend", "USD", [INDEX])
    book.deposit(Decimal(1000), 1)
    assert book.adjust(adjusted(4)) is True
    assert book.positions["SP500"].quantity == 4
    assert book.cash == book.capital == Decimal(1000)
    assert book.realised == 0
    assert book.ledger.balance("positions:SP500", "USD") == 20_000
    assert book.ledger.balance("adjustments", "USD") == -20_000
    assert book.equity({"SP500": 110}) == 1000 + 22_000


def test_an_adjustment_arriving_twice_is_booked_once() -> None:
    book = Book("trend", "USD", [INDEX])
    assert book.adjust(adjusted(4)) is True
    assert book.adjust(adjusted(4)) is False
    assert book.positions["SP500"].quantity == 4
    assert book.adjust(adjusted(4, reference="2")) is True
    assert book.positions["SP500"].quantity == 8


@pytest.mark.parametrize("other", [{"portfolio": "else"}, {"instrument": "DAX"}])
def test_an_adjustment_of_somebody_else_is_refused(other: dict[str, str]) -> None:
    ours = {name: getattr(adjusted(4), name) for name in PositionAdjusted.__struct_fields__}
    with pytest.raises(ValueError, match="does not belong in the books of trend"):
        Book("trend", "USD", [INDEX]).adjust(PositionAdjusted(**(ours | other)))


@given(steps)
def test_a_position_is_the_fold_of_its_fills_and_adjustments(
    fill_of: Callable[..., Fill], steps: list[tuple[bool, Decimal, Decimal]]
) -> None:
    book, quantity, paid, added = Book("trend", "USD", [INDEX]), 0, Fraction(0), Fraction(0)
    for number, (trades, change, price) in enumerate(steps):
        quantity += int(change)
        before = book.positions["SP500"].cost
        if trades:
            side = Side.BUY if change > 0 else Side.SELL
            fill = fill_of(side=side, quantity=abs(change), price=price, fee=Decimal(0))
            book.book(fill)
            paid += side.sign * Fraction(fill.notional(INDEX.multiplier))
        else:
            book.adjust(adjusted(change, price, str(number)))
            added += Fraction(book.positions["SP500"].cost) - Fraction(before)
    held = book.positions["SP500"]
    assert held.quantity == quantity
    assert Fraction(held.cost) - Fraction(held.realised) == paid + added, "fills realise, adjustments do not"
    assert Fraction(book.cash) == -paid
    assert Fraction(book.ledger.balance("adjustments", "USD")) == -added
    assert held.quantity or held.cost == 0
