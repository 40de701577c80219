"""The life of an order: what was intended, every state it went through, and its fills."""

from decimal import Decimal
from typing import Self

from lts.domain.fills import Fill
from lts.domain.money import UNROUNDED, ZERO, plain, unrounded
from lts.domain.order_flow import ExecutionReport, OrderChanged
from lts.domain.order_status import CLOSED, FILLS, PENDING, TRANSITIONS, OrderStatus
from lts.domain.orders import Order, Terms

# Looked up once: reading a member off its class takes longer than all that is done with it here.
_INITIALIZED, _PARTIALLY_FILLED = OrderStatus.INITIALIZED, OrderStatus.PARTIALLY_FILLED
_FILLED, _DENIED, _ACCEPTED = OrderStatus.FILLED, OrderStatus.DENIED, OrderStatus.ACCEPTED
_SUBMITTED, _PENDING_CANCEL = OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL
_PENDING_UPDATE = OrderStatus.PENDING_UPDATE
_UNKNOWN, _WORKING = OrderStatus.UNKNOWN, frozenset({_ACCEPTED, OrderStatus.TRIGGERED, _PARTIALLY_FILLED})

_UNANSWERED = frozenset({_SUBMITTED, _UNKNOWN})


class IllegalTransition(Exception):
    """An order was told to go where its state machine does not lead; nothing was changed."""


