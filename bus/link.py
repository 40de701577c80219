"""What stands between an actor's place on the bus and its body in a child process.

The child is not trusted: what it says is checked against the port of its place, and what is no
letter at all is the end of it. What it is given is kept until it says that it has handled it, and no
more than a window of that is on its way; the rest waits, and is conflated, in the actor's own lane.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple

import structlog

from bus.actor import Actor
from bus.calls import Ask, Call, OwnerFailed
from bus.cell import AT_WORK, LIVING, State
from bus.child import INSIST, Child
from bus.later import Later
from bus.letters import (
    Answer,
    Appointment,
    Begin,
    Born,
    Clock,
    Done,
    End,
    Ended,
    Failure,
    GaveUp,
    Ping,
    Pong,
    Put,
    Refusal,
    Relaxed,
    Said,
    Strike,
    Tell,
    ToParent,
    Withdrawal,
)
from bus.line import Line
from bus.mailbox import Waiting
from bus.message import Event, Message, Request
from bus.packing import Packing, Untransportable
from bus.petitions import Petitions
from bus.wire import Garbled

WINDOW = 256
"""Messages that may be on their way to a child, or unhandled there."""
WINDOW_BYTES = 8 * 1024 * 1024
PATIENCE_OF_A_STOP = 0.8
"""How much of the time that its end may take is the child's own."""
LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
RESERVED = frozenset({"event", "exc_info", "self", "stack_info"})
LONGEST_REASON = 10_000


class BodyFailed(Exception):
    """The body of an actor raised, in its child process; the reason is what it raised."""


class BodyLost(Exception):
    """The child process of an actor has gone, is silent, or does not speak as it should."""


class Given(NamedTuple):
    """What was given to the child and not been handled yet, as far as is known."""

    message: Message | None
    """None: a strike of a timer, which comes again."""
    cause: int
    size: int
    later: Later[Any] | None = None
    """The answer that is owed, if it is a request."""


