"""Whatever is commanded and whatever venues say, in any order: the laws of orders hold at the desk.

Hypothesis commands and reports at random, restarts the desk and kills its process; after each step
the laws of the design are held against all that the desk has said.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterable
from contextlib import ExitStack
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from structlog.testing import capture_logs

from actors.desk import Desk
from actors.journal import Fact, MemoryJournal
from bus import SECOND, Event, Message, Request
from lts.domain.journal import (
    BalanceSnapshot,
    OrdersRecalled,
    RecallOrders,
    RecallTradingStates,
    TradingStatesRecalled,
)
from lts.domain.order_flow import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    ExecType,
    ExecutionReport,
    JournalOrder,
    JournalSynced,
    ModificationApproved,
    OrderAlarmed,
    OrderApproved,
    OrderChanged,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
    PlaceOrder,
    QueryOrder,
    StandDown,
    StoodDown,
    SyncJournal,
    WithdrawOrder,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import TRANSITIONS, OrderStatus
from lts.domain.orders import ApprovedOrder, OrderType, Side, Terms
from lts.domain.plugins import SystemReady
from lts.domain.positions import Position
from lts.domain.reconciliation import (
    AccountState,
    AccountStateChanged,
    ApproveAccount,
    CursorMoved,
    PositionAdjusted,
    TransactionsSeen,
    VenueLost,
    VenueOrder,
    VenuePosition,
    VenueReported,
)
from lts.domain.register import Register
from lts.domain.risk import TradingState, TradingStateChanged
from lts.testing import BEGIN, TEST, Bench, market_order
from tests.desks import hear_at_once

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6", "INT-002", "LTS-003")

R = TypeVar("R")
S = OrderStatus
BROKER = "test"
REGISTER = Register({"TEST": TEST}, {"p": "ann", "q": "bob"}, {(BROKER, "TEST"): ("p",)})
ASKED = (PlaceOrder, WithdrawOrder, AmendOrder, QueryOrder)
SCOPES = ("system", "user:ann", "portfolio:p", "portfolio:q", "account:test")
SNAPSHOT = BalanceSnapshot(Position("p", "TEST", quantity=Decimal(7)), BROKER, 3, BEGIN)
FOREIGN = VenueOrder("", "v-foreign", "TEST", Side.BUY, Decimal(1))
PRICES: dict[OrderType, dict[str, Decimal]] = {
    OrderType.MARKET: {},
    OrderType.LIMIT: {"limit_price": Decimal(99)},
    OrderType.STOP: {"trigger_price": Decimal(101)},
    OrderType.STOP_LIMIT: {"limit_price": Decimal(99), "trigger_price": Decimal(101)},
    OrderType.TRAILING_STOP: {"trailing_offset": Decimal(1)},
}
TOLD = (OrderChanged, OrderFilled, PositionAdjusted)
WORKING = frozenset({S.ACCEPTED, S.TRIGGERED, S.PARTIALLY_FILLED})
SAYS = ExecType
TURNS_DOWN = frozenset({SAYS.REJECTED, SAYS.ABSENT})
PROVES_NOTHING = frozenset({SAYS.UNKNOWN, SAYS.CANCEL_REJECTED, SAYS.UPDATE_REJECTED})
LIKELY = {
    S.SUBMITTED: (SAYS.ACCEPTED, SAYS.FILLED, SAYS.UNKNOWN, SAYS.REJECTED),
    S.UNKNOWN: (SAYS.ACCEPTED, SAYS.FILLED, SAYS.ABSENT, SAYS.CANCELED, SAYS.CANCEL_REJECTED),
    S.ACCEPTED: (SAYS.FILLED, SAYS.FILLED, SAYS.TRIGGERED, SAYS.EXPIRED),
    S.TRIGGERED: (SAYS.FILLED,),
    S.PARTIALLY_FILLED: (SAYS.FILLED, SAYS.FILLED, SAYS.CANCELED),
    S.PENDING_UPDATE: (SAYS.UPDATED, SAYS.UPDATE_REJECTED, SAYS.FILLED, SAYS.UNKNOWN),
    S.PENDING_CANCEL: (SAYS.CANCELED, SAYS.CANCEL_REJECTED, SAYS.FILLED, SAYS.UNKNOWN),
}
WELL, LATE, REFUSED, FAILS = "well", "late", "refused", "fails"

some = st.integers(0, 12)
"""Which of the orders there are, counted from the last one; 12 is none of them."""
kinds = st.sampled_from(ExecType)
quantities = st.integers(1, 6)


class Doubt(Exception):
    """What a broker raises on purpose."""


class DeskMachine(RuleBasedStateMachine):
    """A desk, a journal that the test keeps, and a venue that says anything."""

    def __init__(self) -> None:
        super().__init__()
        self.world = ExitStack()
        self.world.enter_context(capture_logs())
        self.loop = self.world.enter_context(asyncio.Runner())
        self.orders: list[ApprovedOrder] = []
        self.facts: list[Fact] = []
        """What the journal has, in its lane."""
        self.durable = 0
        """How many of them it has answered for: those survive a kill."""
        self.unanswered: dict[str, ApprovedOrder] = {}
        self.unsynced: dict[str, int] = {}
        self.journalled: set[str] = set()
        self.journal = WELL
        self.trouble: dict[type[Request[Any]], bool] = defaultdict(bool)
        self.read = 0
        self.letters = 0

        self.status: dict[str, OrderStatus] = {}
        self.history: dict[str, list[OrderStatus]] = defaultdict(list)
        self.placed: Counter[str] = Counter()
        self.booked: set[str] = set()
        self.filled: dict[str, Decimal] = defaultdict(Decimal)
        self.expected: set[str] = set()
        self.halted: set[str] = set()
        self.unwanted: set[str] = set()
        self.refused: set[str] = set()
        self.ordered: dict[str, Decimal] = {}
        self.standing: dict[str, list[int]] = defaultdict(list)
        self.spoken_of: set[str] = set()
        self.proven: set[str] = set()
        self.turned_down: set[str] = set()
        self.cursor = 0
        self.fresh = 1000

        self.bench = Bench(
            Desk,
            assignment=REGISTER,
            answers={
                JournalOrder: self.keep,
                SyncJournal: self.sync,
                RecallOrders: lambda _: self.recalled(),
                RecallTradingStates: lambda _: TradingStatesRecalled(
                    tuple(TradingStateChanged(each, TradingState.HALTED, "", 1) for each in self.halted)
                ),
                PlaceOrder: self.take,
                WithdrawOrder: self.take,
                AmendOrder: self.take,
                QueryOrder: self.take,
            },
        )
        self.run(self.bench.__aenter__())

    def teardown(self) -> None:
        try:
            self.run(self.bench.__aexit__(None, None, None))
        finally:
            self.world.close()

    # The others

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        return self.loop.run(work)

    def keep(self, wanted: JournalOrder) -> OrderJournalled | OrderNotJournalled | OSError | None:
        order = wanted.order
        match self.journal:
            case "late":
                self.unanswered[order.client_order_id] = order
                return None
            case "refused":
                return OrderNotJournalled(order, "the disk is full")
            case "fails":
                return OSError("the disk is full")
        self.journalled.add(order.client_order_id)
        return OrderJournalled(order)

    def sync(self, wanted: SyncJournal) -> JournalSynced | None:
        if self.journal == LATE:
            self.unsynced[wanted.client_order_id] = 0  # until it is known what was said before
            return None
        return JournalSynced(wanted.client_order_id)

    def take(self, request: Request[Any]) -> Doubt | None:
        return Doubt("the line went dead") if self.trouble[type(request)] else None

    def recalled(self) -> OrdersRecalled:
        journal = MemoryJournal()
        journal.facts = list(self.facts)
        recalled = journal.recall(RecallOrders())
        return msgspec.structs.replace(recalled, snapshots=(SNAPSHOT,))

    # What is done

    @rule(
        twice=st.booleans(),
        portfolio=st.sampled_from("pppq"),
        kind=st.sampled_from(OrderType),
        side=st.sampled_from(Side),
        quantity=st.integers(2, 12),
        parent=st.sampled_from([None, None, None]) | some,
        group=st.sampled_from(["", "", "g", "h"]),
        reduce_only=st.booleans(),
        journal=st.sampled_from([WELL, WELL, WELL, WELL, LATE, REFUSED, FAILS]),
    )
    def approve(  # noqa: PLR0917 - what an order has
        self,
        twice: bool,
        portfolio: str,
        kind: OrderType,
        side: Side,
        quantity: int,
        parent: int | None,
        group: str,
        reduce_only: bool,
        journal: str,
    ) -> None:
        """Risk approves an order, perhaps one that waits for another, and perhaps an id a second time."""
        plain = market_order(side, quantity, number=len(self.orders) + 1, portfolio=portfolio)
        more = {"type": kind, "group": group, "reduce_only": reduce_only, **PRICES[kind]}
        if parent is not None:
            more["parent"] = self.named(parent)
        order: ApprovedOrder = msgspec.structs.replace(plain, **more)
        self.journal = journal
        self.orders.append(order)
        again = [self.orders[0]] if twice and self.orders[0].client_order_id in self.status else []
        self.hear(*(OrderApproved(each.portfolio, each) for each in (order, *again)))

    @rule(
        quantities=st.lists(st.integers(2, 12), min_size=2, max_size=3),
        journal=st.sampled_from([WELL, WELL, LATE]),
        reduce_only=st.booleans(),
    )
    def approve_bracket(self, quantities: list[int], journal: str, reduce_only: bool) -> None:
        """Risk approves an entry and exits that wait for it and end each other."""
        first = len(self.orders) + 1
        entry = market_order(quantity=quantities[0], number=first, portfolio="p")
        exits: list[ApprovedOrder] = [
            msgspec.structs.replace(
                market_order(Side.SELL, quantity, number=number, portfolio="p"),
                parent=entry.client_order_id,
                group=f"exits of {first}",
                reduce_only=reduce_only,
            )
            for number, quantity in enumerate(quantities[1:] + quantities[-1:], first + 1)
        ]
        self.journal = WELL
        self.orders.append(entry)
        self.hear(OrderApproved("p", entry))
        self.journal = journal
        self.orders += exits
        self.hear(*(OrderApproved("p", each) for each in exits))

    @precondition(lambda self: self.unanswered)
    @rule(which=some, kept=st.booleans())
    def answer_late(self, which: int, kept: bool) -> None:
        """The journal answers at last."""
        name = list(self.unanswered)[which % len(self.unanswered)]
        order = self.unanswered.pop(name)
        if order not in self.facts:
            self.facts.append(order)
        if kept or name in self.journalled:
            self.journalled.add(name)
            self.durable = max(self.durable, self.facts.index(order) + 1)
            self.hear(OrderJournalled(order))
        else:
            self.hear(OrderNotJournalled(order, "the disk is full"))

    @precondition(lambda self: self.unsynced)
    @rule()
    def sync_late(self) -> None:
        """The journal answers at last that it has all that was said."""
        name, known = self.unsynced.popitem()
        self.durable = max(self.durable, known)
        self.hear(JournalSynced(name))

    @rule(journal=st.sampled_from([WELL, LATE]))
    def delay(self, journal: str) -> None:
        """The journal becomes slow, or fast again."""
        self.journal = journal

    @rule(which=some, kind=kinds, quantity=quantities, exec_id=st.integers(1, 40), burst=st.integers(1, 2))
    def report(self, which: int, kind: ExecType, quantity: int, exec_id: int, burst: int) -> None:
        """The venue says something of an order, perhaps twice."""
        self.hear(*[self.said(which, kind, quantity, exec_id)] * burst)

    @precondition(lambda self: self.under_way())
    @rule(steps=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 4), quantities), min_size=1, max_size=4))
    def go_on(self, steps: list[tuple[int, int, int]]) -> None:
        """The venue says what is likely of orders that it has, now and then with an exec id of another."""
        for which, choice, quantity in steps:
            if names := self.under_way():
                name = names[which % len(names)]
                kinds = LIKELY[self.status[name]]
                self.fresh += quantity % 4 > 0
                self.hear(self.said_of(name, kinds[choice % len(kinds)], quantity, self.fresh))

    @precondition(lambda self: self.under_way())
    @rule(which=st.integers(0, 7), quantity=quantities)
    def modify_or_cancel_what_works(self, which: int, quantity: int) -> None:
        names = [each for each in self.under_way() if self.status[each] in WORKING]
        if names:
            name = names[which % len(names)]
            if quantity % 2:
                self.hear(ModificationApproved("p", name, Terms(Decimal(quantity))))
            else:
                self.unwanted.add(name)
                self.hear(CancelOrder(name))

    @rule(
        reports=st.lists(st.tuples(some, kinds, quantities, st.integers(1, 40)), min_size=1, max_size=4),
        cancel=some,
    )
    def report_at_once(self, reports: list[tuple[int, ExecType, int, int]], cancel: int) -> None:
        """Reports, how far they went, and a cancel arrive together."""
        said = [self.said(*each) for each in reports]
        self.cursor += 1
        self.hear(*said, TransactionsSeen(BROKER, str(self.cursor), self.bench.now), self.cancelling(cancel))

    @rule(broker=st.sampled_from([BROKER, "another"]), kind=kinds)
    def speak_of_others(self, broker: str, kind: ExecType) -> None:
        """A broker reports what it was never given."""
        name = self.named(0) if broker == "another" else "never-was-000001"
        report = ExecutionReport(broker, name, kind, self.bench.now, "z", Decimal(1), Decimal(1))
        alarms = self.alarms()
        self.hear(report)
        assert self.alarms() == alarms + 1, "what nobody here has sent is alarmed"

    @rule(which=some)
    def cancel(self, which: int) -> None:
        self.hear(self.cancelling(which))

    @rule(scope=st.sampled_from(SCOPES))
    def cancel_all(self, scope: str) -> None:
        self.unwanted |= self.open_in(scope)
        self.hear(CancelAll(scope))

    @rule(which=some, quantity=quantities)
    def modify(self, which: int, quantity: int) -> None:
        self.hear(ModificationApproved("p", self.named(which), Terms(Decimal(quantity))))

    @rule(scope=st.sampled_from(SCOPES), lifts=st.sampled_from([True, True, False]))
    def stand_down(self, scope: str, lifts: bool) -> None:
        """Trading stands down; mostly to begin again when the desk has answered."""
        self.unwanted |= self.open_in(scope)
        self.halted.add(scope)
        self.standing[scope].append(self.bench.now)
        self.hear(StandDown(scope, 3.0))
        if lifts:
            self.wait(4.0)
            self.set_trading_state(scope, TradingState.ACTIVE)

    @rule(scope=st.sampled_from(SCOPES), state=st.sampled_from(TradingState))
    def change_trading_state(self, scope: str, state: TradingState) -> None:
        if scope in self.halted or state is not TradingState.HALTED or scope == "portfolio:q":
            self.set_trading_state(scope, state)

    def set_trading_state(self, scope: str, state: TradingState) -> None:
        if state is TradingState.HALTED:
            self.halted.add(scope)
        else:
            self.halted.discard(scope)
        self.hear(TradingStateChanged(scope, state, "the test", self.bench.now))

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0, 30.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        self.run(self.bench.advance(seconds))
        self.absorb()

    @rule(how=st.sampled_from(["lost", "approved", "disturbed", "calm"]), request=st.sampled_from(ASKED))
    def happen(self, how: str, request: type[Request[Any]]) -> None:
        """The account is lost, or approved; the broker begins to fail at what it is asked, or works again."""
        match how:
            case "lost":
                self.hear(VenueLost(BROKER, "no route", self.bench.now))
            case "approved":
                self.hear(ApproveAccount(BROKER, "ann"))
            case _:
                self.trouble[request] = how == "disturbed"

    @rule(orders=st.lists(some, max_size=4), off_by=st.sampled_from([0, 0, 0, 3]), foreign=st.booleans())
    def take_stock(self, orders: list[int], off_by: int, foreign: bool) -> None:
        """The venue reports what it has, the same again and again: the third time changes nothing at all."""
        there = dict.fromkeys(self.under_way() if len(orders) > 1 else map(self.named, orders))
        account = self.bench.actor.accounts.get(BROKER)
        held = self.held() + off_by
        stock = VenueReported(
            BROKER,
            str(self.cursor),
            tuple(VenueOrder(name, f"v-{name}", "TEST", Side.BUY, Decimal(1)) for name in there)
            + (FOREIGN,) * foreign,
            (VenuePosition("TEST", held, Decimal(100)),),
            self.bench.now,
        )
        was_lost = account is None or account.state in {AccountState.LOST, AccountState.CONNECTING}
        asked = Counter(each.client_order_id for each in self.bench.asked(QueryOrder))
        self.hear(stock)
        if was_lost:
            again = Counter(each.client_order_id for each in self.bench.asked(QueryOrder))
            doubtful = {name for name, status in self.status.items() if status is S.UNKNOWN}
            assert all(again[name] > asked[name] for name in doubtful), "who is back is asked at once"
        self.hear(stock)
        said = len(self.told())
        self.hear(stock)
        assert len(self.told()) == said, "reconciling again changes nothing"
        differs = bool(off_by or (foreign and FOREIGN.venue_order_id not in self.account.approved))
        differs |= any(self.status[name].is_closed for name in there if name in self.status)
        differs |= any(f"v-{name}" not in self.account.approved for name in there if name not in self.status)
        assert self.account.state is (AccountState.DIFFERS if differs else AccountState.READY)

    @rule(keeps=st.booleans())
    def restart(self, keeps: bool) -> None:
        """The desk fails and is started anew; what it had said is in the journal."""
        if keeps:
            self.journalled |= self.unanswered.keys()
        else:
            for order in self.unanswered.values():
                if order.client_order_id not in self.journalled:
                    self.forget_intent(order)
        self.begin_anew()
        self.absorb()

    @rule(lost=st.integers(0, 12))
    def kill(self, lost: int) -> None:
        """The process dies, with it what the journal had not answered for, and another one is started."""
        kept = max(self.durable, len(self.facts) - lost)
        self.unanswered.clear()
        self.unsynced.clear()
        self.facts = self.facts[:kept]
        self.journalled |= {each.client_order_id for each in self.facts if isinstance(each, ApprovedOrder)}
        self.begin_anew()
        self.hear(SystemReady())

    # How it is done

    def begin_anew(self) -> None:
        """Start the desk from what the journal recalls; a wish that nothing kept is gone."""
        self.standing.clear()
        records = {record.order.client_order_id: record for record in self.recalled().records}
        self.status = {name: record.status for name, record in records.items()}
        self.ordered = {name: record.quantity for name, record in records.items()}
        self.filled = defaultdict(Decimal, {name: record.filled for name, record in records.items()})
        self.booked = {fill.exec_id for record in records.values() for fill in record.fills}
        self.expected &= self.booked
        self.history = defaultdict(list)
        for name, record in records.items():
            self.history[name] = [status for status, _ in record.history]
        self.unwanted = {name for name in self.unwanted if self.outlives_a_restart(name)}
        self.run(self.bench.restart())

    def forget_intent(self, order: ApprovedOrder) -> None:
        """Leave an intent, and what was said of it, out of the journal."""
        name = order.client_order_id
        self.facts = [
            each
            for each in self.facts
            if each is not order and not (isinstance(each, OrderChanged) and each.client_order_id == name)
        ]

    def outlives_a_restart(self, name: str) -> bool:
        last = self.history[name][-2:]
        return last[-1:] == [S.PENDING_CANCEL] or last == [S.PENDING_CANCEL, S.UNKNOWN]

    def hear(self, *messages: Event | Request[Any]) -> None:
        """Put messages into the desk's mailbox, and hold what it says against the laws."""
        reports = [each for each in messages if isinstance(each, ExecutionReport)]
        self.spoken_of = {each.client_order_id for each in reports}
        self.proven = {each.client_order_id for each in reports if each.kind not in PROVES_NOTHING}
        self.turned_down = {each.client_order_id for each in reports if each.kind in TURNS_DOWN}
        for each in messages:
            if isinstance(each, TransactionsSeen):
                break
            if isinstance(each, ExecutionReport) and each.kind is ExecType.FILLED and self.can_fill(each):
                self.expected.add(each.exec_id)
        self.run(hear_at_once(self.bench, *messages))
        self.absorb()
        for each in messages:
            if isinstance(each, ExecutionReport) and each.kind is ExecType.CANCEL_REJECTED:
                self.unwanted.discard(each.client_order_id)
                self.refused.add(each.client_order_id)

    def can_fill(self, report: ExecutionReport) -> bool:
        status = self.status.get(report.client_order_id, S.INITIALIZED)
        sent = self.placed[report.client_order_id] > 0 and report.broker == BROKER
        return sent and status not in {S.INITIALIZED, S.DENIED}

    def named(self, which: int) -> str:
        """The id of an order; perhaps of one that does not exist."""
        if which == 12 or not self.orders:
            return "p-TEST-000999"
        return self.orders[-1 - which % len(self.orders)].client_order_id

    def cancelling(self, which: int) -> CancelOrder:
        name = self.named(which)
        if name in self.status and self.status[name].is_open:
            self.unwanted.add(name)
        return CancelOrder(name)

    def under_way(self) -> list[str]:
        """The orders that a venue may have and that are open, by their ids."""
        return [
            name for name, status in self.status.items() if status.is_open and status is not S.INITIALIZED
        ]

    def said(self, which: int, kind: ExecType, quantity: int, exec_id: int) -> ExecutionReport:
        return self.said_of(self.named(which), kind, quantity, exec_id)

    def said_of(self, name: str, kind: ExecType, quantity: int, exec_id: int) -> ExecutionReport:
        if kind is ExecType.FILLED:
            return ExecutionReport(
                BROKER, name, kind, self.bench.now, f"x{exec_id}", Decimal(100), Decimal(quantity)
            )
        terms = Terms(Decimal(quantity)) if kind is ExecType.UPDATED else None
        venue_order_id = f"v{exec_id}" if kind in {ExecType.ACCEPTED, ExecType.UPDATED} else ""
        return ExecutionReport(BROKER, name, kind, self.bench.now, venue_order_id=venue_order_id, terms=terms)

    @property
    def account(self) -> Any:
        return self.bench.actor.accounts.folded(BROKER)

    def order(self, name: str) -> ApprovedOrder:
        return next(each for each in self.orders if each.client_order_id == name)

    def open_in(self, scope: str) -> set[str]:
        return {
            each.client_order_id
            for each in self.orders
            if scope in REGISTER.scopes(each)
            and each.client_order_id in self.status
            and self.status[each.client_order_id].is_open
        }

    def held(self) -> Decimal:
        """The fold of all fills and adjustments."""
        held = SNAPSHOT.position.quantity
        for fact in self.facts:
            if isinstance(fact, OrderFilled):
                held += fact.fill.side.signed(fact.fill.quantity)
            elif isinstance(fact, PositionAdjusted):
                held += fact.quantity
        return held

    def told(self) -> list[Message]:
        return [each for each in self.bench.said if isinstance(each, (*TOLD, AccountStateChanged))]

    def alarms(self) -> int:
        return len(self.bench.published(OrderAlarmed))

    # The laws

    def absorb(self) -> None:
        """Hold what the desk has said since against the laws, in the order in which it was said."""
        said, self.read = self.bench.said[self.read :], len(self.bench.said)
        for each in said:
            match each:
                case JournalOrder(order=order):
                    self.heed_intent(order)
                case OrderChanged() | OrderFilled() | PositionAdjusted():
                    self.heed_fact(each, said)
                    self.facts.append(each)
                case SyncJournal(client_order_id=name) if name in self.unsynced:
                    self.unsynced[name] = len(self.facts)
                case SyncJournal():
                    self.durable = len(self.facts)
                case PlaceOrder(order=order):
                    self.heed_placing(order)
                case CursorMoved():
                    assert self.expected <= self.booked, "the cursor is never ahead of the facts"
        self.absorb_letters(said)
        self.spoken_of = self.proven = self.turned_down = set()

    def absorb_letters(self, said: list[Message]) -> None:
        """Hold what came to nothing since against the laws."""
        rested: list[str] = []
        letters, self.letters = self.bench.dead_letters[self.letters :], len(self.bench.dead_letters)
        for letter in letters:
            if isinstance(letter.message, StoodDown):
                self.heed_rest(letter.message)
                rested.append(letter.message.scope)
            elif isinstance(letter.message, ExecutionReport):
                assert any(isinstance(each, OrderAlarmed) for each in said), "what is buried is alarmed"
        for scope in rested:
            self.standing.pop(scope, None)

    def heed_fact(self, fact: OrderChanged | OrderFilled | PositionAdjusted, said: list[Message]) -> None:
        match fact:
            case OrderChanged():
                self.heed_change(fact, said)
            case OrderFilled():
                self.heed_fill(fact, said)
            case PositionAdjusted():
                others = [each.uid for each in self.facts if isinstance(each, PositionAdjusted)]
                assert fact.uid not in others, "a reference is given once"

    def heed_intent(self, order: ApprovedOrder) -> None:
        name = order.client_order_id
        assert name not in self.status, "an id is journalled once"
        self.begin(order)
        self.facts.append(order)
        if name in self.journalled:
            self.durable = len(self.facts)

    def heed_change(self, changed: OrderChanged, said: list[Message]) -> None:
        name, status = changed.client_order_id, changed.status
        if name not in self.status:  # of a desk before this one
            self.begin(self.order(name))
        before = self.status[name]
        if changed.terms is not None:
            self.ordered[name] = changed.terms.quantity
        if status is before:
            return
        assert status in TRANSITIONS[before], f"{name}: from {before} to {status}"
        assert status is not S.FILLED or self.filled[name] >= self.ordered[name]
        assert status is not S.SUBMITTED or name in self.journalled, "an intent is durable before it is sent"
        assert status is not S.PARTIALLY_FILLED or self.filled[name]
        if status is S.REJECTED:
            assert name in self.turned_down, "a time-out is no rejection"
        if before is S.UNKNOWN:
            assert name in self.proven, "only its venue says what became of an order"
        if status is S.PENDING_CANCEL and not self.crossed(name):
            withdrawals = {each.client_order_id for each in said if isinstance(each, WithdrawOrder)}
            assert name in withdrawals, "who is to be cancelled is withdrawn"
        self.status[name] = status
        self.history[name].append(status)

    def begin(self, order: ApprovedOrder) -> None:
        name = order.client_order_id
        self.status[name], self.history[name] = S.INITIALIZED, [S.INITIALIZED]
        self.ordered[name] = order.quantity

    def crossed(self, name: str) -> bool:
        return S.PENDING_CANCEL in self.history[name][-3:]

    def heed_fill(self, filled: OrderFilled, said: Iterable[Message]) -> None:
        fill = filled.fill
        name = fill.client_order_id
        assert fill.exec_id not in self.booked, "a fill is booked once"
        assert name in self.spoken_of
        assert fill.quantity > 0
        self.booked.add(fill.exec_id)
        self.filled[name] += fill.quantity
        before = self.status[name]
        alarmed = any(isinstance(each, OrderAlarmed) and each.client_order_id == name for each in said)
        if before.is_closed:
            assert filled.status is before, "a late fill leaves an order closed"
            assert alarmed, "a late fill is alarmed"
        else:
            assert filled.status in TRANSITIONS[before]
            self.history[name].append(filled.status)
        if self.filled[name] > self.ordered[name]:
            assert alarmed, "an overfill is alarmed"
        self.status[name] = filled.status

    def heed_placing(self, order: ApprovedOrder) -> None:
        name = order.client_order_id
        assert name in self.journalled, "an intent is durable before it goes on the wire"
        assert self.halted.isdisjoint(REGISTER.scopes(order)), "nothing is sent after a halt"
        self.placed[name] += 1
        assert self.placed[name] == 1, "an id goes on the wire once"
        if order.parent:
            sent = {
                each.client_order_id for each in self.facts[: self.durable] if isinstance(each, OrderChanged)
            }
            assert name in sent, "that a child is sent is durable before it goes on the wire"
            assert self.filled[order.parent] > 0, "a child is not sent before its parent has traded"

    def heed_rest(self, stood: StoodDown) -> None:
        sent = {name for name in self.open_in(stood.scope) if self.status[name] is not S.INITIALIZED}
        assert set(stood.open).isdisjoint(stood.unknown)
        assert sent <= {*stood.open, *stood.unknown}, "what may still trade is named"
        overdue = self.bench.now - min(self.standing[stood.scope]) >= 3 * SECOND
        unanswered = [S.SUBMITTED, S.PENDING_CANCEL]
        on_its_way = {name for name in stood.unknown if self.history[name][-2:] == unanswered}
        assert overdue or not on_its_way, "what is on its way is waited for"

    @invariant()
    def the_records_are_what_the_facts_add_up_to(self) -> None:
        folded = {record.order.client_order_id: look_of(record) for record in self.recalled().records}
        assert folded == {name: look_of(record) for name, record in self.bench.actor.records.items()}
        assert {name: look["status"] for name, look in folded.items()} == self.status

    @invariant()
    def amounts_make_sense(self) -> None:
        for name, record in self.bench.actor.records.items():
            assert record.filled == sum(fill.quantity for fill in record.fills) >= 0
            assert record.leaves >= 0
            if record.status is S.UNKNOWN:
                assert record.leaves == max(record.quantity - record.filled, 0), "doubt reserves"
            assert record.filled == self.filled[name]

    @invariant()
    def positions_are_the_fold_of_fills_and_adjustments(self) -> None:
        if BROKER in self.bench.actor.accounts:
            assert self.account.held.get("TEST", 0) == self.held()

    @invariant()
    def what_is_unwanted_is_being_ended(self) -> None:
        wished = self.bench.actor.orders.unwanted
        for name in self.unwanted:
            status = self.status[name]
            assert status.is_closed or status is S.PENDING_CANCEL or name in wished, f"{name} is {status}"

    @invariant()
    def siblings_end_each_other(self) -> None:
        records = self.bench.actor.records
        for one in records.values():
            if not (one.order.group and one.filled):
                continue
            for two in records.values():
                if two is one or two.order.group != one.order.group or two.status.is_closed:
                    continue
                if one.status is S.FILLED or not two.order.reduce_only:
                    name = two.order.client_order_id
                    assert (
                        two.status in {S.INITIALIZED, S.PENDING_CANCEL}
                        or name in self.bench.actor.orders.unwanted
                        or name in self.refused
                    ), f"{name} is {two.status}"

    @invariant()
    def what_is_in_doubt_is_asked_after(self) -> None:
        doubtful = {name for name, status in self.status.items() if status is S.UNKNOWN}
        assert doubtful <= self.bench.actor.orders.inquiries._appointed.keys()

    @invariant()
    def the_desk_goes_on(self) -> None:
        assert self.bench.state == "running"


def look_of(record: OrderRecord) -> dict[str, Any]:
    """All that a record holds."""
    names = ("status", "fills", "filled", "quantity", "terms", "venue_ids")
    return {name: getattr(record, name) for name in names} | {"history": list(record.history)}


TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
