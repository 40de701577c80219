"""Whatever is repeated and whoever is born again meanwhile: a key leads to one order."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.desk import Desk
from actors.journal import MemoryJournal
from actors.kill_switch import KillSwitch
from actors.order_entry import OrderEntry
from actors.risk import RiskGate
from bus import Actor, AskError, Bus, Later, LiveDriver, Supervision, on, pause
from bus.cell import State
from lts.config.params import parse_params
from lts.config.schema import RiskPlan
from lts.domain.journal import RecallOrders
from lts.domain.market import Bar
from lts.domain.order_entry import EntryCode, OrderNotTaken, OrderTaken, SubmitOrder
from lts.domain.order_flow import (
    ExecType,
    ExecutionReport,
    JournalOrder,
    PlaceOrder,
    WithdrawOrder,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.register import Register
from lts.kinds.portfolio import Portfolio, PortfolioAssignment
from lts.testing import TEST, bars
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity
from tests.hands import submission, ticket

pytestmark = pytest.mark.requirement("INT-021", "INT-5.3", "LTS-003")

REGISTER = Register({"TEST": TEST}, {"test": "ann"}, {("test", "TEST"): ("test",)})
KEPT = PortfolioAssignment("test", "ann", "USD", Decimal(100_000), {"TEST": TEST}, {"TEST": "test"})
AT_ONCE = Supervision(restarts=1_000, first=0.0, jitter=0.0)
TOO_MUCH = 500
BORN_AGAIN = ("order-entry", "portfolio", "risk", "desk")


class SlowJournal(MemoryJournal):
    """Keeps at once, and answers when it is told to."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.owed: list[tuple[Later[Any], Any]] = []
        async for _ in super().lifespan():
            yield

    @on
    def keep(self, journal: JournalOrder) -> Later[Any]:  # type: ignore[override]
        later = self.later()
        self.owed.append((later, super().keep(journal)))
        return later

    def answer(self) -> None:
        owed, self.owed = self.owed, []
        for later, answer in owed:
            later.answer(answer)


class Venue(Actor[None]):
    """Accepts whatever comes, and notes how often."""

    publishes = (ExecutionReport,)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.placed: list[str] = []
        yield

    @on
    def place(self, placed: PlaceOrder) -> None:
        name = placed.order.client_order_id
        self.placed.append(name)
        self.publish(ExecutionReport("test", name, ExecType.ACCEPTED, self.clock.now()))

    @on
    def withdraw(self, _: WithdrawOrder) -> None:
        """Nobody withdraws anything here."""


class User(Actor[None]):
    """Asks."""

    publishes = (Bar,)
    asks = (SubmitOrder, RecallOrders)


class House:
    """A desk, a risk gate, a portfolio and an order entry, with a journal that takes its time."""

    def __init__(self) -> None:
        self.bus = Bus(LiveDriver())
        self.journal: Any = self._spawn(SlowJournal, "journal")
        self._spawn(Desk, "desk", assignment=REGISTER)
        self._spawn(KillSwitch, "kill-switch", assignment=REGISTER)
        self._spawn(RiskGate, "risk", RiskPlan(max_order_quantity=Decimal(100)), assignment=REGISTER)
        self._spawn(OrderEntry, "order-entry", assignment=REGISTER)
        self.venue: Any = self._spawn(Venue, "venue")
        self._spawn(
            FixedQuantity,
            "portfolio",
            parse_params(FixedQuantity.params_model(), {"quantity": "1"}, "params"),
            assignment=KEPT,
            scope={"guest": "portfolio", "portfolio": "test", "instrument": "TEST"},
            publishes=Portfolio.publishes,
            asks=Portfolio.asks,
            hears=Portfolio.hears,
        )
        self.user: Any = self._spawn(User, "user")
        self.asked: list[tuple[str, asyncio.Task[Any]]] = []

    async def open(self) -> None:
        await self.settle()
        self.user.publish(bars([100])[0])
        await self.settle()

    async def do(self, step: tuple[str, Any]) -> None:
        match step:
            case ("submit", (key, digest)):
                wanted = ticket(TOO_MUCH if digest == "much" else 1, 90)
                asking = self.user.ask(submission(wanted, key, digest))
                self.asked.append((key, asyncio.ensure_future(asking)))
                await pause(0)
            case ("journal", _):
                self.journal.answer()
            case ("restart", name):
                cell = self.bus.cells[name]
                if cell.state is State.RUNNING:
                    self.bus.supervisor.failed(cell, InterruptedError("the test"))
            case ("settle", _):
                await self.settle()

    async def settle(self) -> None:
        """Wait until nothing is under way but what the journal has not answered."""
        dispatcher, still = self.bus.dispatcher, 0
        while still < 3:
            await pause(0)
            born = all(cell.state is State.RUNNING for cell in self.bus.cells.values())
            rests = born and not dispatcher.waiting and dispatcher.open_work <= len(self.journal.owed)
            still = still + 1 if rests else 0

    async def close(self) -> dict[str, list[Any]]:
        """Let all come to its end, and return the answers by key."""
        found = defaultdict(list)
        while not all(asking.done() for _, asking in self.asked):
            self.journal.answer()
            await self.settle()
        for what, asking in self.asked:
            try:
                found[what].append(await asking)
            except AskError as error:
                found[what].append(error)
        return found

    def _spawn(self, actor_class: Any, name: str, params: Any = None, **how: Any) -> Any:
        return self.bus.spawn(actor_class, params, name=name, supervision=AT_ONCE, **how).actor


steps = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "much"]))),
        st.tuples(st.just("journal"), st.none()),
        st.tuples(st.just("restart"), st.sampled_from(BORN_AGAIN)),
        st.tuples(st.just("settle"), st.none()),
    ),
    min_size=4,
    max_size=14,
)


@pytest.mark.usefixtures("short_logs")
@settings(max_examples=25)
@given(steps)
async def test_a_key_leads_to_one_order_whoever_is_born_again(did: list[tuple[str, Any]]) -> None:
    house = House()
    try:
        await house.open()
        for step in did:
            await house.do(step)
        await house.close()
        for key in "ab":  # whoever was left without an answer asks once more
            for digest in ("x", "much"):
                await house.do(("submit", (key, digest)))
                await house.close()
        answers = await house.close()
        recalled = (await house.user.ask(RecallOrders())).records
        records = {record.order.client_order_id: record for record in recalled}
    finally:
        await house.bus.stop()
    assert len(set(house.venue.placed)) == len(house.venue.placed)
    for key in "ab":
        alive = {name for name, record in records.items() if _is_of(record, key)}
        taken = {name for name in house.venue.placed if _is_of(records[name], key)}
        told = {each.client_order_id for each in answers[key] if isinstance(each, OrderTaken)}
        assert len(alive) <= 1
        assert taken | told <= alive, "nothing is sent, or told of, beside the one order of its key"
        lasts = answers[key][-2:]  # one for each digest
        assert sum(_is_reused(each) for each in lasts) == 1, "of two digests one is the key's"


def _is_of(record: OrderRecord, key: str) -> bool:
    """Whether an order that may trade was entered under a key."""
    entered = record.order.entered
    mark = None if entered is None else entered.mark
    return mark is not None and mark.key == key and record.status is not OrderStatus.DENIED


def _is_reused(answer: Any) -> bool:
    return isinstance(answer, OrderNotTaken) and answer.code is EntryCode.KEY_REUSED
