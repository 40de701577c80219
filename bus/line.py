"""The line between a parent and a child: letters in batches, over one end of a socket pair."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import msgspec

from bus.frames import LIMIT, FrameReader, Malformed, frame
from bus.letters import Letter

BATCH = 256
"""Letters that share a frame, at the most."""
FULL = LIMIT // 4
"""Bytes after which a frame is full."""

_WRITER = msgspec.msgpack.Encoder()


class Lost(Protocol):
    """Takes the news that a line has ended, and why."""

    def __call__(self, reason: str, *, gone: bool) -> None:
        """Take the news; `gone` says whether the other side ended it."""


class Line(asyncio.Protocol):
    """Writes letters, one frame a burst, and hands on those that come in.

    Args:
        reads: what tells the letters that may come in: a union of their types.
        arrived: takes the letters of a frame.
        lost: takes the news that nothing comes any more, and why; it is told once.
    """

    def __init__(self, reads: Any, arrived: Callable[[list[Any]], None], lost: Lost) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self._letters = msgspec.msgpack.Decoder(list[reads])
        self._arrived = arrived
        self._lost = lost
        self._frames = FrameReader()
        self._waiting: list[Letter] = []
        self._size = 0
        self._due: asyncio.Handle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """Hand on what is complete; what is not understood ends the line."""
        try:
            for payload in self._frames.feed(data):
                letters = self._letters.decode(payload)
                if self._transport is None:
                    return
                self._arrived(letters)
        except (Malformed, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.break_off(f"what it sent is not understood: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        """Tell of the end."""
        if self._transport is not None:
            self._transport = None
            self._lost("it has gone" if error is None else f"it has gone: {error}", gone=True)
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def open(self) -> bool:
        """Whether anything can go out."""
        return self._transport is not None

    def write(self, letter: Letter, size: int = 0) -> None:
        """Let a letter go out with the others of this turn of the event loop.

        Args:
            letter: what to send.
            size: about how many bytes it has, if those are many.
        """
        self._waiting.append(letter)
        self._size += size
        if len(self._waiting) >= BATCH or self._size >= FULL:
            self.flush()
        elif self._due is None:
            self._due = asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Let go out what waits, now."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        letters, self._waiting, self._size = self._waiting, [], 0
        if letters and self._transport is not None:
            self._transport.write(frame(_WRITER.encode(letters)))

    def rest_while(self, busy: Callable[[], bool]) -> None:
        """Read nothing more until what has come in has been worked off."""
        if self._transport is not None:
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._look, busy)

    def _look(self, busy: Callable[[], bool]) -> None:
        if busy():
            asyncio.get_running_loop().call_soon(self._look, busy)
        elif self._transport is not None:
            self._transport.resume_reading()

    def break_off(self, reason: str) -> None:
        """End the line at once, for a reason."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
            self._lost(reason, gone=False)

    def close(self) -> None:
        """End the line when what waits has gone out; nobody is told that it is lost."""
        self.flush()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
