"""Orders: the intent, and its life as a state machine.

The machine is data, `TRANSITIONS`, and the same for backtest, paper and live trading.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Self

import msgspec

from lts.domain.money import UNROUNDED, ZERO, plain, unrounded

if TYPE_CHECKING:
    from lts.domain.fills import Fill


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"

    __hash__ = str.__hash__  # the enum's own is a Python function, and these are looked up all the time

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sale."""
        return 1 if self is _BUY else -1

    def signed(self, quantity: Decimal) -> Decimal:
        """Return a quantity with the sign of this side, exactly."""
        return quantity if self is _BUY else quantity.copy_negate()


_BUY = Side.BUY  # looked up once: reading it off the class takes longer than the comparison


class OrderType(StrEnum):
    """At what price an order may trade."""

    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(StrEnum):
    """How long an order may wait."""

    GTC = "gtc"
    """Good till cancelled."""
    IOC = "ioc"
    """Immediate or cancel: what cannot trade at once is cancelled."""


class OrderStatus(StrEnum):
    """Where an order stands."""

    INITIALIZED = "initialized"
    DENIED = "denied"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    TRIGGERED = "triggered"
    PENDING_UPDATE = "pending_update"
    PENDING_CANCEL = "pending_cancel"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    __hash__ = str.__hash__  # the enum's own is a Python function, and these are looked up all the time

    @property
    def is_closed(self) -> bool:
        """Whether the order will not trade any more, as far as anybody knows."""
        return self in _CLOSED

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade: it reserves what it could take."""
        return self not in _CLOSED


_S = OrderStatus
# Looked up once: reading a member off its class takes longer than all that is done with it here.
_INITIALIZED, _PARTIALLY_FILLED, _FILLED, _DENIED = _S.INITIALIZED, _S.PARTIALLY_FILLED, _S.FILLED, _S.DENIED
_CLOSED = frozenset({_S.DENIED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED})
_PENDING = frozenset({_S.PENDING_UPDATE, _S.PENDING_CANCEL})
_FILLS = frozenset({_S.PARTIALLY_FILLED, _S.FILLED})
_ENDS = frozenset({_S.CANCELED, _S.EXPIRED})
_WORKING = frozenset({_S.ACCEPTED, _S.TRIGGERED, _S.PARTIALLY_FILLED})

TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    _S.INITIALIZED: frozenset({_S.DENIED, _S.SUBMITTED, _S.UNKNOWN}),
    _S.SUBMITTED: _FILLS | _ENDS | {_S.ACCEPTED, _S.REJECTED, _S.PENDING_CANCEL, _S.UNKNOWN},
    _S.ACCEPTED: _FILLS | _ENDS | _PENDING | {_S.TRIGGERED, _S.REJECTED},
    _S.TRIGGERED: _FILLS | _ENDS | _PENDING,
    _S.PARTIALLY_FILLED: _FILLS | _ENDS | _PENDING,
    # A request that came to nothing returns the order to a state that it can have had before.
    _S.PENDING_UPDATE: _FILLS | _ENDS | _WORKING | {_S.UNKNOWN},
    _S.PENDING_CANCEL: _FILLS | _ENDS | _WORKING | {_S.SUBMITTED, _S.UNKNOWN},
    # Whatever the venue proves; a time-out proves nothing.
    _S.UNKNOWN: _FILLS | _ENDS | _WORKING | _PENDING | {_S.REJECTED},
    _S.DENIED: frozenset(),
    _S.FILLED: frozenset(),
    # A late fill is booked without leaving these, see `OrderRecord.book`.
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REJECTED: frozenset(),
}
"""The states that an order may go to from each state."""


class Order(msgspec.Struct, frozen=True, gc=False):
    """An intent to trade, as somebody proposed it."""

    client_order_id: str
    portfolio: str
    instrument: str
    broker: str
    side: Side
    quantity: Decimal
    type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce
    created_at: int


class ApprovedOrder(Order, frozen=True, gc=False):
    """An order that has passed risk; the only kind a broker takes."""

    @classmethod
    def of(cls, order: Order) -> Self:
        """Return the order as one that has passed risk; only the risk gate may say so."""
        return cls(*msgspec.structs.astuple(order))


class IllegalTransition(Exception):
    """An order was told to go where its state machine does not lead; nothing was changed."""


class OrderRecord:
    """The life of one order: what was intended, every state it went through, and its fills.

    The two fill states are reached by booking fills, never by saying so.
    """

    __slots__ = ("_fills", "filled", "history", "order", "status")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.status = _INITIALIZED
        self.filled = ZERO
        self.history: list[tuple[OrderStatus, int]] = [(_INITIALIZED, order.created_at)]
        self._fills: dict[str, Fill] = {}

    @property
    def fills(self) -> "tuple[Fill, ...]":
        """The fills in the order in which they were booked."""
        return tuple(self._fills.values())

    @property
    @unrounded
    def leaves(self) -> Decimal:
        """The quantity that may still trade: zero once the order is closed, never negative."""
        if self.status in _CLOSED:
            return ZERO
        return self.order.quantity - self.filled

    @property
    def state_before(self) -> OrderStatus:
        """The last state that was no pending request: where a refused update or cancel leads back."""
        return next(status for status, _ in reversed(self.history) if status not in _PENDING)

    def knows(self, exec_id: str) -> bool:
        """Whether this fill has been booked already, so that it would change nothing."""
        return exec_id in self._fills

    def advance(self, status: OrderStatus, at: int) -> None:
        """Go to a state at a market time, or raise IllegalTransition.

        FILLED is refused, and so is PARTIALLY_FILLED without a fill (with one it is where a
        refused update or cancel leads back).
        """
        if status in _FILLS and (status is _FILLED or not self.filled):
            raise IllegalTransition(
                f"{self.order.client_order_id} is said to be {status}, "
                f"with fills for {plain(self.filled)} of {plain(self.order.quantity)}"
            )
        self._move(status, at)

    def book(self, fill: "Fill") -> str | None:
        """Book a fill and go to the state it leads to; return what is alarming about it, if anything.

        A fill that the record `knows` changes nothing. A fill after the order was closed, or for
        more than was ordered, is money that moved: it is booked, the closed state stays, and the
        answer is a sentence for an alarm. Raises IllegalTransition, and books nothing, if the
        order cannot have reached a venue.
        """
        if fill.exec_id in self._fills:
            return None
        order = self.order
        if fill.client_order_id != order.client_order_id:
            raise ValueError(f"a fill of {fill.client_order_id} is not one of {order.client_order_id}")
        was = self.status
        filled = UNROUNDED.add(self.filled, fill.quantity)
        if was not in _CLOSED or was is _DENIED:
            self._move(_FILLED if filled >= order.quantity else _PARTIALLY_FILLED, fill.at)
        self.filled = filled
        self._fills[fill.exec_id] = fill
        if filled > order.quantity:
            return (
                f"{order.client_order_id} is overfilled: {plain(filled)} of {plain(order.quantity)} "
                f"after fill {fill.exec_id}"
            )
        if was in _CLOSED:
            return f"{order.client_order_id} was {was} when fill {fill.exec_id} arrived"
        return None

    def _move(self, status: OrderStatus, at: int) -> None:
        if status not in TRANSITIONS[self.status]:
            raise IllegalTransition(f"{self.order.client_order_id} cannot go from {self.status} to {status}")
        self.status = status
        self.history.append((status, at))


_PLAIN_NAMES = re.compile(r"[A-Za-z0-9._/-]+-[A-Za-z0-9._/]+", re.ASCII)
_ID_LENGTH = 32
_HASH_LENGTH = 20


def client_order_id(portfolio: str, asset: str, sequence: int) -> str:
    """Return the id under which an order is sent: the same each time, and no other order's.

    `portfolio-asset-000001` where that is at most 32 characters that every venue takes and can be
    read one way only (the asset without a hyphen), else a hash of the two names in their place.
    A sequence below 10¹¹ keeps the hashed form within 32 characters, too.
    """
    number = str(sequence).zfill(6)
    return _prefix(portfolio, asset, _ID_LENGTH - len(number)) + number


@lru_cache(maxsize=4096)
def _prefix(portfolio: str, asset: str, room: int) -> str:
    """What comes before the sequence: the names if that can be read and fits, else a hash of them."""
    names = f"{portfolio}-{asset}"
    if _PLAIN_NAMES.fullmatch(names) and "-" not in asset and len(names) < room:
        return f"{names}-"
    digest = sha256(f"{len(portfolio)}:{portfolio}{asset}".encode()).hexdigest()
    return f"{digest[:_HASH_LENGTH]}-"