class OrderRecord:
    """The life of one order, moved by what its venue says.

    The two fill states are reached by booking fills, never by saying so.
    """

    __slots__ = (
        "_fills",
        "filled",
        "history",
        "order",
        "quantity",
        "revisions",
        "status",
        "venue_ids",
        "wanted",
    )

    def __init__(self, order: Order) -> None:
        self.order = order
        self.status = _INITIALIZED
        self.quantity = order.quantity
        """What is to trade in all, as it was modified last."""
        self.filled = ZERO
        self.history: list[tuple[OrderStatus, int]] = [(_INITIALIZED, order.created_at)]
        self.venue_ids: tuple[str, ...] = ()
        """The ids that the venue gave it, the one in use last; a replacement gives another one."""
        self._fills: dict[str, Fill] = {}
        self.revisions: list[tuple[int, Terms]] = []
        """The terms that the venue confirmed since it was sent, the last ones last, and when."""
        self.wanted: Terms | None = None
        """What its venue was asked to modify it to, as long as it is not known what came of that."""

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The fills in the order in which they were booked."""
        return tuple(self._fills.values())

    @property
    def terms(self) -> Terms:
        """For how much and at what prices it works, as the venue confirmed last."""
        return self.revisions[-1][1] if self.revisions else self.order.terms

    @property
    @unrounded
    def leaves(self) -> Decimal:
        """The quantity that may still trade: zero once the order is closed, never negative."""
        if self.status in CLOSED:
            return ZERO
        return max(self.quantity - self.filled, ZERO)

    @property
    def state_before(self) -> OrderStatus:
        """The last state that was no pending request: where a refused update or cancel leads back."""
        return next(status for status, _ in reversed(self.history) if status not in PENDING)

    @property
    def is_on_its_way(self) -> bool:
        """Whether it cannot be said yet that its venue has it, whatever was asked for since."""
        return (self.state_before if self.status is _PENDING_CANCEL else self.status) is _SUBMITTED

    @property
    def working(self) -> OrderStatus:
        """The state of an order that the venue says it works: what it traded shows in it."""
        return _PARTIALLY_FILLED if self.filled else _ACCEPTED

    @property
    def was_being_cancelled(self) -> bool:
        """Whether its end had been asked for when it went where it stands, unanswered or in doubt."""
        before = self.history[-2][0] if len(self.history) > 1 else self.status
        return before is _PENDING_CANCEL and self.status in _UNANSWERED

    def copy(self) -> Self:
        """Return a record of the same life, which goes on by itself."""
        copied = type(self)(self.order)
        copied.status, copied.quantity, copied.filled = self.status, self.quantity, self.filled
        copied.history = [*self.history]
        copied.venue_ids, copied.revisions = self.venue_ids, [*self.revisions]
        copied.wanted = self.wanted
        copied._fills = {**self._fills}  # noqa: SLF001 - one of its own kind
        return copied

    def knows(self, exec_id: str) -> bool:
        """Whether this fill has been booked already, so that it would change nothing."""
        return exec_id in self._fills

    def advance(self, status: OrderStatus, at: int) -> None:
        """Go to a state at a market time, or raise IllegalTransition.

        FILLED is refused without fills for all of it (with them it is where a modification to no more than
        that leads), and so is PARTIALLY_FILLED without a fill (with one it is where a refused update or
        cancel leads back).
        """
        if status in FILLS and (not self.filled or (status is _FILLED and self.filled < self.quantity)):
            raise IllegalTransition(
                f"{self.order.client_order_id} is said to be {status}, "
                f"with fills for {plain(self.filled)} of {plain(self.quantity)}"
            )
        self._move(status, at)
        if status in _WORKING:
            self.wanted = None

    def told(self, at: int, reason: str = "", report: ExecutionReport | None = None) -> OrderChanged:
        """Return where it stands at a market time, and what else a report has said of it."""
        order, status = self.order, self.status
        return OrderChanged(
            order.portfolio,
            order.client_order_id,
            status,
            at,
            reason,
            "" if report is None else report.venue_order_id,
            None if report is None else report.terms,
            self.wanted if status is _PENDING_UPDATE else None,
        )

    def follow(self, changed: OrderChanged) -> None:
        """Take on what the desk told of it, or raise IllegalTransition and take on nothing."""
        if changed.status is not self.status:
            self.advance(changed.status, changed.at)
        if changed.wanted is not None:
            self.wanted = changed.wanted
        self.carry(changed.venue_order_id)
        if changed.terms is not None:
            self.amend(changed.terms, changed.at)

    def amend(self, terms: Terms, at: int) -> None:
        """Take on what a modification led to, or the market, as the venue confirmed it at a market time."""
        self.wanted = None
        if terms != self.terms:
            self.revisions.append((at, terms))
            self.quantity = terms.quantity

    def carry(self, venue_order_id: str) -> None:
        """Remember under which id the venue keeps it now; one that it had before is old news."""
        if venue_order_id and venue_order_id not in self.venue_ids:
            self.venue_ids = (*self.venue_ids, venue_order_id)

    def learn(self, report: ExecutionReport) -> bool:
        """Take on what a report says beside a state; return whether any of it is news.

        Terms under an id that the venue has replaced since are old news: they are told once more.
        """
        known = (self.venue_ids, self.terms)
        self.carry(report.venue_order_id)
        holds = not report.venue_order_id or report.venue_order_id == self.venue_ids[-1]
        if report.terms is not None and holds:
            self.amend(report.terms, report.at)
        return (self.venue_ids, self.terms) != known

    def book(self, fill: Fill) -> str | None:
        """Book a fill and go to the state it leads to; return what is alarming about it, if anything.

        A fill that the record `knows` changes nothing. A fill after the order was closed, or for
        more than was ordered, is money that moved: it is booked, the closed state stays, and the
        answer is a sentence for an alarm. Raises IllegalTransition, and books nothing, if the
        order cannot have reached a venue.
        """
        if fill.exec_id in self._fills:
            return None
        if fill.client_order_id != self.order.client_order_id:
            raise ValueError(f"a fill of {fill.client_order_id} is not one of {self.order.client_order_id}")
        was, ordered = self.status, self.quantity
        filled = UNROUNDED.add(self.filled, fill.quantity)
        if was not in CLOSED or was is _DENIED:
            self._move(_FILLED if filled >= ordered else _PARTIALLY_FILLED, fill.at)
        self.filled = filled
        self._fills[fill.exec_id] = fill
        if was is _UNKNOWN:
            self.wanted = None  # that it trades shows that it works as before
        if filled > ordered:
            return (
                f"{self.order.client_order_id} is overfilled: {plain(filled)} of {plain(ordered)} "
                f"after fill {fill.exec_id}"
            )
        if was in CLOSED:
            return f"{self.order.client_order_id} was {was} when fill {fill.exec_id} arrived"
        return None

    def _move(self, status: OrderStatus, at: int) -> None:
        if status not in TRANSITIONS[self.status]:
            raise IllegalTransition(f"{self.order.client_order_id} cannot go from {self.status} to {status}")
        self.status = status
        self.history.append((status, at))
        if status in CLOSED:
            self.wanted = None
