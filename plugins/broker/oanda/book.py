"""The orders that may be open at the venue, by what was asked for and what it said since."""

from collections.abc import Iterable
from decimal import Decimal

from lts.sdk import ApprovedOrder, ExecType, ExecutionReport, OrderRecord, OrderStatus, Terms

ENDS = frozenset({ExecType.REJECTED, ExecType.CANCELED, ExecType.EXPIRED, ExecType.ABSENT})
UNSENT = OrderStatus.INITIALIZED


class Held:
    """One order: what is asked for, what has traded, and what is being waited for."""

    __slots__ = (
        "canceling",
        "doubted_at",
        "fills",
        "is_over",
        "order",
        "sent",
        "terms",
        "venue_order_id",
        "withdrawn",
    )

    def __init__(self, order: ApprovedOrder, *, doubted_at: int, sent: bool = False) -> None:
        self.order = order
        self.terms: Terms = order.terms
        self.fills: dict[str, Decimal] = {}
        """How much has traded, by the id of the transaction."""
        self.venue_order_id = ""
        """The id that the venue gave it last; empty as long as it has not said that it knows it."""
        self.doubted_at = doubted_at
        """When it was sent at the latest, in nanoseconds of the machine's steady clock."""
        self.is_over = False
        """Whether the venue has said that it failed at it: it does not act on it any more."""
        self.sent = sent
        self.withdrawn = self.canceling = False

    @property
    def filled(self) -> Decimal:
        """How much has traded."""
        return sum(self.fills.values(), Decimal(0))

    def filled_before(self, number: str) -> Decimal:
        """How much had traded before a transaction, also where that is told after later ones were booked."""
        at = int(number)
        return sum((each for name, each in self.fills.items() if int(name) < at), Decimal(0))


class Book:
    """What is open, or may be. `now` is when the actor was born: what it recalls was sent before."""

    def __init__(self, records: Iterable[OrderRecord], now: int) -> None:
        self.born = now
        self._held: dict[str, Held] = {}
        self._inherited: dict[str, Held] = {}
        for record in records:
            if record.status.is_open:
                self._recall(record)

    def __len__(self) -> int:
        """How many orders may be open."""
        return len(self._held)

    def get(self, client_order_id: str) -> Held | None:
        """Return an order, None if it is over or was never here."""
        return self._held.get(client_order_id)

    def add(self, order: ApprovedOrder) -> Held:
        """Take in an order that has not been sent."""
        held = self._held[order.client_order_id] = Held(order, doubted_at=self.born)
        return held

    def is_inherited(self, client_order_id: str) -> bool:
        """Whether the journal had an order at the start, and as one that was not sent."""
        return client_order_id in self._inherited

    def adopt(self, client_order_id: str) -> Held | None:
        """Return an order that is at the venue, also one that was inherited as not sent."""
        inherited = self._inherited.pop(client_order_id, None)
        if inherited and client_order_id not in self._held:
            self._held[client_order_id] = inherited
        return self._held.get(client_order_id)

    def drop(self, client_order_id: str) -> None:
        """Forget an order that is over."""
        self._held.pop(client_order_id, None)

    def heed(self, report: ExecutionReport) -> None:
        """Follow what is reported of an order."""
        held = self._held.get(report.client_order_id)
        if held is None:
            return
        if report.venue_order_id:
            held.venue_order_id = report.venue_order_id
        if report.terms is not None:
            held.terms = report.terms
        if report.kind in ENDS or (report.kind is ExecType.FILLED and self._fill(held, report)):
            self.drop(report.client_order_id)

    def _fill(self, held: Held, report: ExecutionReport) -> bool:
        """Count an execution once; return whether it was the last."""
        if report.quantity is not None:
            held.fills[report.exec_id] = report.quantity
        return held.filled >= held.terms.quantity

    def _recall(self, record: OrderRecord) -> None:
        order = record.order
        if not isinstance(order, ApprovedOrder):
            return
        kept = self._inherited if record.status is UNSENT else self._held
        held = kept[order.client_order_id] = Held(order, doubted_at=self.born, sent=True)
        held.terms, held.fills = record.terms, {fill.exec_id: fill.quantity for fill in record.fills}
        held.venue_order_id = record.venue_ids[-1] if record.venue_ids else ""
