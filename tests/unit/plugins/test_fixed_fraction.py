"""fixed_fraction holds a fraction of its equity, in whole lots, sized at each signal."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.conversion import Conversion, Conversions
from lts.sdk import Bar, Instrument, OrderProposed, PortfolioAssignment, Refused, Side, SignalRaised
from lts.testing import TEST, Bench, PortfolioContract, WatchfulDesk, bars
from lts.testing.contract import run
from lts.testing.stage import assignment_of
from plugins.portfolio.fixed_fraction.plugin import FixedFraction

pytestmark = pytest.mark.requirement("INT-4.6")

USUAL: PortfolioAssignment = assignment_of("portfolio")


class TestItsContract(PortfolioContract):
    plugin = FixedFraction
    params = {"fraction": "0.5"}


def wish(target: float) -> SignalRaised:
    return SignalRaised("test", "TEST", target, "the test")


def trading(instrument: Instrument, cash: Decimal = USUAL.cash) -> Mapping[str, Any]:
    return {"assignment": replace(USUAL, instruments={"TEST": instrument}, cash=cash)}


async def ordered(fraction: str, target: float, close: float, **how: Any) -> list[tuple[Side, Decimal]]:
    async with Bench(FixedFraction, {"fraction": fraction}, **how) as bench:
        await bench.hear(*bars([close]))
        await bench.hear(wish(target))
        return [(each.order.side, each.order.quantity) for each in bench.published(OrderProposed)]


def contract(lot: str, multiplier: str = "1") -> Instrument:
    return Instrument("TEST", "USD", TEST.tick_size, Decimal(lot), Decimal(multiplier))


async def test_it_takes_its_fraction_in_its_own_currency_and_waits_for_a_rate() -> None:
    euros = replace(
        USUAL,
        instruments={"TEST": Instrument("TEST", "EUR", TEST.tick_size, Decimal(1), Decimal(2))},
        conversions=Conversions([Conversion("EUR", "USD", instrument="EURUSD")]),
    )
    async with Bench(FixedFraction, {"fraction": "0.5"}, assignment=euros) as bench:
        await bench.hear(*bars([300.0]), wish(1.0))
        assert bench.published(OrderProposed) == []
        await bench.hear(Bar("EURUSD", bench.now, bench.now + 1, 1.25, 1.25, 1.25, 1.25, 1.0), wish(1.0))
        (proposed,) = bench.published(OrderProposed)
        assert proposed.order.quantity == 66, "50,000 dollars at 300 × 2 × 1.25"


@pytest.mark.parametrize(
    ("instrument", "fraction", "target", "close", "quantity"),
    [
        (contract("1"), "0.5", 1.0, 300.0, "166"),  # 166.67
        (contract("0.1"), "0.5", 1.0, 300.0, "166.6"),
        (contract("100"), "0.5", 1.0, 300.0, "100"),
        (contract("1", multiplier="50"), "0.5", 1.0, 300.0, "3"),
        (contract("1"), "0.5", 0.5, 300.0, "83"),
        (contract("1"), "2", 1.0, 300.0, "666"),  # on credit
        (contract("0.00000001"), "0.3333", 1.0, 7160.69, "4.65457937"),
    ],
)
async def test_it_buys_its_fraction_floored_to_the_lot(
    instrument: Instrument, fraction: str, target: float, close: float, quantity: str
) -> None:
    assert await ordered(fraction, target, close, **trading(instrument)) == [(Side.BUY, Decimal(quantity))]


async def test_a_short_position_is_floored_towards_zero_too() -> None:
    assert await ordered("0.5", -1.0, 300.0) == [(Side.SELL, Decimal(166))]


async def test_less_than_a_lot_is_nothing() -> None:
    assert await ordered("0.001", 1.0, 300.0) == []


async def test_without_a_price_it_leaves_things_as_they_are() -> None:
    async with Bench(FixedFraction, {"fraction": "0.5"}) as bench:
        await bench.hear(wish(1.0))
        assert bench.published(OrderProposed) == []


async def test_it_sizes_only_on_a_signal_and_then_by_the_equity_of_the_moment() -> None:
    desk = WatchfulDesk()
    async with Bench(FixedFraction, {"fraction": "0.5"}) as bench:
        await bench.hear(*bars([100]))
        await bench.hear(wish(1.0))
        (first,) = [each.order for each in bench.published(OrderProposed)]
        await bench.hear(desk.fill(first, price=100, fee="10"))
        await bench.hear(*bars([150, 200], begin=bench.now))
        assert len(bench.published(OrderProposed)) == 1
        await bench.hear(wish(1.0))
        # 500 at 200 and 49,990 in cash are worth 149,990; half of it buys 374 at 200.
        (_, second) = [each.order for each in bench.published(OrderProposed)]
        assert (second.side, second.quantity) == (Side.SELL, Decimal(126))


@given(
    cash=st.decimals("1", "1e9", places=2),
    fraction=st.decimals("0.01", "3", places=4),
    close=st.integers(1, 10**8).map(lambda cents: cents / 100),
    lot=st.sampled_from(["1", "0.01", "10", "0.00001"]),
)
def test_what_it_buys_is_the_most_that_fits(cash: Decimal, fraction: Decimal, close: float, lot: str) -> None:
    orders = run(ordered(str(fraction), 1.0, close, **trading(contract(lot), cash)))
    bought = sum((each for _, each in orders), Decimal(0))
    budget = cash * fraction
    assert bought * Decimal(str(close)) <= budget < (bought + Decimal(lot)) * Decimal(str(close))
    assert bought == (bought / Decimal(lot)).quantize(Decimal(1), ROUND_DOWN) * Decimal(lot)


@pytest.mark.parametrize("fraction", ["0", "-0.1", "10.1", "NaN"])
async def test_a_fraction_lies_between_zero_and_ten(fraction: str) -> None:
    with pytest.raises(Refused, match=r"params\.fraction"):
        async with Bench(FixedFraction, {"fraction": fraction}):
            raise AssertionError
