"""Bugs to plant, by name: proof that the harness finds what it is there to find.

Each takes the place of a method, of the product or of the harness's own broker and journal, for as long
as a seed lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any

import msgspec

from actors.desk import Desk
from actors.desk.orders import Orders
from bus import Actor
from bus.handlers import hearings
from lts.domain.contingency import Contingencies
from lts.domain.inquiries import AskAgain
from lts.domain.journal import RecallTradingStates, TradingStatesRecalled
from lts.domain.order_flow import ExecType, ExecutionReport, JournalOrder, OrderApproved, OrderJournalled
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.reconciliation import CursorMoved, TransactionsSeen
from lts.domain.reservation import Reservation
from lts.domain.risk_book import RiskBook
from tests.chaos.simulation.broker import SimulatedBroker, TimedOut
from tests.chaos.simulation.journal import DurableJournal, Work
from tests.chaos.simulation.protocol import Done, Place, Snapshot, Transaction

Plant = Callable[[], AbstractContextManager[None]]


@contextmanager
def _replaced(owner: Any, name: str, method: Any) -> Iterator[None]:
    """Have a class do something else, and as before in the end."""
    if issubclass(owner, Actor):
        hearings(owner)  # read once from what is marked, and kept
    before = owner.__dict__[name]
    setattr(owner, name, method)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def _fill_booked_twice() -> Iterator[None]:
    """A fill that is reported again is booked again, as if it were another one."""
    book, numbers = Orders.book, count(1)

    def book_again(self: Orders, record: OrderRecord, report: ExecutionReport) -> None:
        if self.executions.order_of(report) is not None:
            report = msgspec.structs.replace(report, exec_id=f"{report.exec_id}/{next(numbers)}")
        book(self, record, report)

    with _replaced(Orders, "book", book_again):
        yield


@contextmanager
def _duplicate_exec_id_booked() -> Iterator[None]:
    """The desk does not look whether it knows an execution."""
    book = Orders.book

    def book_any(self: Orders, record: OrderRecord, report: ExecutionReport) -> None:
        self.executions._booked.pop((report.broker, report.exec_id), None)
        record._fills.pop(report.exec_id, None)
        book(self, record, report)

    with _replaced(Orders, "book", book_any):
        yield


@contextmanager
def _resend_on_time_out() -> Iterator[None]:
    """A time-out is taken for a request that was lost."""
    time_out = SimulatedBroker.time_out

    def send_again(self: SimulatedBroker, out: TimedOut) -> None:
        _, request = self.open.get(out.request, ("", None))
        time_out(self, out)
        if isinstance(request, Place):
            self._ask(request.order.client_order_id, _anew(self, request))

    with _replaced(SimulatedBroker, "time_out", send_again):
        yield


@contextmanager
def _retry_after_a_late_ack() -> Iterator[None]:
    """An answer that comes after its time-out is taken for a sign that the request failed."""
    time_out, late = SimulatedBroker.time_out, dict[int, Place]()

    def remember(self: SimulatedBroker, out: TimedOut) -> None:
        _, request = self.open.get(out.request, ("", None))
        if isinstance(request, Place):
            late[out.request] = request
        time_out(self, out)

    def send_again(self: SimulatedBroker, name: str, done: Done) -> None:
        if done.request in late:
            self._ask(name, _anew(self, late.pop(done.request)))

    with (
        _replaced(SimulatedBroker, "time_out", remember),
        _replaced(SimulatedBroker, "_conclude_late", send_again),
    ):
        yield


def _anew(broker: SimulatedBroker, request: Place) -> Place:
    return Place(broker.line.number(), request.order, broker.clock.now())


@contextmanager
def _halted_state_lost_on_restart() -> Iterator[None]:
    """Nobody remembers what was halted."""

    def forget(self: DurableJournal, _: RecallTradingStates) -> Any:
        return self._recalled(lambda: TradingStatesRecalled(()))

    with _replaced(DurableJournal, "recall_states", forget):
        yield


@contextmanager
def _cursor_ahead_of_facts() -> Iterator[None]:
    """The journal commits a cursor as it comes, before what waits."""
    put = DurableJournal._put

    def overtake(self: DurableJournal, work: Work) -> None:
        if isinstance(work[0], CursorMoved) and not self.store.trouble:
            self.store.keep(work[0])
        else:
            put(self, work)

    with _replaced(DurableJournal, "_put", overtake):
        yield


@contextmanager
def _seen_before_reported() -> Iterator[None]:
    """The desk moves the cursor by as much as it hears of, whatever it has taken in."""
    move_on = Desk.move_on

    def leap(self: Desk, seen: TransactionsSeen) -> None:
        move_on(self, msgspec.structs.replace(seen, cursor=str(int(seen.cursor) + 1)))

    with _replaced(Desk, "move_on", leap):
        yield


@contextmanager
def _unknown_released_by_time() -> Iterator[None]:
    """An order of which nothing is heard for a while is taken for one that never arrived."""
    ask_again = Desk.ask_again

    def release(self: Desk, due: AskAgain) -> None:
        record = self.records[due.client_order_id]
        if record.status is OrderStatus.UNKNOWN and due.after_s >= 1:
            self.orders.advance(record, OrderStatus.REJECTED, "nothing was heard of it")
        else:
            ask_again(self, due)

    with _replaced(Desk, "ask_again", release):
        yield


@contextmanager
def _time_out_taken_for_a_rejection() -> Iterator[None]:
    """A request that is not answered is said to be rejected."""

    def reject(self: SimulatedBroker, out: TimedOut) -> None:
        name, request = self.open.pop(out.request, ("", None))
        if isinstance(request, Place):
            self.rejected(name, "no answer")

    with _replaced(SimulatedBroker, "time_out", reject):
        yield


@contextmanager
def _child_sent_before_its_parent() -> Iterator[None]:
    """An order that has to wait for another one does not."""

    def never(_: Contingencies, __: OrderRecord) -> bool:
        return False

    with _replaced(Contingencies, "waits", never):
        yield


@contextmanager
def _cancel_wish_lost() -> Iterator[None]:
    """Only an order that works is cancelled; the wish to cancel any other is forgotten."""
    withdraw = Orders.withdraw

    def forget(self: Orders, record: OrderRecord) -> None:
        if record.status not in {OrderStatus.SUBMITTED, OrderStatus.UNKNOWN}:
            withdraw(self, record)

    with _replaced(Orders, "withdraw", forget):
        yield


@contextmanager
def _reservation_leaked() -> Iterator[None]:
    """What an order that is over had reserved is kept."""

    def keep(_: RiskBook, __: Reservation) -> None:
        return None

    with _replaced(RiskBook, "_release", keep):
        yield


@contextmanager
def _wire_before_journal() -> Iterator[None]:
    """An order is sent while its intent is on its way to the disk."""
    journal = Desk.journal

    def send_first(self: Desk, approved: OrderApproved) -> None:
        journal(self, approved)
        record = self.records[approved.order.client_order_id]
        if record.status is OrderStatus.INITIALIZED and not record.order.parent:
            self.orders.submit(record)

    with _replaced(Desk, "journal", send_first):
        yield


@contextmanager
def _answer_before_the_commit() -> Iterator[None]:
    """The journal answers when it was told, not when it is on disk."""

    def answer(self: DurableJournal, wanted: JournalOrder) -> Any:
        later: Any = self.later(holds=False)
        later.answer(OrderJournalled(wanted.order))
        self._put((wanted.order, lambda: None, None))
        return later

    with _replaced(DurableJournal, "keep", answer):
        yield


@contextmanager
def _absence_without_proof() -> Iterator[None]:
    """What the venue does not have at this moment is said never to have arrived."""
    tell = SimulatedBroker._tell

    def believe(self: SimulatedBroker, found: Any) -> None:
        name, _ = self.open.get(found.request, ("", None))
        if name and not found.history:
            del self.open[found.request]
            self.absent(name, "the venue does not have it")
        else:
            tell(self, found)

    with _replaced(SimulatedBroker, "_tell", believe):
        yield


@contextmanager
def _ready_before_the_gap_is_closed() -> Iterator[None]:
    """After a reconnect a snapshot is believed, and what was missed is not fetched."""

    def skip(self: SimulatedBroker, missed: tuple[Transaction, ...], snapshot: Snapshot) -> None:
        self.connected, self.heard_at = True, self.clock.now()
        for told in missed:
            if told.kind is not ExecType.FILLED:
                self._take(told)
        self.reported = snapshot.number
        self.ahead.clear()
        self.venue_reported(str(snapshot.number), snapshot.orders, snapshot.positions)

    with _replaced(SimulatedBroker, "_catch_up", skip):
        yield


PLANTED: dict[str, Plant] = {
    "absence-without-proof": _absence_without_proof,
    "answer-before-the-commit": _answer_before_the_commit,
    "cancel-wish-lost": _cancel_wish_lost,
    "child-before-parent": _child_sent_before_its_parent,
    "cursor-ahead-of-facts": _cursor_ahead_of_facts,
    "cursor-of-things-unseen": _seen_before_reported,
    "duplicate-exec-id-booked": _duplicate_exec_id_booked,
    "fill-booked-twice": _fill_booked_twice,
    "gap-not-closed": _ready_before_the_gap_is_closed,
    "halt-lost-on-restart": _halted_state_lost_on_restart,
    "reservation-leaked": _reservation_leaked,
    "resend-on-time-out": _resend_on_time_out,
    "retry-after-late-ack": _retry_after_a_late_ack,
    "time-out-is-rejection": _time_out_taken_for_a_rejection,
    "unknown-released-by-time": _unknown_released_by_time,
    "wire-before-journal": _wire_before_journal,
}
