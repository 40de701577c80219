"""An answer that is given after its handler has returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from bus.calls import Call, OwnerFailed

if TYPE_CHECKING:
    from bus.cell import Cell
    from bus.dispatcher import Dispatcher

R = TypeVar("R")


class Later(Generic[R]):
    """What a plain handler of a request returns when it cannot answer yet: see `Actor.later`.

    Until it is answered, something is under way: a replay's market time stands still, and a stop
    waits; unless it is one for which nobody has to wait. If its actor fails or ends first, the
    request fails.
    """

    __slots__ = ("_call", "_cell", "_dispatcher", "_end", "_holds")

    def __init__(self, cell: Cell, dispatcher: Dispatcher, *, holds: bool = True) -> None:
        self._holds = holds
        self._cell = cell
        self._dispatcher = dispatcher
        self._call: Call | None = None
        self._end: Callable[[Call], None] | None = None

    def take(self, call: Call) -> None:
        """Take the call that the handler was given: the bus does so when the handler has returned."""
        if self._end is not None:
            self._end(call)
            return
        self._call = call
        self._cell.owes[self] = None
        if self._holds:
            self._dispatcher.open_work += 1
        else:
            call.relax()

    def answer(self, answer: R) -> None:
        """Give the answer; a second one goes nowhere."""
        self._finish(lambda call: call.resolve(answer))

    def fail(self, reason: str) -> None:
        """Give the news that there will be no answer, though the owner has seen the request."""
        self._finish(lambda call: call.refuse(OwnerFailed(reason), delivered=True))

    def release(self) -> None:
        """Let nobody wait for it any more; it may still be answered some day."""
        if self._call is not None and self._end is None and self._holds:
            self._holds = False
            self._call.relax()
            self._dispatcher.finish_work()

    def withdraw(self) -> Call | None:
        """Take back the call, for which nothing was done; None if it has been answered."""
        if self._end is not None:
            return None
        call, self._end = self._call, _nothing
        if call is not None:
            del self._cell.owes[self]
            if self._holds:
                self._dispatcher.finish_work()
        return call

    def _finish(self, end: Callable[[Call], None]) -> None:
        if self._end is not None:
            return
        self._end = end
        if self._call is not None:
            del self._cell.owes[self]
            end(self._call)
            if self._holds:
                self._dispatcher.finish_work()


def _nothing(call: Call) -> None:
    """End nothing: the call has been taken back."""
