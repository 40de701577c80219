"""The orders of the desk: what moves each of them, and what follows from where it stands."""

from bus import Actor, Later, Undeliverable
from lts.domain.contingency import Contingencies
from lts.domain.executions import Executions, fill_of, objection_to_execution
from lts.domain.halted_scopes import HaltedScopes
from lts.domain.inquiries import Inquiries
from lts.domain.money import ONE
from lts.domain.order_entry import EntryAnswered, EntryCode
from lts.domain.order_flow import (
    AmendOrder,
    ExecType,
    ExecutionReport,
    OrderAlarmed,
    OrderApproved,
    OrderChanged,
    OrderFilled,
    PlaceOrder,
    QueryOrder,
    StoodDown,
    SyncJournal,
    WithdrawOrder,
)
from lts.domain.order_record import IllegalTransition, OrderRecord
from lts.domain.order_status import PENDING, OrderStatus
from lts.domain.orders import ApprovedOrder, Entered, Terms
from lts.domain.rates import Rates
from lts.domain.register import Register
from lts.domain.reports import path
from lts.domain.standing_down import stood_down
from lts.domain.venue_accounts import VenueAccounts
from lts.domain.wish import Wishes

# Looked up once: reading a member off its class takes longer than comparing it.
_INITIALIZED, _DENIED = OrderStatus.INITIALIZED, OrderStatus.DENIED
_SUBMITTED, _PENDING_CANCEL = OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL
_PENDING_UPDATE, _UNKNOWN = OrderStatus.PENDING_UPDATE, OrderStatus.UNKNOWN
_CANCELED, _ALL_FILLED = OrderStatus.CANCELED, OrderStatus.FILLED
_CANCEL_REJECTED = ExecType.CANCEL_REJECTED

WORKING = frozenset({OrderStatus.ACCEPTED, OrderStatus.TRIGGERED, OrderStatus.PARTIALLY_FILLED})
_UNANSWERED = frozenset({_SUBMITTED, _UNKNOWN})
_CANCELABLE = WORKING | {_SUBMITTED}


