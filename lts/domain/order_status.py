"""Where an order can stand, and where it can go from there.

The machine is data, `TRANSITIONS`, and the same for backtest, paper and live trading.
"""

from collections.abc import Mapping
from enum import StrEnum


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
        return self in CLOSED

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade: it reserves what it could take."""
        return self not in CLOSED


_S = OrderStatus
CLOSED = frozenset({_S.DENIED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED})
PENDING = frozenset({_S.PENDING_UPDATE, _S.PENDING_CANCEL})
FILLS = frozenset({_S.PARTIALLY_FILLED, _S.FILLED})
_ENDS = frozenset({_S.CANCELED, _S.EXPIRED})
_WORKING = frozenset({_S.ACCEPTED, _S.TRIGGERED, _S.PARTIALLY_FILLED})

TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    _S.INITIALIZED: frozenset({_S.DENIED, _S.SUBMITTED, _S.UNKNOWN}),
    _S.SUBMITTED: FILLS | _ENDS | {_S.ACCEPTED, _S.REJECTED, _S.PENDING_CANCEL, _S.UNKNOWN},
    _S.ACCEPTED: FILLS | _ENDS | PENDING | {_S.TRIGGERED, _S.REJECTED},
    _S.TRIGGERED: FILLS | _ENDS | PENDING,
    _S.PARTIALLY_FILLED: FILLS | _ENDS | PENDING,
    # A request that came to nothing returns the order to a state that it can have had before.
    _S.PENDING_UPDATE: FILLS | _ENDS | _WORKING | {_S.UNKNOWN},
    _S.PENDING_CANCEL: FILLS | _ENDS | _WORKING | {_S.SUBMITTED, _S.UNKNOWN},
    # Whatever the venue proves; a time-out proves nothing.
    _S.UNKNOWN: FILLS | _ENDS | _WORKING | PENDING | {_S.REJECTED},
    _S.DENIED: frozenset(),
    _S.FILLED: frozenset(),
    # A late fill is booked without leaving these, see `OrderRecord.book`.
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REJECTED: frozenset(),
}
"""The states that an order may go to from each state."""
