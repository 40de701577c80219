"""The child's side: a small bus, on which the body of one actor runs as an ordinary actor.

`bus.remote` starts this module with the number of a socket. What arrives there is put into the
body's mailbox; what the body publishes, asks and answers, a gateway puts on the line. The body's
timers and market time are its parent's. When the line ends, so does the process.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import MutableMapping
from contextlib import suppress
from inspect import iscoroutinefunction
from typing import Any

import msgspec
import structlog

from bus.actor import Actor
from bus.cell import Cell
from bus.drivers import SLICE
from bus.facts import Tick
from bus.frames import HEAD
from bus.gateway import Gateway
from bus.handlers import hearings
from bus.housekeeper import Housekeeper, ToldDriver
from bus.letters import (
    Answer,
    Begin,
    Clock,
    End,
    Ended,
    Failure,
    Ping,
    Pong,
    Put,
    Refusal,
    Said,
    Strike,
    Tell,
    ToChild,
)
from bus.line import Line
from bus.message import Message, Request
from bus.packing import Packing, found, unwrapped
from bus.router import Handler
from bus.supervision import explained
from bus.system import Bus

log = structlog.get_logger("bus")

ORPHANED = 71
"""The exit code of a body whose parent has gone."""
PARENT_DIED = 1
"""Linux's PR_SET_PDEATHSIG."""


class Body:
    """One actor away from its bus, and what stands in for that bus here."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._line = Line(ToChild, self._arrived, self._lost)
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._cell: Cell | None = None
        self._openings: dict[type[Message], Handler] = {}
        self._bus = Bus(ToldDriver())
        self._gateway: Gateway
        self._packing: Packing

    async def live(self, line: socket.socket) -> None:
        """Begin, and go on until the parent says that it is over."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self._line, sock=line)
        set_up_logs(self._line, self._begin.log_level)
        try:
            self._move_in()
        except (Exception, SystemExit) as error:
            log.exception("body failed to move in", actor=self._begin.name)
            self._line.write(Failure(0, explained(error)))
        await self._over
        self._line.close()
        await self._line.closed

    def _move_in(self) -> None:
        """Import the body, and spawn it with the port that it was granted."""
        begin, bus = self._begin, self._bus
        if begin.prepare is not None:
            found(begin.prepare)()
        kind: type[Actor[Any]] = found(begin.body)
        publishes, asks = tuple(map(found, begin.publishes)), tuple(map(found, begin.asks))
        heard = [hearing.message_type for hearing in hearings(kind)]
        self._packing = Packing(dict.fromkeys([*heard, *publishes, *asks]))
        unmendable = tuple(map(found, begin.hopeless))
        bus.supervisor = keeper = Housekeeper(bus, self._line, self._packing, unmendable)
        gateway = bus.spawn(Gateway, None, name=f"gateway of {begin.name}").actor
        assert isinstance(gateway, Gateway)  # noqa: S101 - it was just spawned
        keeper.gateway = self._gateway = gateway
        bus.clock.advance(begin.time)
        self._cell = bus.spawn(
            kind,
            unwrapped(begin.params),
            name=begin.name,
            assignment=unwrapped(begin.assignment),
            scope={field: _keys(*keys) for field, keys in unwrapped(begin.scope).items()},
            publishes=publishes,
            asks=asks,
        )
        bus.wiring.disconnect(self._cell)  # what it hears comes from its parent alone
        gateway.open_port(self._cell, self._packing, self._line)
        for hearing in hearings(kind):
            request = issubclass(hearing.message_type, Request)
            self._openings[hearing.message_type] = gateway.opening(
                self._handler(hearing.message_type), asynchronous=hearing.asynchronous, request=request
            )
        bus.watchdog.start()

    def _handler(self, message_type: type[Message]) -> Handler:
        assert self._cell is not None  # noqa: S101 - it was just spawned
        handler = self._bus.supervisor.handler(self._cell, message_type)
        assert handler is not None  # noqa: S101 - its class has just been read
        return handler

    def _arrived(self, letters: list[Any]) -> None:
        for letter in letters:
            self._take(letter)
        self._drain()
        if self._cell is not None:
            self._gateway.settle()
        self._line.flush()

    def _take(self, letter: Any) -> None:
        match letter:
            case Tell() | Put():
                message = self._packing.unpack(letter.name, letter.body)
                self._gateway.give(letter.number, message, self._openings[type(message)], letter.cause)
            case Clock():
                self._drain()
                self._bus.clock.advance(letter.time)
            case Answer():
                self._gateway.answered(letter)
            case Refusal():
                self._gateway.refused(letter)
            case Strike():
                self._strike(letter)
            case Ping():
                self._line.write(Pong())
            case End():
                self._ending = asyncio.get_running_loop().create_task(self._end(letter.within))

    def _drain(self) -> None:
        """Have what has arrived handled in place, as far as that goes at once."""
        if self._bus.dispatcher.waiting and not self._bus.dispatcher.drain(SLICE):
            self._bus.dispatcher.wake()

    def _strike(self, letter: Strike) -> None:
        """Put the stroke of one of the body's timers into its mailbox."""
        assert self._cell is not None  # noqa: S101 - its timers strike when it has been born
        actor, method = self._cell.actor, letter.method
        asynchronous = iscoroutinefunction(getattr(actor, method))
        opened = self._gateway.opening(
            lambda _: getattr(actor, method)(), asynchronous=asynchronous, request=False
        )
        self._gateway.give(letter.number, Tick(f"{actor.name}.{method}"), opened, letter.cause)

    async def _end(self, within: float) -> None:
        """Finish what has been given, have the body clean up, and let the process end."""
        await self._bus.stop(within)
        if self._cell is not None:
            self._gateway.settle()
        self._line.write(Ended())
        self._over.set_result(None)

    def _lost(self, reason: str, *, gone: bool) -> None:
        """End at once: whoever would hear of it has gone."""
        if not self._over.done():
            sys.stderr.write(f"{self._begin.name} has lost its parent: {reason}\n" if not gone else "")
            os._exit(ORPHANED)