class Orders:
    """Every order that the desk knows; it asks venues, and tells what happens, through the desk's port."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that decides whether an order may go on the wire
        self,
        port: Actor[None],
        register: Register,
        records: dict[str, OrderRecord],
        accounts: VenueAccounts,
        halted: HaltedScopes,
        rates: Rates,
    ) -> None:
        self._port = port
        self._register = register
        self._accounts = accounts
        self._halted = halted
        self._rates = rates
        self._converts = bool(register.conversions)
        self.records = records
        self.lists = Contingencies(records)
        self.executions = Executions(records.values())
        self.inquiries = Inquiries()
        self.wishes = Wishes()
        self.standing_down: dict[str, list[Later[StoodDown]]] = {}
        """Who waits for which scope to be quiet."""
        self.unwanted: set[str] = set()
        """Orders to be cancelled as soon as their venue can be asked to."""
        self.early: set[str] = set()
        """Orders whose cancel went out before they were known to be there: it may come first."""
        self.held: set[str] = set()
        """Orders with a durable intent that wait for another one, or for their venue to be reached."""
        self.released: set[str] = set()
        """Orders that have waited, and are sent when it is durable that they are."""
        self.amending: dict[str, Terms] = {}
        """Other terms for orders, which their venues are asked for when it is durable that they are."""

    def add(self, order: ApprovedOrder) -> OrderRecord:
        """Take in an order that was not known."""
        record = self.records[order.client_order_id] = OrderRecord(order)
        self.lists.add(record)
        return record

    def take_up(self, record: OrderRecord) -> None:
        """Go on with an order where a process before this one has left it."""
        if record.status.is_open and (record.was_being_cancelled or self.lists.has_ended(record)):
            self.unwanted.add(record.order.client_order_id)
        if record.status is _INITIALIZED:
            if self.lists.is_orphan(record):
                self._deny(record, f"{record.order.parent}, for which it waited, has not traded")
            elif record.order.parent:  # it is not sent before it is durable that it is
                self.held.add(record.order.client_order_id)
            else:
                self.advance(record, _UNKNOWN, "found without a word of whether it was sent")
        elif record.status in {_SUBMITTED, _PENDING_UPDATE}:
            self.advance(record, _UNKNOWN, "found without an answer of its venue")
        elif record.status is _UNKNOWN:
            self._inquire(record)

    def submit(self, record: OrderRecord) -> None:
        """Send an order to its broker, unless it may not go there any more, or has to wait."""
        order = record.order
        assert isinstance(order, ApprovedOrder)  # noqa: S101 - any other was denied by risk
        if order.parent and self.lists.waits(record):
            self.held.add(order.client_order_id)
            return
        self.held.discard(order.client_order_id)
        if objection := self._objection_to(record):
            self._deny(record, objection)
        elif order.parent and self._accounts.is_silent(order.broker):
            self.held.add(order.client_order_id)
        elif self.advance(record, _SUBMITTED):
            if order.parent:
                self.released.add(order.client_order_id)
                self._port.send(SyncJournal(order.client_order_id))
            else:
                self._port.send(PlaceOrder(order.broker, order))

    def send_on(self, client_order_id: str) -> None:
        """Ask a venue for what had to be durable first: other terms for an order, or an order that waited."""
        if client_order_id in self.amending:
            self._ask_for_other_terms(self.records[client_order_id])
        if client_order_id not in self.released:
            return
        self.released.remove(client_order_id)
        record = self.records[client_order_id]
        order = record.order
        assert isinstance(order, ApprovedOrder)  # noqa: S101 - any other was denied by risk
        if record.status is not _SUBMITTED:
            return
        if objection := self._objection_to(record):
            self.advance(record, _CANCELED, objection)
            self.settle(record)
        else:
            self._port.send(PlaceOrder(order.broker, order))

    def resume(self, broker: str) -> None:
        """Go on with the orders of a venue that can be reached again."""
        for record in self.open_in(f"account:{broker}"):
            if record.status is _UNKNOWN:
                self._port.send(QueryOrder(broker, record.order.client_order_id))
            elif record.order.client_order_id in self.held:
                self.submit(record)

    def book(self, record: OrderRecord, report: ExecutionReport) -> None:
        """Book what was traded, once, whatever state the order is in."""
        order = record.order
        known = self.executions.order_of(report)
        if known is record:
            return
        objection = objection_to_execution(report)
        if known is not None and not objection:
            objection = f"fill {report.exec_id} is one of {known.order.client_order_id}"
        if objection:
            self.alarm(order.portfolio, order.client_order_id, objection, report)
            return
        rate = self._rates.of(order, report.rate) or ONE if self._converts else ONE
        fill = fill_of(order, report, self._register.instruments[order.instrument].currency, rate)
        was, wanted = record.status, record.wanted
        try:
            alarm = record.book(fill)
        except IllegalTransition as illegal:
            self.alarm(order.portfolio, order.client_order_id, str(illegal), report)
            return
        self.executions.add(fill, record)
        self._accounts.fill(fill)
        self._port.publish(OrderFilled(order.portfolio, fill, record.status))
        if was in PENDING and record.status.is_open:
            self.advance(record, was, wanted=wanted)  # the fill crossed a request, which stands
        if alarm:
            self.alarm(order.portfolio, order.client_order_id, alarm)

    def follow(self, record: OrderRecord, report: ExecutionReport) -> None:
        """Go where a report leads; what it says beside a state is told even if that stays."""
        states, wanted = path(record, report.kind), record.wanted
        for status in states:
            if not self.advance(record, status, report.reason, report, wanted):
                return
        if report.kind is _CANCEL_REJECTED and record.order.client_order_id in self.early:
            self.early.remove(record.order.client_order_id)
            if record.status.is_open:
                self.unwanted.add(record.order.client_order_id)
        news = report.venue_order_id or report.terms is not None
        if news and (states or record.status.is_open) and record.learn(report) and not states:
            self._port.publish(record.told(self._port.clock.now(), report.reason, report))
        if record.filled and record.filled >= record.quantity and record.status.is_open:
            self.advance(record, _ALL_FILLED, "modified to what had traded already")

    def settle(self, record: OrderRecord) -> None:
        """Do what follows from where an order stands now, for itself and for others."""
        client_order_id = record.order.client_order_id
        if self.unwanted and client_order_id in self.unwanted:
            if record.status.is_closed:
                self.unwanted.discard(client_order_id)
            elif record.status not in _UNANSWERED:
                self.withdraw(record)
        if self.lists:
            for unwanted in tuple(self.lists.unwanted(record)):
                self.withdraw(unwanted)
            if record.filled or record.status.is_closed:
                for child in self.lists.children(record):
                    if child.order.client_order_id in self.held:
                        self.submit(child)
        if self.standing_down or self.wishes:
            self._answer_those_who_wait()

    def withdraw(self, record: OrderRecord) -> None:
        """Have an order cancelled: now, or as soon as its venue can be asked to."""
        order, status = record.order, record.status
        reason = self.wishes.reason_for(record)
        if status is _INITIALIZED and order.parent:
            self._deny(record, reason or "cancelled before it was sent")
        elif status is _SUBMITTED and order.client_order_id in self.released:
            self.unwanted.add(order.client_order_id)
        elif status in _CANCELABLE:
            self.unwanted.discard(order.client_order_id)
            if status is _SUBMITTED:
                self.early.add(order.client_order_id)
            self.advance(record, _PENDING_CANCEL, reason)
            self._port.send(WithdrawOrder(order.broker, order.client_order_id))
        elif status.is_open and status is not _PENDING_CANCEL:
            self.unwanted.add(order.client_order_id)
            if status is _UNKNOWN:
                self._port.send(WithdrawOrder(order.broker, order.client_order_id))

    def forgo(self, order: ApprovedOrder, reason: str) -> None:
        """End an order that is not sent, also one that the desk has not known since it was started anew."""
        record = self.records.get(order.client_order_id)
        if record is None:
            record = self.add(order)
        self._deny(record, reason)

    def _ask_for_other_terms(self, record: OrderRecord) -> None:
        """Ask a venue for other terms of an order, unless it is not wanted or not known any more."""
        order, name = record.order, record.order.client_order_id
        if name in self.unwanted:
            self.forgo_other_terms(record, "cancelled before it was modified")
        elif self._halted.bars(order):
            self.forgo_other_terms(record, "trading was halted before it was modified")
        else:
            terms = self.amending.pop(name)
            if record.status is _PENDING_UPDATE:
                self._port.send(AmendOrder(order.broker, name, terms))

    def forgo_other_terms(self, record: OrderRecord, reason: str) -> None:
        """Leave an order as it is: its venue was not asked for other terms."""
        del self.amending[record.order.client_order_id]
        for status in path(record, ExecType.UPDATE_REJECTED):
            self.advance(record, status, reason)
        self.settle(record)

    def leave(self, record: OrderRecord, entered: Entered | None) -> None:
        """Leave an order on its terms, for it went elsewhere while risk looked at others."""
        order, status = record.order, record.status
        self._port.log.info("not modified", order=order.client_order_id, status=status)
        if status.is_open:  # risk counts on what it has approved
            told = (order.portfolio, order.client_order_id, status, self._port.clock.now(), "not modified")
            self._port.publish(OrderChanged(*told, terms=record.terms))
        if entered is not None:
            code = EntryCode.CLOSED_ORDER if status.is_closed else EntryCode.DENIED
            self._port.publish(EntryAnswered.about(record, entered, f"it is {status}", code))

    def fail(self, client_order_id: str, refusal: ExecType, failed: Undeliverable) -> None:
        """Take it as a refusal that a request did not reach its broker, and for unknown if it may have."""
        record = self.records[client_order_id]
        for status in path(record, ExecType.UNKNOWN if failed.delivered else refusal):
            self.advance(record, status, failed.reason)
        self.settle(record)

    def open_in(self, scope: str) -> list[OrderRecord]:
        """Return the open orders of a scope of trading."""
        scopes = self._register.scopes
        return [r for r in self.records.values() if r.status.is_open and scope in scopes(r.order)]

    def answer_if_quiet(self, scope: str, *, overdue: bool = False) -> None:
        """Answer whoever waits for a scope, if none of its orders is on its way or it was long enough."""
        if stood := stood_down(scope, self.open_in(scope), overdue=overdue):
            for later in self.standing_down.pop(scope, ()):
                later.answer(stood)

    def grant_wishes(self) -> None:
        """Answer those whose cancels stand in the journal now, and would be repeated after a restart."""
        for wish in self.wishes.granted():
            self._port.publish(wish.answer)

    def advance(
        self,
        record: OrderRecord,
        status: OrderStatus,
        reason: str = "",
        report: ExecutionReport | None = None,
        wanted: Terms | None = None,
    ) -> bool:
        """Move an order to a state, and tell; alarm and return False if its machine does not lead there."""
        order, was, now = record.order, record.status, self._port.clock.now()
        try:
            record.advance(status, now)
        except IllegalTransition as illegal:
            self.alarm(order.portfolio, order.client_order_id, str(illegal), report)
            return False
        if status is _PENDING_UPDATE:
            record.wanted = wanted
        self._port.publish(record.told(now, reason, report))
        if status is _UNKNOWN:
            if was is _PENDING_CANCEL:
                self.unwanted.add(order.client_order_id)
            self._inquire(record)
        return True

    def alarm(
        self,
        portfolio: str,
        client_order_id: str,
        alarm: str,
        cause: ExecutionReport | OrderApproved | None = None,
    ) -> None:
        """Have somebody look at an order, and give up what was the cause."""
        self._port.log.error("order alarm", order=client_order_id, alarm=alarm)
        self._port.publish(OrderAlarmed(portfolio, client_order_id, alarm, self._port.clock.now()))
        if cause is not None:
            self._port.give_up(cause, alarm)

    def _deny(self, record: OrderRecord, reason: str) -> None:
        if record.status is _INITIALIZED:
            self.held.discard(record.order.client_order_id)
            self.unwanted.discard(record.order.client_order_id)
            self.advance(record, _DENIED, reason)
            if record.order.entered is not None:
                self._port.publish(
                    EntryAnswered.about(record, record.order.entered, reason, EntryCode.DENIED)
                )
            self.settle(record)

    def _objection_to(self, record: OrderRecord) -> str:
        order = record.order
        if self._halted.bars(order):
            return "trading was halted before the order was sent"
        if order.client_order_id in self.unwanted:
            return "cancelled before it was sent"
        if order.parent and self.lists.is_orphan(record):
            return f"{order.parent}, for which it waited, has not traded"
        if order.group and self.lists.has_ended(record):
            return "another order of its group has traded"
        return ""

    def _answer_those_who_wait(self) -> None:
        """Answer whoever has waited for orders to come to where this one stands now."""
        for scope in tuple(self.standing_down):
            self.answer_if_quiet(scope)
        self.grant_wishes()

    def _inquire(self, record: OrderRecord) -> None:
        """Have a venue asked after an order that is in doubt from now on."""
        due = self.inquiries.begin(record.order.client_order_id)
        self._port.after(due.after_s, due)
