"""The broker of the simulated venue: a plugin as any other, that speaks over the simulated network."""

from collections.abc import AsyncGenerator

from bus import Event
from lts.domain.order_flow import ExecType
from lts.domain.order_status import OrderStatus
from lts.kinds.broker import Broker
from lts.kinds.plugin import Params
from lts.sdk import AmendOrder, PlaceOrder, QueryOrder, WithdrawOrder, on
from tests.chaos.simulation.line import Line
from tests.chaos.simulation.protocol import (
    Amend,
    Beat,
    Cancel,
    Caught,
    Dial,
    Done,
    Ended,
    Fetch,
    Found,
    Look,
    Place,
    Query,
    Reply,
    Snapshot,
    Told,
    Transaction,
)
from tests.chaos.simulation.venue import LIFETIME

PATIENCE_S = 0.8
"""Seconds after which a request counts as unanswered."""
SILENCE_S = 2.0
RECONCILE_S = 1.5
DOUBTFUL = frozenset({OrderStatus.SUBMITTED, OrderStatus.PENDING_UPDATE, OrderStatus.PENDING_CANCEL})
"""The states of an order of which something was asked."""


class Arrived(Event):
    """Something came in over the network."""

    reply: Reply


class TimedOut(Event):
    """Nobody has answered a request."""

    request: int


class CheckLine(Event):
    """It is time to see whether the line is alive."""


class Reconcile(Event):
    """It is time to ask what is open."""


