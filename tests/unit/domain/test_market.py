"""Floats of the market become amounts through the instrument alone."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.message import Delivery
from lts.domain.market import Bar, BarOpened, Instrument, Quote, Trade
from lts.domain.money import plain

pytestmark = pytest.mark.requirement("INT-002", "LTS-003")


def instrument(lot_size: str = "1", tick_size: str = "0.01") -> Instrument:
    return Instrument("SP500", "USD", Decimal(tick_size), Decimal(lot_size))


def test_a_price_is_never_snapped_to_the_tick() -> None:
    assert instrument(tick_size="0.25").price(1228.099976) == Decimal("1228.099976")


@given(
    st.floats(-1e12, 1e12, allow_nan=False) | st.decimals(-1000, 1000, allow_nan=False),
    st.sampled_from(["1", "0.001", "0.00000001", "5", "0.25"]),
)
def test_a_quantity_is_the_largest_number_of_whole_lots_within(value: float | Decimal, lot: str) -> None:
    wanted = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    quantity = Fraction(instrument(lot).quantity(value))
    assert (quantity / Fraction(lot)).denominator == 1
    assert abs(quantity) <= abs(wanted) < abs(quantity) + Fraction(lot)
    assert quantity * wanted >= 0


def test_less_than_a_lot_is_nothing_even_when_selling() -> None:
    assert str(instrument().quantity(-0.5)) == "0"


def test_lots_are_counted_in_decimals() -> None:
    assert plain(instrument("0.1").quantity(0.3)) == "0.3"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_price_and_no_quantity(value: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        instrument().price(value)
    with pytest.raises(ValueError, match="not a finite number"):
        instrument().quantity(value)


def test_market_data_is_addressed_by_its_instrument() -> None:
    data = [
        BarOpened("SP500", 1, 10.0),
        Bar("SP500", 1, 2, 10.0, 11.0, 9.0, 10.5, 100.0),
        Quote("SP500", 1, 9.9, 10.1, 5.0, 5.0),
        Trade("SP500", 1, 10.0, 1.0),
    ]
    assert [message.key for message in data] == ["SP500"] * 4


def test_only_quotes_may_be_conflated() -> None:
    assert Quote.delivery is Delivery.LATEST
    assert {BarOpened.delivery, Bar.delivery, Trade.delivery} == {Delivery.EVERY}
