"""The watch counts the seconds in which what is held has no stop that works, and calls for an exit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.protection import AGAIN_S, BREATH_S, Protection
from bus import DeadLetter
from lts.domain.journal import BalanceSnapshot, OrdersRecalled, RecallOrders
from lts.domain.order_flow import (
    GetOrdersUnderWay,
    OrderAlarmed,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrdersUnderWay,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, OrderType, Side, Terms
from lts.domain.portfolio_settings import PortfolioRegistered
from lts.domain.positions import Position, PositionChanged
from lts.domain.protection import EmergencyExit, GetProtection, Place, Protected, ProtectionChanged
from lts.domain.risk import TradingState, TradingStateChanged
from lts.testing import Bench, WatchfulDesk, limit_order, market_order

pytestmark = pytest.mark.requirement("INT-4.6", "INT-9.2", "LTS-002")

BUY, SELL = Side.BUY, Side.SELL
ACCEPTED, SUBMITTED = OrderStatus.ACCEPTED, OrderStatus.SUBMITTED
PLACE = Place("test", "TEST")
TEN_SECONDS: dict[Place, float | None] = {PLACE: 10.0}


def stop(number: int = 2, quantity: int = 10, side: Side = SELL) -> ApprovedOrder:
    return msgspec.structs.replace(
        market_order(side, quantity, number=number),
        type=OrderType.STOP,
        trigger_price=Decimal(98),
        reduce_only=True,
        parent=market_order().client_order_id,
    )


def way_out(number: int = 9, quantity: int = 10) -> ApprovedOrder:
    return msgspec.structs.replace(market_order(SELL, quantity, number=number), reduce_only=True)


class Scene:
    """A watch, and all that it hears of."""

    def __init__(self, bench: Bench[Protection], desk: WatchfulDesk) -> None:
        self.bench, self.desk = bench, desk

    async def hold(self, quantity: int) -> None:
        position = Position("test", "TEST", quantity=Decimal(quantity))
        await self.bench.hear(PositionChanged("test", position, Decimal(0), self.bench.now))

    async def approve(self, *orders: ApprovedOrder) -> None:
        for order in orders:
            await self.bench.hear(OrderApproved("test", order))
            await self.move(order, SUBMITTED)

    async def move(self, order: ApprovedOrder, status: OrderStatus, **more: Any) -> None:
        changed = OrderChanged("test", order.client_order_id, status, self.bench.now, **more)
        if order.client_order_id in self.desk.records:
            self.desk.records[order.client_order_id].follow(changed)
        else:
            self.desk.place(order)
        await self.bench.hear(changed)

    async def work(self, *orders: ApprovedOrder) -> None:
        for order in orders:
            await self.approve(order)
            await self.move(order, ACCEPTED)

    async def report(self) -> Protected:
        (one,) = (await self.bench.ask(GetProtection("test"))).instruments
        return one

    @property
    def told(self) -> list[int]:
        return [int(changed.uncovered) for changed in self.bench.published(ProtectionChanged)]

    @property
    def calls(self) -> int:
        return len(self.bench.published(EmergencyExit))


@asynccontextmanager
async def watch(
    places: dict[Place, float | None] = TEN_SECONDS, desk: WatchfulDesk | None = None, **answers: Any
) -> AsyncIterator[Scene]:
    desk = desk or WatchfulDesk()
    given: dict[Any, Any] = {
        RecallOrders: answers.get("recall", desk.recall),
        GetOrdersUnderWay: OrdersUnderWay("test", answers.get("under_way", ())),
    }
    async with Bench(Protection, places, answers=given) as bench:
        yield Scene(bench, desk)


async def test_only_a_stop_that_works_on_the_other_side_and_only_reduces_covers() -> None:
    async with watch() as it:
        await it.hold(10)
        assert (await it.report()).covered == 0
        target = msgspec.structs.replace(limit_order(SELL, 10, 104, number=3), reduce_only=True)
        adding = msgspec.structs.replace(stop(4), reduce_only=False)
        await it.work(target, adding, stop(5, 10, BUY))
        assert (await it.report()).covered == 0
        await it.approve(stop())
        assert (await it.report()).covered == 0  # it is on its way
        await it.move(stop(), ACCEPTED)
        assert (await it.report()).covered == 10
        await it.work(stop(6, 5))
        assert (await it.report()).covered == 15  # more than is held


@pytest.mark.parametrize(
    "status", [OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_UPDATE, OrderStatus.CANCELED]
)
async def test_what_is_being_cancelled_or_in_doubt_covers_nothing(status: OrderStatus) -> None:
    async with watch() as it:
        await it.work(stop())
        await it.hold(10)
        await it.move(stop(), status)
        assert it.told == [10]
        if status.is_open:
            await it.move(stop(), OrderStatus.UNKNOWN)
            assert it.told == [10]
            await it.move(stop(), ACCEPTED)
            assert it.told == [10, 0]


async def test_a_stop_covers_what_is_left_of_it_on_its_terms() -> None:
    async with watch() as it:
        await it.work(stop())
        await it.hold(10)
        await it.move(stop(), ACCEPTED, terms=Terms(Decimal(7), trigger_price=Decimal(97)))
        assert it.told == [3]
        await it.bench.hear(it.desk.fill(stop(), 4))
        assert (await it.report()).covered == 3
        await it.hold(6)
        assert it.told[-1] == 3


async def test_unprotected_seconds_are_counted_in_market_time_as_long_as_any_is_uncovered() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.bench.advance(2.5)
        assert (await it.report()).unprotected_s == 2.5
        await it.work(stop(2, 6))
        await it.bench.advance(1)
        await it.work(stop(3, 4))
        await it.bench.advance(100)
        assert (await it.report()).unprotected_s == 3.5
        await it.move(stop(3, 4), OrderStatus.CANCELED)
        await it.bench.advance(2)
        await it.hold(0)
        await it.bench.advance(100)
        assert await it.report() == Protected("TEST", Decimal(0), Decimal(0), 5.5, 0)
        assert it.told == [10, 4, 0, 4, 0]


async def test_after_the_limit_it_calls_for_an_exit_once() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.bench.advance(9.9)
        assert it.calls == 0
        await it.bench.advance(0.1)
        reason = "10 of TEST has had no stop that works for 10 s"
        assert it.bench.published(EmergencyExit) == [EmergencyExit("test", "TEST", reason, it.bench.now)]
        assert it.bench.published(OrderAlarmed) == [OrderAlarmed("test", "", reason, it.bench.now)]
        await it.bench.advance(3600)
        assert it.calls == 1
        assert (await it.report()).emergency_exits == 1


async def test_a_stop_that_comes_in_time_makes_an_exit_unnecessary_and_the_time_begins_anew() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.bench.advance(9)
        await it.work(stop())
        await it.move(stop(), OrderStatus.CANCELED)
        await it.bench.advance(9)
        assert it.calls == 0
        await it.bench.advance(1)
        assert it.calls == 1


async def test_what_has_no_limit_is_watched_only() -> None:
    async with watch({PLACE: None}) as it:
        await it.hold(10)
        await it.bench.advance(3600)
        assert (it.told, it.calls) == ([10], 0)
        assert (await it.report()).unprotected_s == 3600


async def test_others_are_no_business_of_the_watch() -> None:
    async with watch({Place("test", "OTHER"): 1.0}) as it:
        await it.work(stop(), way_out())
        await it.hold(10)
        await it.bench.hear(OrderDenied("test", way_out(), "the test", it.bench.now))
        await it.bench.advance(10)
        assert it.bench.said == [GetOrdersUnderWay("test"), RecallOrders("test")]


async def test_an_exit_that_is_denied_is_called_for_again_after_longer_and_longer_pauses() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.bench.advance(10)
        for calls, pause_s in enumerate((1, 2, 4, 8, 16, AGAIN_S, AGAIN_S), 1):
            await it.bench.hear(OrderDenied("test", way_out(), "halted", it.bench.now))
            await it.bench.advance(pause_s - 0.1)
            assert it.calls == calls
            await it.bench.advance(0.1)
            assert it.calls == calls + 1


async def test_no_time_is_lost_where_trading_goes_on() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.bench.advance(10)
        for pause_s in (1, 2, 4, 8, 16):
            await it.bench.hear(OrderDenied("test", way_out(), "halted", it.bench.now))
            await it.bench.advance(pause_s)
        await it.bench.hear(OrderDenied("test", way_out(), "halted", it.bench.now))
        for state, calls in ((TradingState.HALTED, 6), (TradingState.ACTIVE, 7)):
            await it.bench.hear(TradingStateChanged("account:test", state, "the test", it.bench.now))
            await it.bench.advance(BREATH_S)
            assert it.calls == calls
        await it.bench.hear(TradingStateChanged("system", TradingState.ACTIVE, "the test", it.bench.now))
        await it.bench.advance(100)
        assert it.calls == 7  # what was called for is awaited


async def test_where_all_was_covered_the_pauses_begin_anew() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.bench.advance(10)
        for _ in range(5):
            await it.bench.hear(OrderDenied("test", way_out(), "halted", it.bench.now))
            await it.bench.advance(AGAIN_S)
        await it.hold(0)
        await it.hold(10)
        await it.bench.hear(OrderDenied("test", way_out(), "halted", it.bench.now))
        await it.bench.advance(10)
        assert it.calls == 7


async def test_an_exit_is_not_repeated_before_its_end_and_then_not_too_soon() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.bench.advance(10)
        await it.approve(way_out())
        await it.bench.advance(AGAIN_S + 100)
        assert it.calls == 1
        await it.move(way_out(), OrderStatus.UNKNOWN)
        await it.bench.advance(100)
        assert it.calls == 1
        await it.move(way_out(), OrderStatus.REJECTED)
        await it.bench.advance(1)
        assert it.calls == 2


async def test_an_exit_that_has_traded_ends_the_matter() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.bench.advance(10)
        await it.approve(way_out())
        await it.bench.hear(it.desk.fill(way_out()))
        await it.hold(0)
        await it.bench.advance(3600)
        assert (it.calls, it.told) == (1, [10, 0])


async def test_an_order_that_closes_anyway_is_waited_for_and_its_end_is_no_new_beginning() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.approve(way_out())
        await it.bench.advance(20)
        assert it.calls == 0
        await it.move(way_out(), OrderStatus.CANCELED)
        await it.bench.advance(1)
        assert it.calls == 1  # the limit is long past


async def test_an_exit_that_nobody_hears_of_is_called_for_again() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.bench.advance(10)
        (call,) = it.bench.published(EmergencyExit)
        await it.bench.hear(DeadLetter(call, "portfolio/test", "quarantined", failed=False))
        await it.bench.advance(AGAIN_S)
        assert it.calls == 2


async def test_a_position_that_is_gone_before_its_exit_is_proposed_leaves_nothing_behind() -> None:
    async with watch() as it:
        await it.hold(10)
        await it.bench.advance(10)
        await it.hold(0)
        await it.hold(10)
        await it.bench.advance(AGAIN_S)
        assert it.calls == 2


async def test_a_restart_takes_up_positions_and_stops_and_repeats_no_exit_that_is_under_way() -> None:
    desk = WatchfulDesk()
    desk.fill(market_order(BUY, 10))
    desk.place(stop())
    async with watch(desk=desk) as it:
        assert it.told == [10]  # it was not accepted yet
        await it.move(stop(), ACCEPTED)
        await it.bench.restart()
        assert it.told == [10, 0]
        await it.bench.hear(OrderChanged("test", stop().client_order_id, SUBMITTED, 1))  # old news
        assert (await it.report()).covered == 10
        await it.move(stop(), OrderStatus.REJECTED)
        await it.bench.advance(10)
        await it.approve(way_out())
        await it.bench.restart()
        await it.bench.advance(3600)
        assert it.calls == 1


async def test_a_restart_knows_a_way_out_that_is_not_journalled_yet() -> None:
    desk = WatchfulDesk()
    desk.fill(market_order(BUY, 10))
    async with watch(desk=desk, under_way=(market_order(BUY, 10), way_out())) as it:
        await it.bench.advance(3600)
        assert it.calls == 0
        await it.bench.hear(OrderChanged("test", way_out().client_order_id, OrderStatus.DENIED, it.bench.now))
        await it.bench.advance(1)
        assert it.calls == 1


async def test_positions_begin_with_what_was_archived() -> None:
    position = Position("test", "TEST", quantity=Decimal(-4))
    recalled = WatchfulDesk().recall(RecallOrders())
    snapshots = (BalanceSnapshot(position, "test", 3, 1),)
    async with watch(recall=msgspec.structs.replace(recalled, snapshots=snapshots)) as it:
        assert it.told == [4]
        await it.work(stop(2, 4, BUY))
        assert it.told == [4, 0]


async def test_each_position_of_an_account_that_hedges_is_watched_by_itself() -> None:
    long, short = (Place("test", "TEST", f"trend:{side}") for side in ("long", "short"))
    async with watch({long: 10.0, short: 10.0}) as it:
        for place, quantity in ((long, 10), (short, -10)):
            held = Position("test", "TEST", quantity=Decimal(quantity), id=place.position)
            await it.bench.hear(PositionChanged("test", held, Decimal(0), it.bench.now))
        await it.work(msgspec.structs.replace(stop(), position="trend:long"))
        told = [(each.position, int(each.uncovered)) for each in it.bench.published(ProtectionChanged)]
        assert told == [("trend:long", 10), ("trend:short", 10), ("trend:long", 0)]
        await it.bench.advance(10)
        (exit_,) = it.bench.published(EmergencyExit)
        assert (exit_.instrument, exit_.position) == ("TEST", "trend:short")
        assert exit_.reason == "10 of position trend:short in TEST has had no stop that works for 10 s"
        report = await it.bench.ask(GetProtection("test"))
        assert [(each.position, int(each.held), int(each.covered)) for each in report.instruments] == [
            ("trend:long", 10, 10),
            ("trend:short", -10, 0),
        ]


async def test_places_of_a_portfolio_that_is_registered_later_are_watched() -> None:
    places: dict[Place, float | None] = {}
    answers: dict[type, Any] = {
        GetOrdersUnderWay: lambda wanted: OrdersUnderWay(wanted.portfolio),
        RecallOrders: OrdersRecalled(()),
    }
    async with Bench(Protection, places, answers=answers) as bench:
        position = Position("test", "TEST", quantity=Decimal(5))
        await bench.hear(PositionChanged("test", position, Decimal(0), bench.now))
        assert bench.published(ProtectionChanged) == []
        places[PLACE] = 10.0
        await bench.hear(PortfolioRegistered("test"))
        await bench.hear(PositionChanged("test", position, Decimal(0), bench.now))
        assert bench.published(ProtectionChanged) == [
            ProtectionChanged("test", "TEST", Decimal(5), bench.now)
        ]
        del places[PLACE]
        await bench.hear(PortfolioRegistered("test"))
        await bench.advance(20)
        assert bench.published(EmergencyExit) == []
        assert (await bench.ask(GetProtection("test"))).instruments == ()
