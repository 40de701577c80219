"""A reservation: what an open order may still trade, as far as risk counts on it."""

from decimal import Decimal

from lts.domain.exposure import Exposure
from lts.domain.money import UNROUNDED, ZERO, plain
from lts.domain.order_flow import OrderChanged
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, Terms

_WORKING = frozenset({OrderStatus.ACCEPTED, OrderStatus.TRIGGERED, OrderStatus.PARTIALLY_FILLED})
_INITIALIZED, _UNKNOWN = OrderStatus.INITIALIZED, OrderStatus.UNKNOWN
_PENDING_UPDATE = OrderStatus.PENDING_UPDATE


class Reservation:
    """Keeps the leaves of one order in the exposure that it belongs to, from its approval to its end.

    While a modification is on its way, the larger of both quantities counts.
    """

    __slots__ = ("_asked", "_left", "_terms", "exposure", "filled", "order", "status", "wanted")

    def __init__(self, order: Order, exposure: Exposure) -> None:
        self.order = order
        self.exposure = exposure
        self._terms: Terms | None = None
        self.wanted: Terms | None = None
        """What it was approved to be modified to, and is not yet."""
        self.filled = ZERO
        self.status = _INITIALIZED
        self._asked = False
        self._left = order.quantity
        exposure.reserve(order.side, order.quantity, reduce_only=order.reduce_only)

    @classmethod
    def recalled(cls, record: OrderRecord, exposure: Exposure) -> "Reservation":
        """Return what an order reserves that was journalled before."""
        reservation = cls(record.order, exposure)
        reservation._terms, reservation.filled = record.terms, record.filled
        reservation.status = record.status
        reservation.wanted = record.wanted
        reservation._asked = record.wanted is not None
        reservation._count()
        return reservation

    @property
    def terms(self) -> Terms:
        """For how much and at what prices it works, as the venue confirmed last."""
        return self._terms or self.order.terms

    @property
    def left(self) -> Decimal:
        """What may still trade, never negative."""
        return self._left

    @property
    def is_working(self) -> bool:
        """Whether its venue works it, and nothing that was asked for is on its way."""
        return self.status in _WORKING and self.wanted is None

    def fill(self, quantity: Decimal, status: OrderStatus) -> None:
        """Take note that so much of it has traded."""
        self.filled = UNROUNDED.add(self.filled, quantity)
        if self.wanted is not None and self.status is _UNKNOWN:
            self._doubt(status)  # that it trades shows that it works as before
        self.status = status
        self._count()

    def follow(self, changed: OrderChanged) -> None:
        """Take note of where it stands, and on what terms."""
        self.status = changed.status
        if changed.terms is not None:
            self._terms, self.wanted = changed.terms, None
            self._count()
        elif changed.wanted is not None:
            self.wanted, self._asked = changed.wanted, True
            self._count()
        elif self.wanted is not None:
            self._doubt(changed.status)

    def want(self, terms: Terms) -> None:
        """Count on it to be modified."""
        self.wanted, self._asked = terms, False
        self._count()

    def end(self, quantity: Decimal) -> None:
        """Take note that so much of it has traded, and that it is over."""
        left, order = self._left, self.order
        self._left = ZERO
        self.exposure.trade(order.side, quantity, left, reduce_only=order.reduce_only)

    def release(self) -> None:
        """Count on it no longer."""
        if left := self._left:
            self._left = ZERO
            self.exposure.reserve(self.order.side, left.copy_negate(), reduce_only=self.order.reduce_only)

    def objection(self, terms: Terms) -> str:
        """Return why it cannot be given other terms now; empty if it can."""
        name = self.order.client_order_id
        if not self.is_working:
            stands = self.status if self.wanted is None else "being modified already"
            return f"{name} is {stands}, and cannot be modified"
        if terms.quantity.is_finite() and terms.quantity <= self.filled and self.filled:
            return f"{plain(self.filled)} of {name} have traded already"
        return ""

    def would_add(self, terms: Terms) -> Decimal:
        """Return by how much more it could trade on other terms; negative if it could trade less."""
        return UNROUNDED.subtract(UNROUNDED.subtract(terms.quantity, self.filled), self._left)

    def _doubt(self, status: OrderStatus) -> None:
        """Forget a modification that came to nothing: it was asked for, and the order works as before."""
        if status is _PENDING_UPDATE:
            self._asked = True
        elif self._asked and status in _WORKING:
            self.wanted = None
            self._count()

    def _count(self) -> None:
        quantity = self.order.quantity if self._terms is None else self._terms.quantity
        if self.wanted is not None:
            quantity = max(quantity, self.wanted.quantity)
        self._set(max(ZERO, UNROUNDED.subtract(quantity, self.filled)))

    def _set(self, left: Decimal) -> None:
        if left != self._left:
            added = UNROUNDED.subtract(left, self._left)
            self._left = left
            self.exposure.reserve(self.order.side, added, reduce_only=self.order.reduce_only)
