"""The journal of a process that keeps nothing on disk: every fact about orders, in memory."""

from collections.abc import AsyncGenerator

from bus import Actor, on
from lts.domain.financing import FinancingCharged
from lts.domain.journal import (
    DepositsRecalled,
    OrdersRecalled,
    ProgressRecalled,
    RecallDeposits,
    RecallOrders,
    RecallProgress,
    RecallTradingStates,
    TradingStatesRecalled,
    booked,
)
from lts.domain.loss_marks import LossesMarked, LossMarks, LossMarksRecalled, RecallLossMarks
from lts.domain.order_flow import (
    JournalOrder,
    JournalSynced,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
    SyncJournal,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order
from lts.domain.reconciliation import CursorMoved, CursorRecalled, PositionAdjusted, RecallCursor
from lts.domain.request_mark import Marked, MarkRecalled, RecallMark, RequestMark
from lts.domain.risk import JournalTradingState, TradingStateChanged, TradingStateJournalled

_DENIED = OrderStatus.DENIED

Fact = Order | OrderDenied | OrderChanged | OrderFilled | PositionAdjusted | FinancingCharged


class MemoryJournal(Actor[None]):
    """Appends what it hears, and folds it into records when asked. It has nothing that could fail."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin an empty journal."""
        self.facts: list[Fact] = []
        self.states: dict[str, TradingStateChanged] = {}
        self.cursors: dict[str, str] = {}
        self.marks: dict[str, LossMarks] = {}
        self.marked: dict[tuple[str, str], tuple[RequestMark, str]] = {}
        """The mark and the id of each order that was entered by hand under one, by the mark's name."""
        yield

    @on
    def keep(self, journal: JournalOrder) -> OrderJournalled | OrderNotJournalled:
        """Keep an intent, before it goes on the wire; a mark leads to one order."""
        order = journal.order
        if order.entered is not None and not self._mark(order):
            return OrderNotJournalled(order, "its mark has led to another order")
        self.facts.append(order)
        return OrderJournalled(order)

    @on
    def sync(self, wanted: SyncJournal) -> JournalSynced:
        """Answer at once: memory is all that there is."""
        return JournalSynced(wanted.client_order_id)

    @on
    def note(
        self, fact: OrderChanged | OrderFilled | OrderDenied | PositionAdjusted | FinancingCharged
    ) -> None:
        """Keep what became of an order, was adjusted, or was charged."""
        if isinstance(fact, OrderDenied) and fact.order.entered is not None:
            self._mark(fact.order)
        self.facts.append(fact)

    @on
    def keep_state(self, journal: JournalTradingState) -> TradingStateJournalled:
        """Keep the trading state of a scope."""
        self.states[journal.changed.scope] = journal.changed
        return TradingStateJournalled(journal.changed)

    @on
    def note_cursor(self, moved: CursorMoved) -> None:
        """Keep how far a venue's transactions are taken in."""
        self.cursors[moved.broker] = moved.cursor

    @on
    def note_losses(self, marked: LossesMarked) -> None:
        """Keep what the losses of a scope are measured from."""
        self.marks[marked.scope] = marked.marks

    @on
    def recall(self, wanted: RecallOrders) -> OrdersRecalled:
        """Answer with the orders asked for, folded anew from the facts."""
        records: dict[str, OrderRecord] = {}
        for fact in self.facts:
            _fold(records, fact)
        return OrdersRecalled(
            tuple(
                record
                for record in records.values()
                if wanted.portfolio in {None, record.order.portfolio}
                and wanted.broker in {None, record.order.broker}
            ),
            booked=tuple(
                each
                for each in map(booked, self.facts)
                if each is not None
                and wanted.portfolio in {None, each.portfolio}
                and wanted.broker in {None, each.broker}
            ),
            financing=tuple(
                fact
                for fact in self.facts
                if isinstance(fact, FinancingCharged)
                and wanted.portfolio in {None, fact.portfolio}
                and wanted.broker in {None, fact.broker}
            ),
        )

    @on
    def recall_mark(self, wanted: RecallMark) -> MarkRecalled:
        """Answer what a command with a mark has led to."""
        known = self.marked.get(wanted.mark.name)
        if known is None:
            return MarkRecalled(wanted.mark)
        mark, name = known
        records: dict[str, OrderRecord] = {}
        reason = ""
        for fact in self.facts:
            if _order_of(fact) == name:
                _fold(records, fact)
                reason = getattr(fact, "reason", reason)
        status = records[name].status
        return MarkRecalled(wanted.mark, Marked(mark, name, status, reason if status is _DENIED else ""))

    @on
    def recall_states(self, _: RecallTradingStates) -> TradingStatesRecalled:
        """Answer with the trading state of every scope that has ever had one."""
        return TradingStatesRecalled(tuple(self.states.values()))

    @on
    def recall_cursor(self, wanted: RecallCursor) -> CursorRecalled:
        """Answer up to where a venue's transactions are taken in."""
        return CursorRecalled(self.cursors.get(wanted.broker, ""))

    @on
    def recall_losses(self, _: RecallLossMarks) -> LossMarksRecalled:
        """Answer what losses are measured from."""
        return LossMarksRecalled(dict(self.marks))

    @on
    def recall_deposits(self, _: RecallDeposits) -> DepositsRecalled:
        """Answer that every portfolio is a new one."""
        return DepositsRecalled()

    @on
    def recall_progress(self, _: RecallProgress) -> ProgressRecalled:
        """Answer that every feed begins at its beginning."""
        return ProgressRecalled()

    def _mark(self, order: Order) -> bool:
        """Remember what the mark of an order leads to; False if that is another order."""
        mark = order.entered.mark if order.entered else None
        if mark is None:
            return True
        return self.marked.setdefault(mark.name, (mark, order.client_order_id))[1] == order.client_order_id


def _order_of(fact: Fact) -> str:
    """The id of the order that a fact is about; empty if it is about none."""
    match fact:
        case Order() | OrderChanged():
            return fact.client_order_id
        case OrderDenied():
            return fact.order.client_order_id
        case OrderFilled():
            return fact.fill.client_order_id
    return ""


def _fold(records: dict[str, OrderRecord], fact: Fact) -> None:
    match fact:
        case Order():
            records[fact.client_order_id] = OrderRecord(fact)
        case OrderDenied():
            if fact.order.client_order_id not in records:  # else it is the denial of a duplicate
                denied = records[fact.order.client_order_id] = OrderRecord(fact.order)
                denied.advance(_DENIED, fact.at)
        case OrderChanged():
            records[fact.client_order_id].follow(fact)
        case OrderFilled():
            records[fact.fill.client_order_id].book(fact.fill)
