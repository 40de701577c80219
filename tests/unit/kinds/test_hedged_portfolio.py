"""A portfolio in an account that hedges holds a long and a short position for each of its assets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from lts.config.schema import ProtectionPlan
from lts.domain.accounts import GetAccount, StandingTarget
from lts.domain.journal import RecallOrders
from lts.domain.order_flow import CancelOrder, OrderProposed
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType, Side
from lts.domain.positions import PositionChanged
from lts.domain.protection import EmergencyExit
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import ClosePositions
from lts.kinds.portfolio import PortfolioAssignment
from lts.refusal import Refused
from lts.sdk import SignalRaised
from lts.testing import TEST, Bench, WatchfulDesk, bars
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity

pytestmark = pytest.mark.requirement("INT-4.6", "LTS-003")

BUY, SELL = Side.BUY, Side.SELL
PLAN = ProtectionPlan(stop_loss_bps=Decimal(200), take_profit_bps=Decimal(400))
HEDGED = PortfolioAssignment(
    "test",
    "tester",
    "USD",
    Decimal(100_000),
    {"TEST": TEST},
    {"TEST": "test"},
    hedged={"trend": "TEST", "other": "TEST"},
)
PROTECTED = replace(HEDGED, protection={"trend": PLAN})
Said = list[tuple[Side, int, str, bool]]


class Scene:
    """A portfolio of ten for each asset, and the desk."""

    def __init__(self, bench: Bench[FixedQuantity], desk: WatchfulDesk) -> None:
        self.bench, self.desk = bench, desk

    @property
    def orders(self) -> list[Order]:
        return [proposed.order for proposed in self.bench.published(OrderProposed)]

    @property
    def cancelled(self) -> list[str]:
        return [command.client_order_id for command in self.bench.asked(CancelOrder)]

    async def wish(self, target: float, asset: str = "trend") -> list[Order]:
        before = len(self.orders)
        await self.bench.hear(SignalRaised("test", "TEST", target, "the test", asset=asset))
        await self.bench.advance(0)
        return self.taken(before)

    async def fill(self, *orders: Order, quantity: int | None = None, price: int = 100) -> None:
        for order in orders:
            await self.bench.hear(self.desk.fill(order, quantity, price))

    def taken(self, before: int) -> list[Order]:
        for order in self.orders[before:]:
            self.desk.place(order)
        return self.orders[before:]

    async def held(self) -> dict[str, int]:
        account = await self.bench.ask(GetAccount("test"))
        return {each.id: int(each.quantity) for each in account.positions if each.quantity}

    async def target(self, asset: str) -> float:
        return (await self.bench.ask(StandingTarget("test", "TEST", asset))).target


@asynccontextmanager
async def portfolio(assignment: PortfolioAssignment = HEDGED) -> AsyncIterator[Scene]:
    desk = WatchfulDesk()
    answers: dict[Any, Any] = {RecallOrders: desk.recall}
    async with Bench(FixedQuantity, {"quantity": "10"}, assignment=assignment, answers=answers) as bench:
        await bench.hear(*bars([100]))
        yield Scene(bench, desk)


def said(orders: list[Order]) -> Said:
    return [(order.side, int(order.quantity), order.position, order.reduce_only) for order in orders]


async def test_two_assets_hold_long_and_short_of_one_instrument_at_once() -> None:
    async with portfolio() as it:
        orders = [*await it.wish(1.0), *await it.wish(-0.5, "other")]
        assert said(orders) == [(BUY, 10, "trend:long", False), (SELL, 5, "other:short", False)]
        assert len({order.client_order_id for order in orders}) == 2
        await it.fill(*orders)
        assert await it.held() == {"trend:long": 10, "other:short": -5}
        assert [each.position.id for each in it.bench.published(PositionChanged)] == [
            "trend:long",
            "other:short",
        ]
        assert [await it.wish(1.0), await it.wish(-0.5, "other")] == [[], []]
        assert (await it.target("trend"), await it.target("other")) == (1.0, -0.5)


async def test_a_reversal_closes_one_position_and_opens_the_other() -> None:
    async with portfolio() as it:
        await it.fill(*await it.wish(1.0))
        orders = await it.wish(-1.0)
        assert said(orders) == [(SELL, 10, "trend:long", True), (SELL, 10, "trend:short", False)]
        assert await it.wish(-1.0) == []
        await it.fill(*orders)
        assert await it.held() == {"trend:short": -10}
        assert said(await it.wish(0.0)) == [(BUY, 10, "trend:short", True)]


async def test_more_adds_to_a_position_and_less_takes_from_it() -> None:
    async with portfolio() as it:
        await it.fill(*await it.wish(0.5))
        added = await it.wish(1.0)
        assert said(added) == [(BUY, 5, "trend:long", False)]
        await it.fill(*added)
        assert said(await it.wish(0.2)) == [(SELL, 8, "trend:long", True)]


async def test_an_entry_that_is_not_wanted_any_more_is_cancelled_and_then_the_signal_pursued() -> None:
    async with portfolio() as it:
        (entry,) = await it.wish(1.0)
        await it.fill(entry, quantity=4)
        closing, opening = await it.wish(-1.0)
        assert said([closing, opening]) == [(SELL, 4, "trend:long", True), (SELL, 10, "trend:short", False)]
        assert it.cancelled == [entry.client_order_id]
        await it.fill(entry, quantity=1)  # it crossed the cancel
        before = len(it.orders)
        await it.bench.hear(it.desk.close(entry, OrderStatus.CANCELED))
        assert said(it.taken(before)) == [(SELL, 1, "trend:long", True)]
        await it.fill(closing, opening, it.orders[-1])
        assert await it.held() == {"trend:short": -10}
        assert it.bench.actor.waiting == {}


async def test_another_signal_takes_the_place_of_one_that_waits() -> None:
    async with portfolio() as it:
        (entry,) = await it.wish(1.0)
        assert await it.wish(0.0) == []
        assert it.cancelled == [entry.client_order_id]
        assert await it.wish(1.0) == []
        await it.fill(entry)
        assert await it.held() == {"trend:long": 10}
        assert len(it.orders) == 1


async def test_each_position_is_protected_by_exits_of_its_own() -> None:
    async with portfolio(PROTECTED) as it:
        entry, stop, profit = await it.wish(1.0)
        assert {entry.position, stop.position, profit.position} == {"trend:long"}
        assert (stop.type, stop.reduce_only, stop.parent) == (OrderType.STOP, True, entry.client_order_id)
        (other,) = await it.wish(-1.0, "other")
        await it.fill(entry, other)
        closing, opening, *exits = await it.wish(-1.0)
        assert {order.position for order in (opening, *exits)} == {"trend:short"}
        await it.fill(closing)
        assert it.cancelled == [stop.client_order_id, profit.client_order_id]
        await it.fill(opening)
        assert set(it.cancelled) == {stop.client_order_id, profit.client_order_id}
        assert await it.held() == {"other:short": -10, "trend:short": -10}


async def test_an_emergency_exit_closes_its_position_alone() -> None:
    async with portfolio(PROTECTED) as it:
        await it.fill((await it.wish(1.0))[0], *await it.wish(-1.0, "other"))
        before = len(it.orders)
        await it.bench.hear(EmergencyExit("test", "TEST", "no stop", it.bench.now, "trend:long"))
        assert said(it.taken(before)) == [(SELL, 10, "trend:long", True)]
        await it.bench.hear(EmergencyExit("test", "TEST", "no stop", it.bench.now, "trend:long"))
        assert len(it.orders) == before + 1


async def test_closing_closes_both_sides_although_they_are_nothing_together() -> None:
    async with portfolio() as it:
        await it.fill(*await it.wish(1.0), *await it.wish(-1.0, "other"))
        before = len(it.orders)
        await it.bench.hear(ClosePositions("test", "test", "halted"))
        closing = it.taken(before)
        assert sorted(said(closing)) == [(BUY, 10, "other:short", True), (SELL, 10, "trend:long", True)]
        await it.bench.hear(ClosePositions("test", "test", "halted"))
        assert len(it.orders) == before + 2
        await it.fill(*closing)
        assert await it.held() == {}


async def test_an_adjustment_is_of_one_position() -> None:
    async with portfolio() as it:
        await it.fill(*await it.wish(1.0))
        told = ("TEST", "test", Decimal(-4), Decimal(100), "1", "approved", it.bench.now, "trend:long")
        await it.bench.hear(PositionAdjusted("test", *told))
        assert await it.held() == {"trend:long": 6}
        assert said(await it.wish(1.0)) == [(BUY, 4, "trend:long", False)]


async def test_a_restart_finds_both_sides_and_what_is_under_way() -> None:
    async with portfolio(PROTECTED) as it:
        entry, stop, _ = await it.wish(1.0)
        await it.fill(entry)
        (other,) = await it.wish(-1.0, "other")
        await it.fill(other, quantity=4)
        before = await it.bench.ask(GetAccount("test"))
        await it.bench.restart()
        await it.bench.hear(*bars([100], begin=it.bench.now))
        after = await it.bench.ask(GetAccount("test"))
        assert (after.cash, after.positions) == (before.cash, before.positions)
        assert (await it.target("trend"), await it.target("other")) == (1.0, -1.0)
        assert [await it.wish(1.0), await it.wish(-1.0, "other")] == [[], []]
        await it.fill(stop)
        await it.bench.restart()
        await it.bench.hear(*bars([100], begin=it.bench.now))
        assert await it.target("trend") == 1.0  # an exit took it out, and it was wanted until then
        assert await it.target("never") == 0.0


@pytest.mark.parametrize(("was", "then"), [(HEDGED, "hedging"), (replace(HEDGED, hedged={}), "netting")])
async def test_it_does_not_go_on_with_what_the_account_has_kept_in_another_way(
    was: PortfolioAssignment, then: str
) -> None:
    now = replace(HEDGED, hedged={}) if was.hedged else HEDGED
    async with portfolio(was) as it:
        await it.wish(1.0, "trend" if was.hedged else "")
        answers: dict[Any, Any] = {RecallOrders: it.desk.recall}
        told = f"broker 'test' had positions = \"{then}\"; say that again and close them first"
        with pytest.raises(Refused, match=told):
            async with Bench(FixedQuantity, {"quantity": "10"}, assignment=now, answers=answers):
                pass