class Link:
    """One child process of one actor, from its start to its end.

    Args:
        actor: the actor's place on the bus.
        packing: what turns the messages of its port into bytes.
        child: the process, just started.
    """

    def __init__(self, actor: Actor[Any], packing: Packing, child: Child) -> None:
        self.heard = True
        """Whether anything has come from the child since somebody looked."""
        self.refused = 0
        """How many messages outside of its port the body has tried to use."""
        self._actor = actor
        self._cell = actor._cell  # noqa: SLF001 - this is the other half of the actor
        self._dispatcher = actor._dispatcher  # noqa: SLF001
        self._supervisor = actor._bus.supervisor  # noqa: SLF001
        self._packing = packing
        self._child = child
        self._line = Line(ToParent, self._arrived, self._lost)
        self._petitions = Petitions(actor, packing, self._line)
        self._given: dict[int, Given] = {}
        self._answers: dict[int, tuple[Request[Any], Later[Any]]] = {}
        self._bytes = 0
        self._number = 0
        self._up = False
        self._closing = False
        self._failing = False
        self._time = -1
        self._struck: dict[str, int] = {}
        loop = asyncio.get_running_loop()
        self._born: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()

    # The child's life

    async def open(self, begin: Begin, within: float) -> None:
        """Have the child begin, and wait until the body's lifespan has yielded.

        Raises:
            BodyFailed, BodyLost: it did not come to that.
            Exception: one of those that no restart can mend, as the body raised it.
        """
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self._line, sock=self._child.socket)
        self._time = begin.time
        self._line.write(begin)
        try:
            async with asyncio.timeout(within):
                await self._born
        except TimeoutError:
            raise BodyLost(f"its child process did not come up within {within:g} s") from None

    async def close(self, within: float) -> None:
        """Have the body handle what it has and clean up, then see to it that the process ends and is reaped."""
        self._closing = True
        within = min(within, PATIENCE_OF_A_STOP * self._cell.grace)
        if not self._up or (self._full and self._cell.state is not State.STOPPED):
            within = min(within, INSIST)  # there is nothing to clean up, or it does not keep up
        try:
            if self._line.open and not self._ended.done():
                self._line.write(End(within))
                await asyncio.wait((self._ended,), timeout=within)
            self._line.close()
            await self._child.end(within if self._ended.done() else 0.0)
        finally:
            self._line.close()
            self._child.kill()
            self._petitions.close()

    async def watch(self, patience: float, pause: Callable[[float], Any]) -> None:
        """Ask a silent child for a sign of life, and fail it when none comes."""
        while not self._ended.done():
            self.heard = False
            await pause(patience / 2)
            if not self.heard:
                self._line.write(Ping())
                await pause(patience / 2)
                if not self.heard:
                    self._line.break_off(f"it has been silent for {patience:g} s")

    # To the child

    def tell(self, event: Event) -> None:
        """Pass on an event."""
        packed = self._packed(event)
        if packed is not None:
            name, body = packed
            cause = self._dispatcher.cause
            number = self._note(event, len(body))
            self._line.write(Tell(number, cause, name, body), len(body))
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

    @property
    def _full(self) -> bool:
        return len(self._given) >= WINDOW or self._bytes >= WINDOW_BYTES

    def _packed(self, message: Message) -> Any:
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

    def _hold_if_full(self) -> None:
        if self._full:
            self._supervisor.hold(self._cell)

    # From the child

    def _arrived(self, letters: list[Any]) -> None:
        self.heard = True
        try:
            for letter in letters:
                if self._ended.done():
                    return
                self._take(letter)
        except Garbled as error:
            self._line.break_off(f"what it sent is not understood: {error}")

    def _take(self, letter: Any) -> None:  # noqa: C901, PLR0912 - one arm a kind of letter
        match letter:
            case Tell():
                self.refused += not self._petitions.publish(letter)
            case Done():
                self._done(letter.numbers)
            case Put():
                self.refused += not self._petitions.put(letter)
            case Answer():
                request, later = self._owed(letter.number)
                later.answer(self._packing.answers(request).unpack(letter.which, letter.body))
            case Refusal():
                self._owed(letter.number)[1].fail(letter.reason[:LONGEST_REASON])
            case Said():
                self._log(letter)
            case Withdrawal():
                self._petitions.withdraw(letter.number)
            case Relaxed():
                if letter.number in self._answers:
                    self._answers[letter.number][1].release()
            case Appointment():
                self._appoint(letter)
            case GaveUp():
                message = self._packing.unpack(letter.name, letter.body)
                self._actor.give_up(message, letter.reason[:LONGEST_REASON])
            case Failure():
                self._failed(letter)
            case Born() if not self._born.done():
                self._up = True
                self._born.set_result(None)
            case Ended():
                self._ended.set_result(None)
            case Pong():
                pass

    def _owed(self, number: int) -> tuple[Request[Any], Later[Any]]:
        try:
            return self._answers.pop(number)
        except KeyError:
            raise Garbled(f"an answer to nothing that was asked ({number})") from None

    def _done(self, numbers: list[int]) -> None:
        for number in numbers:
            given = self._given.pop(number, None)
            if given is None:
                raise Garbled(f"it has handled what it was not given ({number})")
            self._bytes -= given.size
        if self._cell.state is State.HELD and 2 * len(self._given) <= WINDOW and 2 * self._bytes <= WINDOW_BYTES:
            self._supervisor.go_on(self._cell)

    def _appoint(self, letter: Appointment) -> None:
        message = self._packing.unpack(letter.name, letter.body)
        if not (isfinite(letter.seconds) and isinstance(message, Event)):
            raise Garbled("an appointment has a finite time and an event")
        self._actor.after(letter.seconds, message)

    def _log(self, letter: Said) -> None:
        level = letter.level if letter.level in LEVELS else "info"
        fields = {name: value for name, value in letter.fields.items() if name not in RESERVED}
        said = structlog.get_logger("bus") if "actor" in fields else self._actor.log
        getattr(said, level)(letter.event, **fields)

    # The end

    def _failed(self, letter: Failure) -> None:
        """Take the news that the body has raised: what it has not seen yet is not lost."""
        reason = letter.reason[:LONGEST_REASON]
        if not self._born.done():
            self._born.set_exception(self._error_of(letter, reason))
        if self._closing or not self._up:
            return
        self._failing = True
        self._line.flush()
        guilty = self._given.pop(letter.number, None)
        if guilty is not None:
            self._dispatcher.cause = guilty.cause
            if guilty.later is not None:
                guilty.later.fail(f"{self._cell.name} failed: {reason}")
            if guilty.message is not None:
                self._supervisor.dead_letter(self._cell, guilty.message, reason, failed=True)
        unseen = self._unseen()
        self._supervisor.failed(self._cell, BodyFailed(reason))
        if self._cell.state is State.RESTARTING:
            self._supervisor.put_back(self._cell, unseen)
        self._dispatcher.cause = 0
        self._petitions.close()

    def _error_of(self, letter: Failure, reason: str) -> Exception:
        hopeless = self._supervisor.hopeless
        if letter.hopeless is not None and 0 <= letter.hopeless < len(hopeless):
            return hopeless[letter.hopeless](reason)
        return BodyFailed(reason)

    def _unseen(self) -> list[Waiting]:
        """Take back what was given and not handled: events, and what was sent; who asks is told."""
        waiting: list[Waiting] = []
        for given in self._given.values():
            message: Message | Call | None = given.message
            if given.later is not None:
                message = given.later.withdraw()
                if isinstance(message, Ask):
                    error = OwnerFailed(f"{self._cell.name} failed before it came to this")
                    message.refuse(error, delivered=False)
                    continue
            handler = None if given.message is None else self._supervisor.handler(self._cell, type(given.message))
            if message is not None and handler is not None:
                waiting.append((handler, message, given.cause))
        self._given.clear()
        self._answers.clear()
        return waiting

    def _lost(self, reason: str, *, gone: bool) -> None:
        """Take the news that the child has gone without a word, or has to go."""
        if not gone:
            self._child.kill()
        if self._cell.state in AT_WORK and not self._closing:
            self._supervisor.hold(self._cell)
            self._supervisor.adopt(self._cell, self._mourn(reason, gone=gone))
        else:
            self._end_with(BodyLost(f"its child process is lost: {reason}"))

    async def _mourn(self, reason: str, *, gone: bool) -> None:
        """Find out what became of the child, then fail the actor."""
        if not await self._child.ended(INSIST):
            self._child.kill()
            await self._child.ended(INSIST)
        fate = f" ({self._child.fate})" if gone else ""
        error = BodyLost(f"its child process is lost: {reason}{fate}")
        unknown = [given.message for given in self._given.values() if given.message is not None]
        for message in unknown:
            self._supervisor.dead_letter(self._cell, message, str(error), failed=True)
        self._given.clear()
        self._end_with(error)

    def _end_with(self, error: BodyLost) -> None:
        self._petitions.close()
        if not self._ended.done():
            self._ended.set_result(None)
        if not self._born.done():
            self._born.set_exception(error)
        elif self._cell.state in LIVING and not self._closing:
            self._supervisor.failed(self._cell, error)
