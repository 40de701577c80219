"""A position is the fold of its fills, at average cost."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.fills import Fill
from lts.domain.money import exact
from lts.domain.orders import Side
from lts.domain.positions import Position

pytestmark = pytest.mark.requirement("INT-4.6", "LTS-003")

prices = st.floats(1e-6, 1e6).map(exact)
quantities = st.integers(1, 40).map(Decimal) | st.decimals("0.00000001", 1000, places=8)
fees = st.decimals(-1, 5, places=6)
trades = st.lists(st.tuples(st.sampled_from(Side), quantities, prices, fees), max_size=30)
multipliers = st.sampled_from([Decimal(1), Decimal(50), Decimal("0.1")])


def fold(position: Position, fills: list[Fill]) -> Position:
    return reduce(Position.after, fills, position)


def paid_for(fills: list[Fill], multiplier: Decimal) -> Fraction:
    return Fraction(sum(fill.side.sign * Fraction(fill.notional(multiplier)) for fill in fills))


@given(trades, multipliers)
def test_a_position_is_the_fold_of_its_fills(
    fill_of: Callable[..., Fill],
    trades: list[tuple[Side, Decimal, Decimal, Decimal]],
    multiplier: Decimal,
) -> None:
    fills = [fill_of(side=s, quantity=q, price=p, fee=f) for s, q, p, f in trades]
    held, average, realised, round_trips = Fraction(0), Fraction(0), Fraction(0), 0
    for fill in fills:
        traded, price = fill.side.sign * Fraction(fill.quantity), Fraction(fill.price)
        if held * traded >= 0:
            average = (held * average + traded * price) / (held + traded)
        else:
            closed = min(abs(traded), abs(held)) * (1 if held > 0 else -1)
            realised += closed * (price - average) * Fraction(multiplier)
            round_trips += abs(traded) >= abs(held)
            average = price if abs(traded) > abs(held) else average
        held += traded
    position = fold(Position("trend", "SP500", multiplier), fills)
    assert position.quantity == held
    assert position.fees == sum(Fraction(fill.fee) for fill in fills)
    assert position.round_trips == round_trips
    tiny = Fraction(1, 10**40)
    assert abs(Fraction(position.realised) - realised) < tiny
    assert abs(Fraction(position.cost) - held * average * Fraction(multiplier)) < tiny


@given(trades, multipliers)
def test_cost_less_realised_is_exactly_what_was_paid(
    fill_of: Callable[..., Fill],
    trades: list[tuple[Side, Decimal, Decimal, Decimal]],
    multiplier: Decimal,
) -> None:
    fills = [fill_of(side=s, quantity=q, price=p, fee=f) for s, q, p, f in trades]
    position = fold(Position("trend", "SP500", multiplier), fills)
    assert Fraction(position.cost) - Fraction(position.realised) == paid_for(fills, multiplier)
    assert position.quantity or position.cost == 0


def test_a_reversal_closes_at_cost_and_opens_at_the_price_of_the_fill(fill_of: Callable[..., Fill]) -> None:
    bought = fill_of(quantity=Decimal(10), price=Decimal(100))
    sold = fill_of(side=Side.SELL, quantity=Decimal(15), price=Decimal(110))
    position = fold(Position("trend", "SP500"), [bought, sold])
    assert position.quantity == -5
    assert position.cost == -550
    assert position.average_price == 110
    assert position.realised == 100
    assert position.round_trips == 1


def test_a_third_of_a_position_leaves_two_thirds_of_its_cost(fill_of: Callable[..., Fill]) -> None:
    fills = [
        fill_of(quantity=Decimal(2), price=Decimal(100)),
        fill_of(quantity=Decimal(1), price=Decimal(101)),
        fill_of(side=Side.SELL, quantity=Decimal(1), price=Decimal(99)),
    ]
    position = fold(Position("trend", "SP500"), fills)
    assert round(position.average_price, 20) == Decimal("100.33333333333333333333")
    assert position.cost - position.realised == 202
    assert position.round_trips == 0


def test_a_contract_multiplier_scales_money_and_not_the_price(fill_of: Callable[..., Fill]) -> None:
    position = Position("trend", "SP500", Decimal(50)).after(fill_of(quantity=Decimal(2), price=Decimal(100)))
    assert position.cost == 10000
    assert position.average_price == 100
    assert position.value(Decimal(101)) == 10100


def test_a_flat_position_has_no_price() -> None:
    assert Position("trend", "SP500").average_price == 0
