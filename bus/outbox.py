"""What an actor has given to its body in a child process: on its way, or there and not handled yet."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from bus.actor import Actor
from bus.calls import Ask, Call, OwnerFailed
from bus.cell import State
from bus.later import Later
from bus.letters import Answer, Clock, Put, Strike, Tell
from bus.line import Line
from bus.mailbox import Waiting
from bus.message import Event, Message, Request
from bus.packing import Packing, Untransportable
from bus.wire import Garbled

WINDOW = 256
"""Messages that may be on their way to a child, or unhandled there."""
WINDOW_BYTES = 8 * 1024 * 1024


class Given(NamedTuple):
    """What was given to the child and has not been handled yet, as far as is known."""

    message: Message | None
    """None: a strike of a timer, which comes again."""
    cause: int
    size: int
    later: Later[Any] | None = None
    """The answer that is owed, if it is a request."""


class Outbox:
    """Numbers what the child is given, and keeps it until the child says that it has handled it."""

    def __init__(self, actor: Actor[Any], packing: Packing, line: Line, time: int) -> None:
        self._actor = actor
        self._cell = actor._cell  # noqa: SLF001 - this is a part of the actor
        self._dispatcher = actor._dispatcher  # noqa: SLF001
        self._supervisor = actor._bus.supervisor  # noqa: SLF001
        self._packing = packing
        self._line = line
        self._time = time
        self._given: dict[int, Given] = {}
        self._answers: dict[int, tuple[Request[Any], Later[Any]]] = {}
        self._bytes = 0
        self._number = 0
        self._struck: dict[str, int] = {}

    @property
    def full(self) -> bool:
        """Whether the child has as much as it may have."""
        return len(self._given) >= WINDOW or self._bytes >= WINDOW_BYTES

    # What goes out

    def tell(self, event: Event) -> None:
        """Pass on an event."""
        packed = self._packed(event)
        if packed is not None:
            name, body = packed
            number = self._note(event, len(body))
            self._line.write(Tell(number, self._dispatcher.cause, name, body), len(body))
            self._hold_if_full()

    def put(self, request: Request[Any]) -> Later[Any]:
        """Pass on a request, and return the answer to come."""
        later: Later[Any] = self._actor.later()
        packed = self._packed(request)
        if packed is None:
            later.fail(f"{self._cell.name} lives in a child process, where this request cannot travel")
        else:
            name, body = packed
            number = self._note(request, len(body), later)
            self._answers[number] = (request, later)
            self._line.write(Put(number, self._dispatcher.cause, name, body), len(body))
            self._hold_if_full()
        return later

    def strike(self, method: str) -> None:
        """Pass on that a timer has come due, unless its last strike has not been heard yet."""
        if self._struck.get(method) in self._given:
            self._dispatcher.conflated += 1
            return
        self._struck[method] = number = self._note(None, 0)
        self._line.write(Strike(number, self._dispatcher.cause, method))

    # What comes back

    def done(self, numbers: list[int]) -> None:
        """Forget what has been handled, and let the actor go on when the child has caught up.

        Raises:
            Garbled: it was not given.
        """
        for number in numbers:
            given = self._given.pop(number, None)
            if given is None:
                raise Garbled(f"it has handled what it was not given ({number})")
            self._bytes -= given.size
        if self._cell.state is State.HELD and self._line.open and self._half_empty:
            self._supervisor.go_on(self._cell)

    def answer(self, letter: Answer) -> None:
        """Pass on an answer.

        Raises:
            Garbled: it is malformed, or nobody has asked.
        """
        request, later = self._owed(letter.number)
        later.answer(self._packing.answers(request).unpack(letter.which, letter.body))

    def refuse(self, number: int, reason: str) -> None:
        """Pass on that there is no answer.

        Raises:
            Garbled: nobody has asked.
        """
        self._owed(number)[1].fail(reason)

    def relax(self, number: int) -> None:
        """Let nobody wait for an answer any more."""
        if number in self._answers:
            self._answers[number][1].release()

    # What remains when the body fails

    def take_guilty(self, number: int, reason: str) -> int:
        """Give up the message over which the body failed, if there is one, and return its cause."""
        given = self._given.pop(number, None)
        if given is None:
            return 0
        if given.later is not None:
            given.later.fail(f"{self._cell.name} failed: {reason}")
        if given.message is not None:
            self._supervisor.dead_letter(self._cell, given.message, reason, failed=True)
        return given.cause

    def take_unseen(self) -> list[Waiting]:
        """Take back what was not handled: events, and requests that were sent; who asks is told."""
        waiting: list[Waiting] = []
        for message, cause, _, later in self._given.values():
            seen: Message | Call | None = message if later is None else later.withdraw()
            if isinstance(seen, Ask):
                error = OwnerFailed(f"{self._cell.name} failed before it came to this")
                seen.refuse(error, delivered=False)
            elif seen is not None and message is not None:
                handler = self._supervisor.handler(self._cell, type(message))
                waiting += [] if handler is None else [(handler, seen, cause)]
        self._given.clear()
        self._answers.clear()
        return waiting

    def bury(self, reason: str) -> None:
        """Give up all that was given and may or may not have been handled."""
        for given in self._given.values():
            if given.message is not None:
                self._supervisor.dead_letter(self._cell, given.message, reason, failed=True)
        self._given.clear()

    @property
    def _half_empty(self) -> bool:
        return 2 * len(self._given) <= WINDOW and 2 * self._bytes <= WINDOW_BYTES

    def _packed(self, message: Message) -> tuple[str, msgspec.Raw] | None:
        try:
            return self._packing.pack(message)
        except Untransportable as reason:
            self._actor.give_up(message, str(reason))
            return None

    def _note(self, message: Message | None, size: int, later: Later[Any] | None = None) -> int:
        """Keep what is given, under the next number; first tell what time it is."""
        now = self._actor.clock.now()
        if now != self._time:
            self._time = now
            self._line.write(Clock(now))
        self._number += 1
        self._given[self._number] = Given(message, self._dispatcher.cause, size, later)
        self._bytes += size
        return self._number

    def _owed(self, number: int) -> tuple[Request[Any], Later[Any]]:
        try:
            return self._answers.pop(number)
        except KeyError:
            raise Garbled(f"an answer to nothing that was asked ({number})") from None

    def _hold_if_full(self) -> None:
        if self.full:
            self._supervisor.hold(self._cell)
