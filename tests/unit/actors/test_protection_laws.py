"""Whatever a venue does to the orders of a protected portfolio: what it holds is covered, or it goes.

Risk, desk, journal, portfolio and watch are the real ones; Hypothesis is the strategy, the venue and time.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from actors.desk import Desk
from actors.journal import MemoryJournal
from actors.protection import AGAIN_S, Protection
from actors.risk import RiskGate
from bus import SECOND, Actor, Bus, on
from lts.config.schema import ProtectionPlan, RiskPlan
from lts.domain.journal import RecallOrders
from lts.domain.market import Bar
from lts.domain.order_flow import (
    AmendOrder,
    ExecType,
    ExecutionReport,
    OrderAlarmed,
    OrderProposed,
    PlaceOrder,
    QueryOrder,
    WithdrawOrder,
)
from lts.domain.order_record import OrderRecord
from lts.domain.orders import Order, OrderType
from lts.domain.positions import PositionChanged
from lts.domain.protection import EmergencyExit, GetProtection, Place, Protected, leaves_at_once
from lts.domain.register import Register
from lts.domain.risk import GetTradingStates, TradingStatesReported
from lts.domain.signals import SignalRaised
from lts.kinds.portfolio import PortfolioAssignment
from lts.testing import BEGIN, TEST
from lts.testing.cast import Voice, ears, owner
from lts.testing.drive import BenchDriver
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity, FixedQuantityParams

pytestmark = [pytest.mark.requirement("INT-4.6", "LTS-002", "LTS-003"), pytest.mark.timeout(300)]

LIMIT_S = 10.0
PLAN = ProtectionPlan(stop_loss_bps=Decimal(200), take_profit_bps=Decimal(400))
ASSIGNMENT = PortfolioAssignment(
    "test", "ann", "USD", Decimal(100_000), {"TEST": TEST}, {"TEST": "test"}, {"TEST": PLAN}
)
REGISTER = Register({"TEST": TEST}, {"test": "ann"}, {("test", "TEST"): ("test",)})
TARGETS = (-1.0, -0.5, 0.0, 0.5, 1.0)


class Venue(Actor[None]):
    """Does with the orders that it has whatever it is told; that an order only reduces, it keeps to."""

    publishes = (ExecutionReport,)

    async def lifespan(self) -> Any:
        self.orders: dict[str, Order] = {}
        self.left: dict[str, Decimal] = {}
        self.held = Decimal(0)
        self.unwanted: list[str] = []
        self.fills = 0
        yield

    @on
    def place(self, request: PlaceOrder) -> None:
        order = request.order
        assert order.client_order_id not in self.left, "an order is sent twice"
        self.orders[order.client_order_id], self.left[order.client_order_id] = order, order.quantity

    @on
    def withdraw(self, request: WithdrawOrder) -> None:
        self.unwanted.append(request.client_order_id)

    @on
    def ignore(self, _: QueryOrder | AmendOrder) -> None:
        pass

    def do(self, name: str, what: str) -> None:
        order = self.orders.get(name)
        if order is None:
            return
        if what in {"accepted", "unknown"}:
            self._say(name, ExecType(what))
        elif what.startswith("fill"):
            self._fill(order, whole=what == "fill")
        else:
            del self.orders[name]
            worked = self.left[name] < order.quantity
            self._say(name, ExecType.CANCELED if worked else ExecType(what))

    def _fill(self, order: Order, *, whole: bool) -> None:
        name, sign = order.client_order_id, order.side.sign
        quantity = self.left[name] if whole else Decimal(1)
        if order.reduce_only:
            quantity = min(quantity, max(-sign * self.held, Decimal(0)))
        if not quantity:
            self.do(name, "canceled")
            return
        self.held += sign * quantity
        self.left[name] -= quantity
        self.fills += 1
        if not self.left[name]:
            del self.orders[name]
        self._say(name, ExecType.FILLED, exec_id=f"x{self.fills}", price=Decimal(100), quantity=quantity)

    def _say(self, name: str, kind: ExecType, **more: Any) -> None:
        self.publish(ExecutionReport("test", name, kind, self.clock.now(), **more))


class World:
    """All of it on one bus, and what has to hold of it."""

    def __init__(self) -> None:
        self.driver = BenchDriver()
        self.bus = Bus(self.driver)
        self.bus.clock.advance(BEGIN)
        self.alarms: list[OrderAlarmed] = []
        self.positions: list[Decimal] = []
        self.broken: list[str] = []
        self.calls = 0
        """How often an exit was called for, and no order has come of it yet."""

    async def begin(self) -> None:
        spawn = self.bus.spawn
        spawn(MemoryJournal, None, name="journal")
        spawn(owner(GetTradingStates, lambda _: TradingStatesReported(())), None, name="states")
        spawn(RiskGate, RiskPlan(), name="risk", assignment=REGISTER)
        self.desk: Any = spawn(Desk, None, name="desk", assignment=REGISTER).actor
        self.watch: Any = spawn(Protection, {Place("test", "TEST"): LIMIT_S}, name="watch").actor
        self.venue: Any = spawn(Venue, None, name="venue", scope={"broker": "test"}).actor
        spawn(ears((EmergencyExit,), self.check_exit), None, name="ears")
        spawn(ears((OrderProposed,), self.check_proposal), None, name="proposals")
        spawn(ears((OrderAlarmed,), self.alarms.append), None, name="alarms")
        spawn(
            ears((PositionChanged,), lambda each: self.positions.append(each.position.quantity)),
            None,
            name="p",
        )
        spawn(
            FixedQuantity,
            FixedQuantityParams(quantity=Decimal(4)),
            name="portfolio",
            assignment=ASSIGNMENT,
            scope={"portfolio": "test", "instrument": "TEST"},
            publishes=FixedQuantity.publishes,
            asks=FixedQuantity.asks,
        )
        says = (Bar, SignalRaised)
        self.voice: Any = spawn(
            Voice, None, name="v", publishes=says, asks=(RecallOrders, GetProtection)
        ).actor
        await self.driver.settle()
        await self.say(Bar("TEST", BEGIN, BEGIN, 100, 100, 100, 100, 1))

    async def say(self, event: Any) -> None:
        self.voice.publish(event)
        await self.driver.settle()

    async def pass_time(self, seconds: float) -> None:
        await self.driver.reach(self.bus.clock.now() + round(seconds * SECOND))

    async def step(self, what: str, number: int) -> None:
        self.calls = 0
        if what == "signal":
            await self.say(SignalRaised("test", "TEST", TARGETS[number % len(TARGETS)], "at random"))
            await self.pass_time(0)
        elif what == "time":
            await self.pass_time(4 * number)
        elif what == "nice":
            await self.be_nice()
        elif what == "obey":
            for name in self.venue.unwanted:
                self.venue.do(name, "canceled")
        elif open_orders := [*self.venue.orders]:  # the last ones are the more interesting
            self.venue.do(open_orders[-1 - number % len(open_orders)], what)
        await self.driver.settle()

    async def be_nice(self) -> None:
        """Have the venue do what is wanted of it: work everything, and trade what trades at any price."""
        for name, order in tuple(self.venue.orders.items()):
            if self.desk.records[name].status not in {"accepted", "partially_filled"}:
                self.venue.do(name, "accepted")
                await self.driver.settle()
            if order.type is OrderType.MARKET:
                self.venue.do(name, "fill")
                await self.driver.settle()
        await self.step("obey", 0)

    async def come_to_rest(self) -> None:
        """Have a venue that means well, and time enough."""
        for _ in range(6):
            await self.be_nice()
            await self.pass_time(AGAIN_S + LIMIT_S)

    async def check(self) -> Protected:
        one: Protected
        (one,) = (await self.voice.ask(GetProtection("test"))).instruments
        assert self.broken == []
        assert self.bus.vitals().failures == 0
        cover = self.watch.covers[Place("test", "TEST")]
        assert one.held == self.venue.held
        assert one.covered >= 0
        assert 0 <= cover.uncovered <= abs(one.held)
        assert cover.uncovered == max(abs(one.held) - self.covered_by_the_desk(), 0)
        assert (cover.since is None) is (not cover.uncovered)
        return one

    def covered_by_the_desk(self) -> Decimal:
        held, records = self.venue.held, self.desk.records.values()
        return sum((record.leaves for record in records if held and _covers(record, held)), Decimal(0))

    def check_exit(self, _: EmergencyExit) -> None:
        self.calls += 1
        under_way = [
            record
            for record in self.desk.records.values()
            if record.status.is_open and leaves_at_once(record.order)
        ]
        if under_way:
            self.broken.append("an exit is called for while another one is under way")

    def check_proposal(self, proposed: OrderProposed) -> None:
        if self.calls:
            self.calls -= 1
            if not leaves_at_once(proposed.order) or proposed.order.quantity != abs(self.venue.held):
                self.broken.append(f"{proposed.order} is no way out")


def _covers(record: OrderRecord, held: Decimal) -> bool:
    order = record.order
    works = record.status in {"accepted", "triggered", "partially_filled"}
    return works and order.type is OrderType.STOP and order.reduce_only and order.side.sign * held < 0


async def play(steps: list[tuple[str, int]]) -> None:
    world = World()
    await world.begin()
    try:
        for step in BEGIN_LONG + steps:
            await world.step(*step)
            await world.check()
        await world.come_to_rest()
        report = await world.check()
        assert not world.watch.covers[Place("test", "TEST")].uncovered
        records = [*world.desk.records.values()]
        open_exits = [record for record in records if record.status.is_open and record.order.parent]
        assert report.held or not open_exits, "something is left behind that protects nothing"
        assert all(record.order.reduce_only for record in records if record.order.parent)
        ids = sorted(record.order.client_order_id for record in records)
        assert ids == [f"test-TEST-{number:06d}" for number in range(1, len(ids) + 1)]
        _check_flips(world, records)
        assert [alarm for alarm in world.alarms if alarm.client_order_id] == []
    finally:
        with suppress(Exception):
            await world.bus.stop()


def _check_flips(world: World, records: list[OrderRecord]) -> None:
    """Only an entry has ever led to the other side."""
    fills = {fill.exec_id: record.order for record in records for fill in record.fills}
    held = Decimal(0)
    for number, after in enumerate(world.positions, 1):
        if fills[f"x{number}"].reduce_only:
            assert abs(after) < abs(held)
            assert not after or (after > 0) is (held > 0)
        held = after


VENUE = st.sampled_from(["accepted", "fill", "fill a part", "rejected", "canceled", "expired", "unknown"])
WORD = st.sampled_from(["signal", "time", "nice", "obey"]) | VENUE
BEGIN_LONG = [("signal", 4), ("nice", 0)]
STEPS = st.lists(st.tuples(WORD, st.integers(0, 12)), max_size=25)


@settings(max_examples=120)
@given(STEPS)
def test_what_is_held_is_covered_or_goes(steps: list[tuple[str, int]]) -> None:
    with capture_logs():
        _run(play(steps))


def _run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)
