"""What stands between an actor's place on the bus and its body in a child process.

The child is not trusted: what it says is checked against the port of its place, and what is no
letter at all is the end of it. What it is given is kept until it says that it has handled it, and no
more than a window of that is on its way; the rest waits, and is conflated, in the actor's own lane.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import isfinite
from typing import Any

import structlog

from bus.actor import Actor
from bus.cell import AT_WORK, LIVING, State
from bus.child import INSIST, Child
from bus.clock import pause
from bus.dispatcher import CROWD
from bus.letters import (
    Answer,
    Appointment,
    Begin,
    Born,
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
    Tell,
    ToParent,
    Withdrawal,
)
from bus.line import Line
from bus.message import Event
from bus.outbox import Outbox
from bus.packing import Packing
from bus.petitions import Petitions
from bus.wire import Garbled

OWN_SHARE, LAST_SHARE = 0.6, 0.2
"""How much of the time that its end may take is the child's own, and how much there is for the last word."""
LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
RESERVED = frozenset({"event", "exc_info", "self", "stack_info"})
LONGEST_REASON = 10_000


class BodyFailed(Exception):
    """The body of an actor raised, in its child process; the reason is what it raised."""


class BodyLost(Exception):
    """The child process of an actor has gone, is silent, or does not speak as it should."""


class Link:
    """One child process of one actor, from its start to its end.

    Args:
        actor: the actor's place on the bus.
        packing: what turns the messages of its port into bytes.
        begin: what the child needs in order to be this actor.
        child: the process, just started.
    """

    def __init__(self, actor: Actor[Any], packing: Packing, begin: Begin, child: Child) -> None:
        self.heard = True
        """Whether anything has come from the child since somebody looked."""
        self._actor = actor
        self._cell = actor._cell  # noqa: SLF001 - this is the other half of the actor
        self._dispatcher = actor._dispatcher  # noqa: SLF001
        self._supervisor = actor._bus.supervisor  # noqa: SLF001
        self._packing = packing
        self._child = child
        self._line = Line(ToParent, self._arrived, self._lost)
        self._petitions = Petitions(actor, packing, self._line)
        self.outbox = Outbox(actor, packing, self._line, begin.time)
        """What the body is given."""
        self._begin = begin
        self._up = False
        self._closing = False
        loop = asyncio.get_running_loop()
        self._born: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()

    # The child's life

    async def open(self, within: float) -> None:
        """Have the child begin, and wait until the body's lifespan has yielded.

        Raises:
            BodyFailed, BodyLost: it did not come to that.
            Exception: one of those that no restart can mend, as the body raised it.
        """
        loop = asyncio.get_running_loop()
        try:
            await loop.create_unix_connection(lambda: self._line, sock=self._child.socket)
        except BaseException:
            self._child.socket.close()
            raise
        self._line.write(self._begin)
        try:
            async with asyncio.timeout(within):
                await self._born
        except TimeoutError:
            raise BodyLost(f"its child process did not come up within {within:g} s") from None

    async def close(self, within: float) -> None:
        """Have the body handle what it has and clean up; see to it that the process ends and is reaped."""
        self._closing = True
        within = min(within, OWN_SHARE * self._cell.grace)
        insist = min(INSIST, LAST_SHARE * self._cell.grace)
        if not self._up or (self.outbox.full and self._cell.state is not State.STOPPED):
            within = min(within, INSIST)  # there is nothing to clean up, or it does not keep up
        try:
            if self._line.open and not self._ended.done():
                self._line.write(End(OWN_SHARE * within))
                await asyncio.wait((self._ended,), timeout=within)
            self._line.close()
            await self._child.end(within if self._ended.done() else 0.0, insist)
        finally:
            self._line.close()
            self._child.kill()
            self._petitions.close()

    async def watch(self, patience: float) -> None:
        """Ask a silent child for a sign of life, and fail it when none comes."""
        while not self._ended.done():
            self.heard = False
            await pause(patience / 2)
            if not self.heard:
                self._line.write(Ping())
                await pause(patience / 2)
                if not self.heard:
                    self._line.break_off(f"it has been silent for {patience:g} s")

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
        if len(self._dispatcher.queue.entries) > CROWD:
            self._line.rest_while(lambda: self._dispatcher.waiting)

    def _take(self, letter: Any) -> None:  # noqa: C901, PLR0912 - one arm a kind of letter
        match letter:
            case Tell():
                self._petitions.publish(letter)
            case Done():
                self.outbox.done(letter.numbers)
            case Put():
                self._petitions.put(letter)
            case Answer():
                self.outbox.answer(letter)
            case Refusal():
                self.outbox.refuse(letter.number, letter.reason[:LONGEST_REASON])
            case Said():
                self._log(letter)
            case Withdrawal():
                self._petitions.withdraw(letter.number)
            case Relaxed():
                self.outbox.relax(letter.number)
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
            case Ended() if self._closing:
                self._ended.set_result(None)
            case Pong():
                pass
            case _:
                raise Garbled(f"a {type(letter).__name__} is out of place")

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
        self._line.flush()
        self._dispatcher.cause = self.outbox.take_guilty(letter.number, reason)
        unseen = self.outbox.take_unseen()
        self._supervisor.failed(self._cell, BodyFailed(reason))
        self._supervisor.put_back(self._cell, unseen)
        self._dispatcher.cause = 0
        self._petitions.close()

    def _error_of(self, letter: Failure, reason: str) -> Exception:
        hopeless = self._supervisor.hopeless
        if letter.hopeless is not None and 0 <= letter.hopeless < len(hopeless):
            with suppress(TypeError):  # it is not made of a text alone
                return hopeless[letter.hopeless](reason)
        return BodyFailed(reason)

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
        self.outbox.bury(str(error))
        self._end_with(error)

    def _end_with(self, error: BodyLost) -> None:
        self._petitions.close()
        if not self._ended.done():
            self._ended.set_result(None)
        if not self._born.done():
            self._born.set_exception(error)
        elif self._cell.state in LIVING and not self._closing:
            self._supervisor.failed(self._cell, error)