class SimulatedBroker(Broker[Params]):
    """A session with the venue, its transactions in turn, and the requests that are not answered yet."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Say that nothing is known of the account yet, and dial."""
        self.line: Line = Line.current
        self.born_at = self.clock.now()
        self.lost("not connected yet")
        self.reported = int(await self.recalled_cursor() or 0)
        """Every transaction up to this one was reported."""
        self.ahead: dict[int, Transaction] = {}
        """Transactions that came before others, and so wait for them."""
        self.session = 0
        self.connected = False
        self.heard_at = 0
        self.sent: dict[str, int] = {}
        self.open: dict[int, tuple[str, object]] = {}
        """The requests that nobody has answered, by number."""
        self.late: dict[int, str] = {}
        for record in await self.recalled_orders():
            if record.status in DOUBTFUL:
                self.unknown(record.order, "its broker was started anew")
        self.after(0, CheckLine())
        self.after(RECONCILE_S, Reconcile())
        yield

    # What the desk wants

    @on
    def place(self, request: PlaceOrder) -> None:
        """Send an order, once; without a line it surely was not sent."""
        order = request.order
        if not self.connected:
            self.rejected(order, "not connected")
            return
        now = self.clock.now()
        self.sent[order.client_order_id] = now
        self._ask(order.client_order_id, Place(self.line.number(), order, now))

    @on
    def withdraw(self, request: WithdrawOrder) -> None:
        """Ask for the end of an order."""
        name = request.client_order_id
        self._ask(name, Cancel(self.line.number(), name))

    @on
    def amend(self, request: AmendOrder) -> None:
        """Ask for other terms."""
        name = request.client_order_id
        self._ask(name, Amend(self.line.number(), name, request.terms))

    @on
    def query(self, request: QueryOrder) -> None:
        """Ask what became of an order."""
        name = request.client_order_id
        self._ask(name, Query(self.line.number(), name))

    @on
    def time_out(self, out: TimedOut) -> None:
        """Say that nobody knows what became of a request; it is not sent again."""
        if out.request in self.open:
            name, request = self.open.pop(out.request)
            self.late[out.request] = name
            self.unknown(name, f"no answer to {type(request).__name__}")

    # What the venue says

    @on
    def hear(self, arrived: Arrived) -> None:
        """Take in what came over the network."""
        match arrived.reply:
            case Caught(session) | Told(session) | Beat(session) | Ended(session) if session != self.session:
                return
            case Ended():
                self._lose("the venue hung up")
            case Caught(_, missed, snapshot):
                self._catch_up(missed, snapshot)
            case Told(_, transaction) if self.connected:
                self.heard_at = self.clock.now()
                self._take(transaction)
            case Beat(_, number) if self.connected:
                self.heard_at = self.clock.now()
                if number > self.reported:
                    self.line.send(Fetch(self.session, self.reported))
            case Done():
                self._conclude(arrived.reply)
            case Found():
                self._tell(arrived.reply)
            case _:
                pass

    @on
    def check_line(self, _: CheckLine) -> None:
        """Dial while there is no session; end one of which nothing is heard."""
        if self.connected and self.clock.now() - self.heard_at > SILENCE_S * 1e9:
            self._lose("nothing is heard")
        if not self.connected:
            self.session = self.line.number()
            self.line.send(Dial(self.session, self.reported))
        self.after(0.4, CheckLine())

    @on
    def reconcile(self, _: Reconcile) -> None:
        """Ask what is open, from time to time."""
        if self.connected:
            self.line.send(Look(self.session))
        self.after(RECONCILE_S, Reconcile())

    # How it is done

    def _ask(self, name: str, request: Place | Cancel | Amend | Query) -> None:
        self.open[request.request] = (name, request)
        self.line.send(request)
        self.after(PATIENCE_S, TimedOut(request.request))

    def _lose(self, reason: str) -> None:
        self.connected = False
        self.session = 0
        self.ahead.clear()
        self.lost(reason)

    def _catch_up(self, missed: tuple[Transaction, ...], snapshot: Snapshot) -> None:
        self.connected, self.heard_at = True, self.clock.now()
        for transaction in missed:
            self._take(transaction)
        if self.reported == snapshot.number and not self.ahead:
            self.venue_reported(str(snapshot.number), snapshot.orders, snapshot.positions)

    def _take(self, told: Transaction) -> None:
        """Report a transaction in its turn, or at once if the weather is like that."""
        if told.number <= self.reported or told.number in self.ahead:
            return
        self.ahead[told.number] = told
        if not self.line.in_order:
            self._say(told)
        before = self.reported
        while turn := self.ahead.pop(self.reported + 1, None):
            if self.line.in_order:
                self._say(turn)
            self.reported += 1
        if self.reported != before:
            self.seen(str(self.reported))

    def _say(self, told: Transaction) -> None:
        """Report what a transaction says."""
        name = told.client_order_id
        match told.kind:
            case _ if not name:
                return
            case ExecType.ACCEPTED:
                self.accepted(name, told.venue_order_id, told.at)
            case ExecType.FILLED:
                self.filled(name, abs(told.signed), told.price, told.fee, f"x{told.number}", told.at)
            case ExecType.TRIGGERED:
                self.triggered(name, told.at)
            case ExecType.CANCELED:
                self.canceled(name, told.reason, told.at)
            case ExecType.EXPIRED:
                self.expired(name, told.reason, told.at)
            case ExecType.REJECTED:
                self.rejected(name, told.reason, told.at)
            case ExecType.UPDATED if told.terms is not None:
                self.updated(name, told.terms, told.venue_order_id, told.at)
            case _:
                raise AssertionError(told)

    def _conclude(self, done: Done) -> None:
        """Take the answer to a request; the answer to one that timed out says as much as any."""
        if done.request in self.late:
            self._conclude_late(self.late.pop(done.request), done)
            return
        name, request = self.open.pop(done.request, ("", None))
        match request:
            case Place() if done.objection:
                self.rejected(name, done.objection)
            case Place():
                self.accepted(name, done.venue_order_id)
            case Cancel() if done.objection:
                self.cancel_rejected(name, done.objection)
            case Amend() if done.objection:
                self.update_rejected(name, done.objection)
            case _:
                pass  # the transaction says it

    def _conclude_late(self, name: str, done: Done) -> None:
        """Leave an order whose answer came late to the question that was asked after it meanwhile."""
        del name, done

    def _tell(self, found: Found) -> None:
        """Report all that is known of an order, or that it was proved not to be there."""
        name, request = self.open.pop(found.request, ("", None))
        if not name or not isinstance(request, Query):
            return
        if found.number < self.reported:
            self.unknown(name, "the answer is older than what has been reported since")
        elif not found.history:
            known_by = max(self.born_at, self.sent.get(name, 0)) + LIFETIME
            if found.at > known_by:
                self.absent(name, "the venue does not have it, and would not take it any more")
            else:
                self.unknown(name, "it may still arrive")
        else:
            self._tell_history(found, name)

    def _tell_history(self, found: Found, name: str) -> None:
        for told in found.history:
            if told.kind is not ExecType.ACCEPTED:
                self._say(told)
        if found.is_open:
            self.accepted(name, found.history[-1].venue_order_id)