def set_up_logs(line: Line, level: int) -> None:
    """Have what is logged here logged by the parent, in its form."""
    thread, loop = threading.get_ident(), asyncio.get_running_loop()

    def pass_on(_: Any, method: str, fields: MutableMapping[str, Any]) -> Any:
        event = str(fields.pop("event", ""))
        said = Said(method, event, msgspec.to_builtins(dict(fields), str_keys=True, enc_hook=repr))
        if threading.get_ident() == thread:
            line.write(said)
        else:
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(line.write, said)
        raise structlog.DropEvent

    structlog.configure(
        processors=[structlog.processors.format_exc_info, pass_on],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


def main() -> None:
    """Be the body that the first letter says."""
    fd, parent = map(int, sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's interrupt is for the parent, which ends this
    _die_with(parent)
    line = socket.socket(fileno=fd)
    os.set_inheritable(fd, False)  # noqa: FBT003 - the name of a switch
    begin = _first_letter(line)
    loop_factory = None if begin.loop is None else found(begin.loop)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_live(begin, line))


async def _live(begin: Begin, line: socket.socket) -> None:
    await Body(begin).live(line)


def _first_letter(line: socket.socket) -> Begin:
    """Wait for the letter that says who to be; it is the only one until its answer."""
    length = int.from_bytes(_exactly(HEAD, line), "big")
    (begin,) = msgspec.msgpack.decode(_exactly(length, line), type=list[Begin])
    return begin


def _exactly(count: int, line: socket.socket) -> bytes:
    data = b""
    while len(data) < count:
        piece = line.recv(count - len(data))
        if not piece:
            sys.exit(ORPHANED)
        data += piece
    return data


def _die_with(parent: int) -> None:
    """Have the kernel end this process with its parent, where it can, hung as it may be by then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DIED, signal.SIGKILL)
        if parent and os.getppid() != parent:
            sys.exit(ORPHANED)


def _keys(several: bool, *keys: Any) -> Any:  # noqa: FBT001 - as it was written
    return frozenset(keys) if several else keys[0]


if __name__ == "__main__":
    main()
