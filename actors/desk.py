"""The desk: owns each order's life, from the approved intent to its end."""

from collections.abc import AsyncGenerator

from bus import Actor, Undeliverable, on
from lts.domain.fills import Fill
from lts.domain.journal import RecallOrders, RecallTradingStates
from lts.domain.market import Instrument
from lts.domain.order_flow import (
    CancelAll,
    CancelOrder,
    ExecType,
    ExecutionReport,
    JournalOrder,
    OrderAlarmed,
    OrderApproved,
    OrderChanged,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
    PlaceOrder,
    WithdrawOrder,
)
from lts.domain.orders import IllegalTransition, OrderRecord, OrderStatus
from lts.domain.plugins import SystemReady
from lts.domain.risk import TradingState, TradingStateChanged

# Looked up once: reading a member off its class takes longer than comparing it.
_INITIALIZED, _DENIED = OrderStatus.INITIALIZED, OrderStatus.DENIED
_SUBMITTED, _PENDING_CANCEL = OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL
_REJECTED, _UNKNOWN = OrderStatus.REJECTED, OrderStatus.UNKNOWN
_ACCEPTED, _FILLED = ExecType.ACCEPTED, ExecType.FILLED

_CROSSING = frozenset({ExecType.ACCEPTED, ExecType.REJECTED})

_STATUS: dict[ExecType, OrderStatus] = {
    ExecType.ACCEPTED: OrderStatus.ACCEPTED,
    ExecType.REJECTED: OrderStatus.REJECTED,
    ExecType.CANCELED: OrderStatus.CANCELED,
    ExecType.EXPIRED: OrderStatus.EXPIRED,
}


