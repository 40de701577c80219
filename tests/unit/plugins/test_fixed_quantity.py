"""fixed_quantity holds plus or minus the same quantity."""

from decimal import Decimal

import pytest

from lts.sdk import OrderProposed, OrderType, Refused, Side, SignalRaised, TimeInForce
from lts.testing import Bench, PortfolioContract, WatchfulDesk, bars
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity

pytestmark = pytest.mark.requirement("INT-4.6")


class TestItsContract(PortfolioContract):
    plugin = FixedQuantity
    params = {"quantity": "10"}


def wish(target: float) -> SignalRaised:
    return SignalRaised("test", "TEST", target, "the test")


async def test_a_reversal_is_one_order_for_the_difference() -> None:
    desk = WatchfulDesk()
    async with Bench(FixedQuantity, {"quantity": "10"}) as bench:
        await bench.hear(*bars([100]))
        for target in (1.0, -1.0, 1.0):
            await bench.hear(wish(target))
            await bench.hear(desk.fill(bench.published(OrderProposed)[-1].order))
        orders = [proposed.order for proposed in bench.published(OrderProposed)]
        assert [(order.side, order.quantity) for order in orders] == [
            (Side.BUY, Decimal(10)),
            (Side.SELL, Decimal(20)),
            (Side.BUY, Decimal(20)),
        ]
        assert {(order.type, order.time_in_force) for order in orders} == {
            (OrderType.MARKET, TimeInForce.GTC)
        }
        assert [order.client_order_id for order in orders] == [f"test-TEST-{n:06d}" for n in (1, 2, 3)]


async def test_a_reversal_counts_what_is_still_under_way() -> None:
    async with Bench(FixedQuantity, {"quantity": "10"}) as bench:
        await bench.hear(*bars([100]))
        await bench.hear(wish(1.0), wish(-1.0))
        assert [each.order.quantity for each in bench.published(OrderProposed)] == [10, 20]


async def test_a_partial_target_holds_a_part() -> None:
    async with Bench(FixedQuantity, {"quantity": "10"}) as bench:
        await bench.hear(*bars([100]))
        await bench.hear(wish(0.3), wish(-0.5))
        quantities = [each.order.quantity for each in bench.published(OrderProposed)]
        assert quantities == [Decimal(3), Decimal(8)]


async def test_it_needs_no_price_to_size_an_order() -> None:
    async with Bench(FixedQuantity, {"quantity": "2.5"}) as bench:
        await bench.hear(wish(1.0))
        assert [each.order.quantity for each in bench.published(OrderProposed)] == [Decimal("2.5")]


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "many", None])
async def test_a_quantity_is_an_amount_above_zero(quantity: object) -> None:
    with pytest.raises(Refused, match=r"params"):
        async with Bench(FixedQuantity, {"quantity": quantity}):
            raise AssertionError
