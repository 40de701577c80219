"""Halted scopes: where nothing may go on the wire any more."""

from collections.abc import Iterable

from lts.domain.orders import Order
from lts.domain.register import Register
from lts.domain.risk import TradingState, TradingStateChanged

_HALTED = TradingState.HALTED


class HaltedScopes:
    """The scopes of trading that are halted, for the last look at an order before it is sent."""

    __slots__ = ("_register", "scopes")

    def __init__(self, register: Register, states: Iterable[TradingStateChanged]) -> None:
        self._register = register
        self.scopes: set[str] = set()
        self.replace(states)

    def replace(self, states: Iterable[TradingStateChanged]) -> None:
        """Take these states for all that hold."""
        self.scopes = {each.scope for each in states if each.state is _HALTED}

    def add(self, scope: str) -> None:
        """Bar a scope before it is said to be halted."""
        self.scopes.add(scope)

    def heed(self, changed: TradingStateChanged) -> None:
        """Have another state hold for one scope."""
        if changed.state is _HALTED:
            self.scopes.add(changed.scope)
        else:
            self.scopes.discard(changed.scope)

    def bars(self, order: Order) -> bool:
        """Whether an order is in a scope that is halted."""
        return bool(self.scopes) and not self.scopes.isdisjoint(self._register.scopes(order))
