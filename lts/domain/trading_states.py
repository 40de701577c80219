"""Trading states by scope: what was set until it is set anew, and what holds for as long as its cause."""

from collections.abc import Collection, Iterable, Iterator
from operator import attrgetter

from lts.domain.register import SYSTEM
from lts.domain.risk import MayLift, SetTradingState, TradingState, TradingStateChanged

_ACTIVE = TradingState.ACTIVE


class TradingStates:
    """What was set for each scope (latched: it outlives the process), and what passing causes add to that.

    A cause is a fact that ends by itself: an account that cannot be trusted, a disk that cannot be
    written. When it is over, what was set holds as before.
    """

    __slots__ = ("_latched", "_passing")

    def __init__(self, latched: Iterable[TradingStateChanged] = ()) -> None:
        self._latched = {each.scope: each for each in latched}
        self._passing: dict[str, dict[str, TradingStateChanged]] = {}

    def latched(self, scope: str) -> TradingState:
        """Return what was set for a scope."""
        return self._latched[scope].state if scope in self._latched else _ACTIVE

    def objection_to(self, command: SetTradingState, known: Collection[str]) -> str:
        """Return why a command cannot be carried out, whoever gives it; empty if it can.

        Args:
            command: which.
            known: the scopes that there are.
        """
        scope, state = command.scope, command.state
        latched = self.latched(scope)
        if scope not in known and latched is _ACTIVE:
            return f"there is no scope {scope!r}; there are: {', '.join(known)}"
        if command.flatten and state is not TradingState.HALTED:
            return "only what is halted can be flattened"
        if state < latched and not command.who.removeprefix(SYSTEM):
            return f"{scope} is {latched.value}, which only an operator can lift"
        return ""

    def is_for_others(self, command: SetTradingState) -> str:
        """Return why it is not for whoever commands to lift what is set; empty if it is, or nothing is."""
        scope, latched = command.scope, self.latched(command.scope)
        if command.state >= latched or command.may_lift is MayLift.ANYTHING:
            return ""
        if command.may_lift is MayLift.NOTHING:
            return f"{scope} is {latched.value}, and to lift that takes another permission"
        if self._latched[scope].who in {"", SYSTEM, command.who}:
            return ""
        return f"somebody else has set {scope} to {latched.value}, and has to lift it"

    def latch(self, changed: TradingStateChanged) -> None:
        """Set a scope's state until it is set again."""
        self._latched[changed.scope] = changed

    def begin(self, cause: str, changed: TradingStateChanged) -> None:
        """Have a scope in a state for as long as a cause lasts."""
        self._passing.setdefault(changed.scope, {})[cause] = changed

    def end(self, cause: str, scope: str) -> bool:
        """End a cause; return whether there was one."""
        causes = self._passing.get(scope, {})
        return causes.pop(cause, None) is not None

    def effective(self, scope: str) -> TradingStateChanged | None:
        """Return the strictest of all that holds for a scope by itself, what was set before what passes."""
        found = [*self._of(scope)]
        return max(found, key=attrgetter("state")) if found else None

    def strictures_on(self, scope: str, around: Iterable[str]) -> str:
        """Return which stricter states still bar a scope, its own or those around it; empty if none does."""
        wider, latched = {scope, *around}, self.latched(scope)
        return "; ".join(
            f"{each.scope} is {each.state.value}: {each.reason}"
            for each in self.strict()
            if each.scope in wider and each.state > latched
        )

    def strict(self) -> tuple[TradingStateChanged, ...]:
        """Return the state of each scope that is not active."""
        found = (self.effective(scope) for scope in sorted(self._latched.keys() | self._passing.keys()))
        return tuple(each for each in found if each is not None and each.state is not _ACTIVE)

    def _of(self, scope: str) -> Iterator[TradingStateChanged]:
        if scope in self._latched:
            yield self._latched[scope]
        yield from self._passing.get(scope, {}).values()
