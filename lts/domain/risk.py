"""The trading state: whether a scope may trade, only reduce, or not trade at all."""

from enum import Enum
from functools import total_ordering

from bus.message import Delivery, Event, Request


@total_ordering
class TradingState(Enum):
    """What a scope may do; the stricter is the greater, so `max` finds the one that holds."""

    ACTIVE = "active"
    REDUCING = "reducing"
    """Only orders that bring a position closer to zero."""
    HALTED = "halted"

    def __lt__(self, other: "TradingState") -> bool:
        """Whether this state is less strict."""
        return _STRICTNESS.index(self) < _STRICTNESS.index(other)


_STRICTNESS = tuple(TradingState)


class TradingStateChanged(Event, delivery=Delivery.URGENT, gc=False):
    """A scope ("system", or a user, portfolio or account) is in another trading state now."""

    scope: str
    state: TradingState
    reason: str
    at: int


class SetTradingState(Request[TradingStateChanged], delivery=Delivery.URGENT, gc=False):
    """Commands a trading state for a scope, for a reason."""

    scope: str
    state: TradingState
    reason: str