class Desk(Actor[None]):
    """Journals an approved order, places it, and moves its state machine by what the venue reports.

    `assignment` is the instruments by symbol. A report that its order's state machine does not
    allow is a dead letter and an alarm; it changes nothing.
    """

    publishes = (OrderChanged, OrderFilled, OrderAlarmed)
    asks = (JournalOrder, PlaceOrder, WithdrawOrder, RecallOrders, RecallTradingStates)

    assignment: dict[str, Instrument]

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up every order that the journal knows."""
        recalled = await self.ask(RecallOrders())
        self.records = {record.order.client_order_id: record for record in recalled.records}
        states = await self.ask(RecallTradingStates())
        self.halted = {each.scope for each in states.states if each.state is TradingState.HALTED}
        self.unwanted: set[str] = set()
        for record in self.records.values():
            if record.status is _INITIALIZED:
                self._advance(record, _UNKNOWN, "found without a word of whether it was sent")
        yield

    @on
    def journal(self, approved: OrderApproved) -> None:
        """Make the intent durable before anything goes on the wire; an id goes there once."""
        order = approved.order
        if order.client_order_id in self.records:
            self._alarm(order.portfolio, order.client_order_id, "another order has this id", approved)
            return
        self.records[order.client_order_id] = OrderRecord(order)
        self.send(JournalOrder(approved.order))

    @on
    def place(self, journalled: OrderJournalled) -> None:
        """Send the order to its broker, unless trading was halted or the order cancelled meanwhile."""
        order = journalled.order
        record = self.records[order.client_order_id]
        if objection := self._objection_to(record):
            self._advance(record, _DENIED, objection)
            return
        self._advance(record, _SUBMITTED)
        self.send(PlaceOrder(order.broker, order))

    @on
    def drop(self, refused: OrderNotJournalled) -> None:
        """End an order whose intent could not be made durable."""
        record = self.records[refused.order.client_order_id]
        self._advance(record, _DENIED, f"not journalled: {refused.reason}")

    @on
    def report(self, report: ExecutionReport) -> None:
        """Move an order by what its venue says of it."""
        record = self.records.get(report.client_order_id)
        if record is None or record.order.broker != report.broker:
            self._alarm("", report.client_order_id, f"{report.broker} was not given this order", report)
        elif report.kind is _FILLED:
            self._book(record, report)
        elif record.status is _PENDING_CANCEL and report.kind in _CROSSING:
            self._cross(record, report)
        elif record.status is not _STATUS[report.kind]:
            self._advance(record, _STATUS[report.kind], report.reason, report)

    @on
    def cancel(self, command: CancelOrder) -> None:
        """Ask the venue to cancel an order."""
        record = self.records.get(command.client_order_id)
        if record is None:
            self.give_up(command, f"there is no order {command.client_order_id}")
        elif record.status is _INITIALIZED:
            self.unwanted.add(command.client_order_id)
        elif self._may_cancel(record) and self._advance(record, _PENDING_CANCEL, cause=command):
            self.send(WithdrawOrder(record.order.broker, command.client_order_id))

    @on
    def cancel_all(self, command: CancelAll) -> None:
        """Cancel every open order of a portfolio, or all there are."""
        for record in tuple(self.records.values()):
            if record.status.is_open and command.portfolio in {None, record.order.portfolio}:
                self.cancel(CancelOrder(record.order.client_order_id))

    @on
    def heed(self, changed: TradingStateChanged) -> None:
        """Remember who is halted, for the look between the journal and the wire."""
        if changed.state is TradingState.HALTED:
            self.halted.add(changed.scope)
        else:
            self.halted.discard(changed.scope)

    @on
    def cancel_again(self, _: SystemReady) -> None:
        """Repeat the cancels of which no end is known: a venue that has had them does nothing."""
        for record in self.records.values():
            if record.status is _PENDING_CANCEL:
                self.send(WithdrawOrder(record.order.broker, record.order.client_order_id))

    @on
    def doubt(self, failed: Undeliverable) -> None:
        """Take the news that a request came to nothing: what was surely not sent ends, else it is unknown."""
        match failed.request:
            case JournalOrder(order=order):
                self._advance(
                    self.records[order.client_order_id],
                    _DENIED,
                    f"not journalled: {failed.reason}",
                )
            case PlaceOrder(order=order):
                lost = OrderStatus.UNKNOWN if failed.delivered else OrderStatus.REJECTED
                self._advance(self.records[order.client_order_id], lost, failed.reason)
            case WithdrawOrder(client_order_id=client_order_id):
                record = self.records[client_order_id]
                lost = OrderStatus.UNKNOWN if failed.delivered else record.state_before
                self._advance(record, lost, failed.reason)

    def _cross(self, record: OrderRecord, report: ExecutionReport) -> None:
        """Take a report that crossed the wish to cancel on its way.

        An acceptance changes nothing about the wish; a rejection is one of the order as it was before.
        """
        status = _STATUS[report.kind]
        if status is _REJECTED:
            self._advance(record, record.state_before)
        self._advance(record, status, report.reason, report)
        if status is not _REJECTED:
            self._advance(record, _PENDING_CANCEL)

    def _may_cancel(self, record: OrderRecord) -> bool:
        return record.status.is_open and record.status is not _PENDING_CANCEL

    def _objection_to(self, record: OrderRecord) -> str:
        if self.halted and not self.halted.isdisjoint({"system", f"portfolio:{record.order.portfolio}"}):
            return "trading was halted before the order was sent"
        if record.order.client_order_id in self.unwanted:
            return "cancelled before it was sent"
        return ""

    def _advance(
        self,
        record: OrderRecord,
        status: OrderStatus,
        reason: str = "",
        cause: ExecutionReport | CancelOrder | None = None,
    ) -> bool:
        order, now = record.order, self.clock.now()
        try:
            record.advance(status, now)
        except IllegalTransition as illegal:
            self._alarm(order.portfolio, order.client_order_id, str(illegal), cause)
            return False
        self.publish(OrderChanged(order.portfolio, order.client_order_id, status, now, reason))
        return True

    def _book(self, record: OrderRecord, report: ExecutionReport) -> None:
        order = record.order
        if record.knows(report.exec_id):
            return
        if not (report.exec_id and report.quantity and report.price and _sane(report)):
            nonsense = "a fill has no exec id, or no sane price, quantity and fee"
            self._alarm(order.portfolio, order.client_order_id, nonsense, report)
            return
        fill = Fill(
            order.portfolio,
            order.instrument,
            order.broker,
            order.client_order_id,
            report.exec_id,
            order.side,
            report.quantity,
            report.price,
            report.fee,
            self.assignment[order.instrument].currency,
            report.at,
        )
        try:
            alarm = record.book(fill)
        except IllegalTransition as illegal:
            self._alarm(order.portfolio, order.client_order_id, str(illegal), report)
            return
        self.publish(OrderFilled(order.portfolio, fill, record.status))
        if alarm:
            self._alarm(order.portfolio, order.client_order_id, alarm)

    def _alarm(
        self,
        portfolio: str,
        client_order_id: str,
        alarm: str,
        cause: ExecutionReport | CancelOrder | OrderApproved | None = None,
    ) -> None:
        self.log.error("order alarm", order=client_order_id, alarm=alarm)
        self.publish(OrderAlarmed(portfolio, client_order_id, alarm, self.clock.now()))
        if cause is not None:
            self.give_up(cause, alarm)


def _sane(report: ExecutionReport) -> bool:
    """Whether a fill's amounts are numbers that a ledger can hold."""
    price, quantity = report.price, report.quantity
    if price is None or quantity is None:
        return False
    return price.is_finite() and report.fee.is_finite() and quantity.is_finite() and quantity > 0
