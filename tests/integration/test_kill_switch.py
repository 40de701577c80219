"""The kill switch in the middle of an order storm, at a slow broker, with everything on disk."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from actors.desk import Desk
from actors.kill_switch import KillSwitch
from actors.persistence.actor import Persistence
from actors.persistence.storage import Storage
from actors.risk import RiskGate
from bus import SECOND, Actor, Bus, Event, LiveDriver, Supervision, on, pause
from lts.config.schema import RiskPlan
from lts.domain.journal import RecallOrders
from lts.domain.market import Quote
from lts.domain.order_flow import (
    ExecType,
    ExecutionReport,
    OrderAlarmed,
    OrderDenied,
    OrderFilled,
    OrderProposed,
    PlaceOrder,
    WithdrawOrder,
)
from lts.domain.orders import Order, OrderType, Side, TimeInForce, client_order_id
from lts.domain.register import Register
from lts.domain.risk import (
    ClosePositions,
    GetTradingStates,
    HaltVerified,
    SetTradingState,
    TradingState,
    TradingStateNotSet,
    TradingStateSet,
)
from lts.domain.units import Perform, Performed, PutInstrument, PutPortfolio, PutUser
from lts.testing import TEST

pytestmark = pytest.mark.requirement("INT-4.6", "INT-018", "INT-026")

ONCE = Supervision(restarts=0)
REGISTER = Register({"TEST": TEST}, {"storm": "ada"}, {("slow", "TEST"): ("storm",)})
BUY, SELL = Side.BUY, Side.SELL
HALTED, ACTIVE = TradingState.HALTED, TradingState.ACTIVE


class Word(Event):
    """What the slow broker says when its time has come."""

    report: ExecutionReport


class SlowBroker(Actor[None]):
    """Takes a fifth of a second for everything; fills market orders, and lets limit orders rest."""

    publishes = (ExecutionReport,)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.placed: list[tuple[int, str]] = []
        self.withdrawn: list[tuple[int, str]] = []
        self.resting: set[str] = set()
        yield

    @on
    def place(self, request: PlaceOrder) -> None:
        order = request.order
        self.placed.append((self.system.monotonic(), order.client_order_id))
        if order.type is OrderType.LIMIT:
            self.resting.add(order.client_order_id)
            self._say(order.client_order_id, ExecType.ACCEPTED)
        else:
            self._say(
                order.client_order_id,
                ExecType.FILLED,
                exec_id=order.client_order_id,
                price=Decimal(100),
                quantity=order.quantity,
            )

    @on
    def withdraw(self, request: WithdrawOrder) -> None:
        self.withdrawn.append((self.system.monotonic(), request.client_order_id))
        if request.client_order_id in self.resting:
            self.resting.remove(request.client_order_id)
            self._say(request.client_order_id, ExecType.CANCELED)

    @on
    def tell(self, word: Word) -> None:
        self.publish(word.report)

    def _say(self, name: str, kind: ExecType, **more: Any) -> None:
        self.after(0.2, Word(ExecutionReport("slow", name, kind, self.clock.now(), **more)))


class Crowd(Actor[None]):
    """Proposes orders, closes what it is told to, and hears what became of it."""

    publishes = (OrderProposed, Quote, ExecutionReport)
    asks = (SetTradingState, GetTradingStates, Perform, RecallOrders)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.numbers = count(1)
        self.heard: list[Any] = []
        self.held = Decimal(0)
        self.halted_at = 0
        yield

    @on
    def hear(self, said: OrderDenied | OrderAlarmed | HaltVerified) -> None:
        self.heard.append(said)

    @on
    def book(self, filled: OrderFilled) -> None:
        self.held += filled.fill.side.signed(filled.fill.quantity)

    @on
    def close(self, command: ClosePositions) -> None:
        assert command.broker == "slow"
        self.propose(SELL if self.held > 0 else BUY, abs(self.held), reduce_only=True)

    def propose(self, side: Side, quantity: Any = 1, limit: Any = None, **more: Any) -> str:
        name = client_order_id("storm", "TEST", next(self.numbers))
        kind = OrderType.MARKET if limit is None else OrderType.LIMIT
        price = None if limit is None else Decimal(limit)
        told = (side, Decimal(quantity), kind, price, TimeInForce.GTC, self.clock.now())
        self.publish(OrderProposed("storm", Order(name, "storm", "TEST", "slow", *told, **more)))
        return name

    def heard_of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.heard if isinstance(each, kind)]


class Scene:
    """All of them, on one bus."""

    def __init__(self, bus: Bus, broker: Any, crowd: Any) -> None:
        self.bus = bus
        self.broker: SlowBroker = broker
        self.crowd: Crowd = crowd

    async def set(self, state: TradingState, scope: str = "system", **more: Any) -> TradingStateSet:
        command = SetTradingState(scope, state, "the test", "operator ada", **more)
        answer = await self.crowd.ask(command, within=30)
        assert isinstance(answer, TradingStateSet)
        return answer

    async def storm(self, orders: int) -> None:
        """Propose so many orders, of which every other one rests."""
        for number in range(orders):
            self.crowd.propose(BUY, 1, 99 if number % 2 else None)
            if number % 10 == 0:
                await pause(0.01)


@asynccontextmanager
async def scene(state_dir: Path) -> AsyncIterator[Scene]:
    """A node on a state directory; it ends without a word, as far as orders are concerned."""
    storage = Storage(state_dir, environ={})
    state_dir.mkdir(exist_ok=True)  # noqa: ASYNC240 - a test may wait for a disk
    storage.node_keys(create=True)
    bus = Bus(LiveDriver())
    bus.spawn(Persistence, storage, name="persistence", supervision=ONCE)
    crowd: Any = bus.spawn(Crowd, None, name="crowd", supervision=ONCE).actor
    await bus.started()
    portfolio = PutPortfolio("storm", "ada", "USD", Decimal(1_000_000), "x")
    assert await crowd.ask(Perform((PutInstrument(TEST), PutUser("ada"), portfolio), "t")) == Performed()
    broker: Any = bus.spawn(SlowBroker, None, name="slow", scope={"broker": "slow"}, supervision=ONCE).actor
    bus.spawn(KillSwitch, None, name="kill-switch", assignment=REGISTER, supervision=ONCE)
    bus.spawn(RiskGate, RiskPlan(), name="risk", assignment=REGISTER, supervision=ONCE)
    bus.spawn(Desk, None, name="desk", assignment=REGISTER, supervision=ONCE)
    try:
        await bus.started()
        now = bus.system.now()
        crowd.publish(Quote("TEST", now, 99.99, 100.01, 1, 1))
        yield Scene(bus, broker, crowd)
        assert not [cell.reason for cell in bus.cells.values() if cell.reason]
    finally:
        await bus.stop()


async def test_in_an_order_storm_nothing_is_placed_after_a_halt_is_acknowledged(tmp_path: Path) -> None:
    async with scene(tmp_path / "state") as node:
        await node.storm(200)
        assert node.broker.placed
        node.crowd.background(node.storm(2_000))
        await pause(0.05)
        commanded = node.bus.system.monotonic()
        answer = await node.set(HALTED)
        acknowledged = node.bus.system.monotonic()
        assert answer.durable
        assert (answer.open, answer.unknown, answer.trouble) == ((), (), "")
        assert answer.cancelled > 50
        assert not node.broker.resting
        assert max(at for at, _ in node.broker.placed) < acknowledged
        assert max(at for at, _ in node.broker.withdrawn) - commanded < SECOND
        placed = len(node.broker.placed)
        await node.storm(100)
        await pause(0.3)
        assert len(node.broker.placed) == placed
        assert node.crowd.heard_of(HaltVerified)
        assert not node.crowd.heard_of(OrderAlarmed)


async def test_a_halt_is_still_there_after_a_restart_on_the_same_state(tmp_path: Path) -> None:
    async with scene(tmp_path / "state") as node:
        await node.set(HALTED)
        await node.set(HALTED, "portfolio:storm")
    async with scene(tmp_path / "state") as node:
        states = (await node.crowd.ask(GetTradingStates())).states
        assert [(each.scope, each.state) for each in states] == [
            ("portfolio:storm", HALTED),
            ("system", HALTED),
        ]
        await node.storm(10)
        await pause(0.1)
        assert len(node.crowd.heard_of(OrderDenied)) == 10
        answer = await node.set(ACTIVE)
        assert answer.state is ACTIVE
        await node.storm(10)
        await pause(0.1)
        assert len(node.crowd.heard_of(OrderDenied)) == 20, "the portfolio is still halted"
        assert not node.broker.placed


async def test_flattening_closes_what_is_held_and_nothing_else_passes(tmp_path: Path) -> None:
    async with scene(tmp_path / "state") as node:
        for _ in range(5):
            node.crowd.propose(BUY, 3)
            node.crowd.propose(SELL, 1, 101)
        await pause(0.4)
        assert node.crowd.held == 15
        node.crowd.background(node.storm(300))
        answer = await node.set(HALTED, "user:ada", flatten=True, within_s=15)
        on_disk = await node.crowd.ask(RecallOrders())
        assert (answer.durable, answer.open, answer.unknown, answer.held) == (True, (), (), ())
        assert not answer.pending
        booked = (each for record in on_disk.records for each in record.fills)
        assert sum(fill.side.signed(fill.quantity) for fill in booked) == 0
        assert node.crowd.held == 0
        await node.storm(20)
        await pause(0.3)
        assert node.crowd.held == 0
        assert not node.broker.resting


async def test_what_fills_or_comes_back_after_a_halt_is_alarmed_and_cancelled(tmp_path: Path) -> None:
    async with scene(tmp_path / "state") as node:
        name = node.crowd.propose(BUY, 5, 99)
        await pause(0.4)
        await node.set(HALTED)
        told: dict[str, Any] = {"exec_id": "late", "price": Decimal(99), "quantity": Decimal(1)}
        node.crowd.publish(ExecutionReport("slow", name, ExecType.FILLED, node.bus.clock.now(), **told))
        await pause(0.1)
        alarms = [(each.client_order_id, each.alarm) for each in node.crowd.heard_of(OrderAlarmed)]
        assert (name, "system is halted, and it traded") in alarms


async def test_a_reset_without_an_operator_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path / "state") as node:
        await node.set(HALTED)
        answer = await node.crowd.ask(SetTradingState("system", ACTIVE, "please"))
        assert isinstance(answer, TradingStateNotSet)
        node.crowd.propose(BUY)
        await pause(0.1)
        assert len(node.crowd.heard_of(OrderDenied)) == 1
