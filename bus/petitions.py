"""What the body of an actor in a child process wants of others, held against the actor's port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from bus.actor import Actor
from bus.calls import Ask, AskError, Call, objection_to
from bus.cell import Cell
from bus.letters import Answer, Put, Refusal, Tell
from bus.line import Line
from bus.message import Request
from bus.packing import Packing, Untransportable
from bus.wire import Garbled

OPEN = 10_000
"""Requests of one child that may be open at a time."""

log = structlog.get_logger("bus")

Ended = Callable[[Any, AskError | None, bool], None]


class Awaited(Ask):
    """A request that is awaited in the child."""

    __slots__ = ("_end",)

    def __init__(self, request: Request[Any], asked_by: Cell, end: Ended) -> None:
        super().__init__(request, asked_by)
        self._end = end

    def resolve(self, answer: Any) -> None:
        """Pass on the answer."""
        if not self.done:
            self.done = True
            self._end(answer, None, True)  # noqa: FBT003 - an answer has been delivered

    def refuse(self, error: AskError, *, delivered: bool) -> None:
        """Pass on that there is none."""
        if not self.done:
            self.done = True
            self._end(None, error, delivered)


class Sent(Call):
    """A request whose answer returns to the child as a message."""

    __slots__ = ("_end",)

    def __init__(self, request: Request[Any], asked_by: Cell, end: Ended) -> None:
        super().__init__(request, asked_by)
        self._end = end

    def resolve(self, answer: Any) -> None:
        """Pass on the answer."""
        self._end(answer, None, True)  # noqa: FBT003 - an answer has been delivered

    def refuse(self, error: AskError, *, delivered: bool) -> None:
        """Pass on that there is none."""
        self._end(None, error, delivered)


class Petitions:
    """Publishes and asks in the name of an actor whose body lives elsewhere."""

    def __init__(self, actor: Actor[Any], packing: Packing, line: Line) -> None:
        self._actor = actor
        self._cell = actor._cell  # noqa: SLF001 - this is a part of the actor
        self._dispatcher = actor._dispatcher  # noqa: SLF001
        self._packing = packing
        self._line = line
        self._open: dict[int, tuple[Awaited | Sent, Cell | None]] = {}
        """What is not answered yet, and the owner for whom the body's handler waits."""

    def publish(self, letter: Tell) -> None:
        """Publish an event, if the port carries it.

        Raises:
            Garbled: it is malformed.
        """
        kind = self._packing.type_of(letter.name)
        outlet = None if kind is None else self._actor._outlets.get(kind)  # noqa: SLF001 - as above
        if kind is None or outlet is None:
            self._trespassed("publishes", letter.name)
            return
        event = self._packing.unpack(letter.name, letter.body)
        table, enter = outlet
        targets = table.get(event.key)
        if targets is None:
            targets = self._dispatcher.router.of(kind).targets(event.key)
        enter((targets, event, self._known(letter.cause)))
        if not self._dispatcher.awake:
            self._dispatcher.wake()

    def put(self, letter: Put) -> None:
        """Put a request to its owner, if the port carries it.

        Raises:
            Garbled: it is malformed, has the number of another one, or is one too many.
        """
        kind = self._packing.type_of(letter.name)
        owners = None if kind is None else self._actor._owners.get(kind)  # noqa: SLF001 - as above
        if kind is None or owners is None:
            self._trespassed("asks", letter.name)
            reason = f"{self._cell.name} may not use it"
            self._line.write(Refusal(letter.number, "Unowned", reason, delivered=False))
            return
        request = self._packing.unpack(letter.name, letter.body)
        if letter.number in self._open or len(self._open) >= OPEN:
            raise Garbled(f"request {letter.number} is open already, or one of more than {OPEN:,}")
        assert isinstance(request, Request)  # noqa: S101 - the port says so
        self._put(request, letter, *owners)

    def withdraw(self, number: int) -> None:
        """Forget a request: nobody waits for the answer any more."""
        call = self._forget(number)
        if isinstance(call, Awaited):
            call.done = True

    def close(self) -> None:
        """Forget all of them."""
        for number in tuple(self._open):
            self.withdraw(number)

    def _put(self, request: Request[Any], letter: Put, routes: Any, enter: Any) -> None:
        cause = self._known(letter.cause)

        def end(answer: Any, error: AskError | None, delivered: bool) -> None:  # noqa: FBT001 - see `Ended`
            self._end(letter.number, request, answer, error, delivered=delivered)

        call = (Awaited if letter.awaited else Sent)(request, self._cell, end)
        targets = routes.targets(request.key)
        owner = targets[0][0] if targets else None
        self._open[letter.number] = (call, None)
        if error := objection_to(request, self._cell, () if owner is None else (owner,), held=letter.held):
            self._actor._bus.supervisor.refuse(call, error)  # noqa: SLF001 - as above
            return
        if owner is not None and letter.held:
            self._open[letter.number] = (call, owner)
            self._cell.awaits = (*self._cell.awaits, owner)
        enter((targets, call, cause))
        if not self._dispatcher.awake:
            self._dispatcher.wake()

    def _end(
        self, number: int, request: Request[Any], answer: Any, error: AskError | None, *, delivered: bool
    ) -> None:
        """Pass on an answer, or that there is none; too late it goes nowhere."""
        if self._forget(number) is None:
            return
        if error is None:
            try:
                which, body = self._packing.answers(request).pack(answer)
            except Untransportable as reason:
                self._line.write(Refusal(number, "OwnerFailed", str(reason), delivered))
            else:
                self._line.write(Answer(number, which, body), len(body))
        else:
            self._line.write(Refusal(number, type(error).__name__, str(error), delivered))

    def _forget(self, number: int) -> Awaited | Sent | None:
        call, owner = self._open.pop(number, (None, None))
        if owner is not None and owner in self._cell.awaits:
            left = [*self._cell.awaits]
            left.remove(owner)
            self._cell.awaits = tuple(left)
        return call

    def _known(self, cause: int) -> int:
        """The cause that the child names, if there has been such an input."""
        return cause if 0 <= cause <= self._dispatcher.inputs else 0

    def _trespassed(self, word: str, name: str) -> None:
        self._actor._bus.supervisor.trespasses += 1  # noqa: SLF001 - as above
        log.warning("message outside of its port", actor=self._cell.name, message=name[:100], port=word)
