"""A portfolio proposes an entry together with what protects it, and leaves nothing behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from lts.config.schema import ProtectionPlan
from lts.domain.journal import RecallOrders
from lts.domain.order_flow import CancelOrder, OrderChanged, OrderDenied, OrderProposed
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType, Side
from lts.domain.protection import EmergencyExit
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import ClosePositions
from lts.kinds.portfolio import PortfolioAssignment
from lts.sdk import SignalRaised
from lts.testing import TEST, Bench, WatchfulDesk, bars
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity

pytestmark = pytest.mark.requirement("INT-4.6", "LTS-003")

BUY, SELL = Side.BUY, Side.SELL
MARKET, STOP, LIMIT = OrderType.MARKET, OrderType.STOP, OrderType.LIMIT
PLAN = ProtectionPlan(stop_loss_bps=Decimal(200), take_profit_bps=Decimal(400))
UNPROTECTED = PortfolioAssignment("test", "tester", "USD", Decimal(100_000), {"TEST": TEST}, {"TEST": "test"})
PROTECTED = PortfolioAssignment(
    "test", "tester", "USD", Decimal(100_000), {"TEST": TEST}, {"TEST": "test"}, {"TEST": PLAN}
)


class Scene:
    """A portfolio of ten that is protected, and the desk."""

    def __init__(self, bench: Bench[FixedQuantity], desk: WatchfulDesk) -> None:
        self.bench, self.desk = bench, desk

    @property
    def orders(self) -> list[Order]:
        return [proposed.order for proposed in self.bench.published(OrderProposed)]

    @property
    def cancelled(self) -> list[str]:
        return [command.client_order_id[-6:].lstrip("0") for command in self.bench.asked(CancelOrder)]

    async def wish(self, target: float) -> list[Order]:
        before = len(self.orders)
        await self.bench.hear(SignalRaised("test", "TEST", target, "the test"))
        await self.bench.advance(0)
        for order in self.orders[before:]:
            self.desk.place(order)
        return self.orders[before:]

    async def fill(self, order: Order, quantity: int | None = None) -> None:
        await self.bench.hear(self.desk.fill(order, quantity))

    async def end(self, order: Order, status: OrderStatus = OrderStatus.CANCELED) -> None:
        await self.bench.hear(self.desk.close(order, status))

    async def leave(self) -> list[Order]:
        before = len(self.orders)
        await self.bench.hear(EmergencyExit("test", "TEST", "no stop", self.bench.now))
        for order in self.orders[before:]:
            self.desk.place(order)
        return self.orders[before:]


@asynccontextmanager
async def portfolio(
    assignment: PortfolioAssignment = PROTECTED, closes: tuple[float, ...] = (100,)
) -> AsyncIterator[Scene]:
    desk = WatchfulDesk()
    answers: dict[Any, Any] = {RecallOrders: desk.recall}
    async with Bench(FixedQuantity, {"quantity": "10"}, assignment=assignment, answers=answers) as bench:
        await bench.hear(*bars(closes))
        yield Scene(bench, desk)


Said = list[tuple[Side, OrderType, int, bool]]


def said(orders: list[Order]) -> Said:
    return [(order.side, order.type, int(order.quantity), order.reduce_only) for order in orders]


def long(quantity: int = 10) -> Said:
    return [(BUY, MARKET, quantity, False), (SELL, STOP, quantity, True), (SELL, LIMIT, quantity, True)]


def short(quantity: int = 10) -> Said:
    return [(SELL, MARKET, quantity, False), (BUY, STOP, quantity, True), (BUY, LIMIT, quantity, True)]


async def test_an_entry_comes_with_its_exits_priced_from_the_last_close() -> None:
    async with portfolio(closes=(90, 100)) as it:
        entry, stop, profit = orders = await it.wish(1.0)
        assert said(orders) == long()
        assert (stop.trigger_price, profit.limit_price) == (Decimal(98), Decimal(104))
        assert [each.client_order_id for each in orders] == [f"test-TEST-{n:06d}" for n in (1, 2, 3)]
        assert stop.parent == profit.parent == stop.group == profit.group == entry.client_order_id
        assert await it.wish(1.0) == []  # exits do not count as under way
        await it.fill(entry)
        assert await it.wish(1.0) == []
        assert it.cancelled == []


async def test_without_a_price_nothing_is_entered_that_could_not_be_protected() -> None:
    async with portfolio(closes=()) as it:
        assert await it.wish(1.0) == []
        await it.bench.hear(*bars([100]))
        assert said(await it.wish(1.0)) == long()


async def test_what_is_added_has_exits_of_its_own_and_what_is_taken_away_needs_none() -> None:
    async with portfolio() as it:
        first, *_ = await it.wish(0.5)
        await it.fill(first)
        second, *_ = added = await it.wish(1.0)
        assert said(added) == long(5)
        await it.fill(second)
        (less,) = await it.wish(0.3)
        assert said([less]) == [(SELL, MARKET, 7, True)]
        assert await it.wish(0.3) == []  # an order that closes counts as under way
        await it.fill(less)
        assert it.cancelled == []


async def test_when_the_position_is_closed_its_exits_are_cancelled() -> None:
    async with portfolio() as it:
        entry, *_ = await it.wish(1.0)
        await it.fill(entry)
        (closing,) = await it.wish(0.0)
        assert said([closing]) == [(SELL, MARKET, 10, True)]
        await it.fill(closing, 4)
        assert it.cancelled == []  # what is left is still protected
        await it.fill(closing)
        assert it.cancelled == ["2", "3"]


async def test_a_reversal_closes_by_an_order_that_only_reduces_and_protects_the_other_side() -> None:
    async with portfolio() as it:
        entry, *_ = await it.wish(1.0)
        await it.fill(entry)
        closing, opening, *_ = orders = await it.wish(-1.0)
        assert said(orders) == [(SELL, MARKET, 10, True), *short()]
        await it.fill(closing)
        assert it.cancelled == ["2", "3"]
        await it.fill(opening)
        assert set(it.cancelled) == {"2", "3"}  # and never those of the new side
        assert (await it.bench.debug())["positions"] == {"TEST": "-10"}


async def test_a_stop_that_trades_while_a_reversal_is_under_way_does_not_double_it() -> None:
    async with portfolio() as it:
        entry, stop, _ = await it.wish(1.0)
        await it.fill(entry)
        closing, opening, *_ = await it.wish(-1.0)
        await it.fill(stop)
        await it.end(closing)  # its venue finds nothing to reduce
        await it.fill(opening)
        assert (await it.bench.debug())["positions"] == {"TEST": "-10"}
        assert await it.wish(-1.0) == []


async def test_an_entry_that_was_not_there_yet_is_reversed_with_exits_for_what_is_opened() -> None:
    async with portfolio() as it:
        await it.wish(1.0)
        assert said(await it.wish(-1.0)) == [(SELL, MARKET, 20, False), *short()[1:]]


async def test_a_signal_waits_until_its_instant_is_over() -> None:
    async with portfolio() as it:
        await it.bench.hear(SignalRaised("test", "TEST", 1.0, "the test"))
        assert it.orders == []
        await it.bench.advance(0)
        assert said(it.orders) == long()


async def test_exits_that_have_traded_leave_nothing_under_way() -> None:
    async with portfolio() as it:
        entry, _, profit = await it.wish(1.0)
        await it.fill(entry)
        await it.fill(profit)
        assert it.cancelled == ["2"]
        assert said(await it.wish(1.0)) == long()


async def test_exits_of_an_entry_that_never_traded_are_left_to_the_desk() -> None:
    async with portfolio() as it:
        entry, *_ = await it.wish(1.0)
        await it.bench.hear(OrderDenied("test", entry, "the test", it.bench.now))
        assert it.cancelled == []
        await it.bench.hear(
            *(
                OrderChanged("test", name, OrderStatus.DENIED, 1)
                for name in it.bench.actor.brackets["TEST"].exits
            )
        )
        assert (await it.bench.debug())["protective"] == []


async def test_an_adjustment_to_nothing_ends_the_exits_too() -> None:
    async with portfolio() as it:
        entry, *_ = await it.wish(1.0)
        await it.fill(entry)
        adjusted = PositionAdjusted(
            "test", "TEST", "test", Decimal(-10), Decimal(100), "a1", "", it.bench.now
        )
        await it.bench.hear(adjusted)
        assert it.cancelled == ["2", "3"]


async def test_an_emergency_exit_closes_all_and_ends_what_may_still_enter() -> None:
    async with portfolio() as it:
        first, *_ = await it.wish(0.5)
        await it.fill(first)
        entering, *_ = await it.wish(1.0)
        await it.fill(entering, 2)
        (exit_,) = await it.leave()
        assert said([exit_]) == [(SELL, MARKET, 7, True)]
        assert it.cancelled == ["4"]
        assert await it.leave() == []  # there is one
        await it.end(entering)
        await it.end(exit_, OrderStatus.REJECTED)
        (again,) = await it.leave()
        await it.fill(again)
        assert set(it.cancelled) == {"2", "3", "4", "5", "6"}
        assert await it.leave() == []  # nothing is held


async def test_an_emergency_exit_does_not_double_what_closes_already() -> None:
    async with portfolio() as it:
        entry, *_ = await it.wish(1.0)
        await it.fill(entry)
        (closing,) = await it.wish(0.0)
        assert await it.leave() == []
        await it.end(closing)
        assert len(await it.leave()) == 1


async def test_an_exit_that_its_venue_has_not_taken_is_put_there_again_on_the_same_terms() -> None:
    async with portfolio() as it:
        entry, stop, profit = await it.wish(1.0)
        await it.fill(entry)
        await it.end(stop, OrderStatus.REJECTED)
        await it.bench.advance(0)
        again = it.orders[-1]
        assert (said([again]), again.terms) == (said([stop]), stop.terms)
        assert (again.parent, again.group) == (stop.parent, stop.group)
        assert again.client_order_id == "test-TEST-000004"
        it.desk.place(again)
        await it.end(profit, OrderStatus.CANCELED)  # somebody has wanted that
        await it.bench.advance(100)
        assert it.orders[-1] is again
        await it.wish(0.0)
        await it.fill(it.orders[-1])
        assert it.cancelled == ["4"]


async def test_an_exit_that_is_never_taken_is_tried_less_and_less_often_and_not_for_ever() -> None:
    async with portfolio() as it:
        entry, stop, _ = await it.wish(1.0)
        await it.fill(entry)
        for pause_s in (0, 1, 2, 4, 8, 8):
            await it.end(stop, OrderStatus.REJECTED)
            await it.bench.advance(max(pause_s - 0.1, 0))
            assert (it.orders[-1] is stop) is bool(pause_s) or it.orders[-1].type is LIMIT
            await it.bench.advance(0.1)
            stop = it.orders[-1]
            assert said([stop]) == [(SELL, STOP, 10, True)]
            it.desk.place(stop)
        await it.end(stop, OrderStatus.REJECTED)
        await it.bench.advance(100)
        assert it.orders[-1] is stop


async def test_an_exit_of_what_is_not_held_any_more_is_not_put_there_again() -> None:
    async with portfolio() as it:
        entry, stop, profit = await it.wish(1.0)
        await it.fill(entry)
        await it.fill(profit)
        await it.end(stop, OrderStatus.REJECTED)
        await it.bench.advance(1)
        assert len(it.orders) == 3


async def test_closing_positions_is_known_as_closing() -> None:
    async with portfolio() as it:
        entry, *_ = await it.wish(1.0)
        await it.fill(entry)
        await it.bench.hear(ClosePositions("test", "test", "the test"))
        assert it.orders[-1].reduce_only
        assert await it.leave() == []


@pytest.mark.parametrize("assignment", [PROTECTED, UNPROTECTED], ids=["still asked for", "asked for no more"])
async def test_a_restart_finds_the_protection_and_doubles_nothing(assignment: PortfolioAssignment) -> None:
    async with portfolio() as it:
        entry, stop, profit = await it.wish(1.0)
        await it.fill(entry)
        it.bench.actor.assignment = assignment
        await it.bench.restart()
        await it.bench.hear(*bars([100], begin=it.bench.now))
        assert (await it.bench.debug())["protective"] == [stop.client_order_id, profit.client_order_id]
        assert await it.wish(1.0) == []
        assert it.cancelled == []
        (closing,) = await it.wish(0.0)
        assert (closing.client_order_id[-1], closing.reduce_only) == ("4", True)
        await it.bench.restart()
        assert await it.wish(0.0) == []
        await it.fill(closing)
        assert it.cancelled == ["2", "3"]


async def test_exits_that_protect_nothing_are_cancelled_by_a_restart_that_finds_them() -> None:
    async with portfolio() as it:
        entry, stop, profit = await it.wish(1.0)
        it.desk.fill(entry)
        await it.bench.restart(it.desk.fill(stop))
        assert it.cancelled == [profit.client_order_id[-1]]


async def test_what_is_not_to_be_protected_is_traded_as_ever() -> None:
    async with portfolio(UNPROTECTED) as it:
        await it.bench.hear(SignalRaised("test", "TEST", 1.0, "the test"))
        assert said(it.orders) == [(BUY, MARKET, 10, False)]
        await it.fill(it.orders[0])
        assert said(await it.wish(-1.0)) == [(SELL, MARKET, 20, False)]
        assert await it.leave() == []
