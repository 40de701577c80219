"""Barriers: what the trading states let pass, and what not."""

from collections.abc import Iterable
from operator import attrgetter

from lts.domain.exposure import Exposure
from lts.domain.orders import Order, OrderType
from lts.domain.register import Register
from lts.domain.risk import TradingState, TradingStateChanged

_STATE = attrgetter("state")
_ACTIVE, _REDUCING, _HALTED = TradingState


class Barriers:
    """The trading states that hold, of all scopes that are not active; the strictest of an order's counts."""

    __slots__ = ("_register", "states", "verified")

    def __init__(self, register: Register, states: Iterable[TradingStateChanged]) -> None:
        self._register = register
        self.states = {each.scope: each for each in states}
        """Those of scopes that are not active."""
        self.verified: set[str] = set()
        """Halted scopes of which nothing is open any more."""

    def move(self, changed: TradingStateChanged) -> None:
        """Have another state hold for a scope."""
        if changed.state is _ACTIVE:
            self.states.pop(changed.scope, None)
        else:
            self.states[changed.scope] = changed
        if changed.state is not _HALTED:
            self.verified.discard(changed.scope)

    def verify(self, scope: str) -> None:
        """Take note that nothing of a halted scope is open any more."""
        if scope in self.states:
            self.verified.add(scope)

    def rests(self, portfolio: str, broker: str) -> str:
        """Return the scope by which no order of a portfolio can be alive any more; empty if one may."""
        scopes = self._register.scopes_of(portfolio, broker)
        return next((scope for scope in scopes if scope in self.verified), "")

    def objection(self, order: Order, *, reduces: bool) -> str:
        """Return why an order may not pass, given whether it can only reduce; empty if it may."""
        found = self._of(order)
        strictest = max(found, key=_STATE, default=None)
        if strictest is None:
            return ""
        scope, reason = strictest.scope, strictest.reason
        if strictest.state is _HALTED or strictest.flattening:
            return f"{scope} is halted: {reason}"
        return (
            "" if reduces else f"only orders that reduce a position may pass, {scope} is reducing: {reason}"
        )

    def closes(self, order: Order, exposure: Exposure) -> bool:
        """Whether an order closes what is held in a scope being flattened, and is in none that is halted."""
        if order.type is not OrderType.MARKET or not order.reduce_only or not exposure.reduces(order):
            return False
        found = self._of(order)
        return any(each.flattening for each in found) and all(each.state is not _HALTED for each in found)

    def _of(self, order: Order) -> list[TradingStateChanged]:
        """Return what holds for an order; of equal ones what is being flattened first."""
        found = [self.states[scope] for scope in self._register.scopes(order) if scope in self.states]
        return sorted(found, key=attrgetter("flattening"), reverse=True)
