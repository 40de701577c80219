"""Two clocks: market time, which decisions see, and system time, which tokens and time-outs see.

This is the only module that reads the machine's clock or sleeps.
"""

from __future__ import annotations

import asyncio
import time

SECOND = 1_000_000_000


class MarketClock:
    """Market time in UTC nanoseconds; it stands still while a message is being handled.

    A driver moves it, to the next timer or feed event, and never backwards.
    """

    __slots__ = ("time",)

    def __init__(self, time: int = 0) -> None:
        self.time = time

    def now(self) -> int:
        """Return market time in UTC nanoseconds."""
        return self.time

    def advance(self, to: int) -> None:
        """Move to `to` (UTC nanoseconds); an earlier time leaves the clock where it is."""
        self.time = max(self.time, to)


class SystemClock:
    """The machine's own time."""

    __slots__ = ()

    def now(self) -> int:
        """Return the wall time in UTC nanoseconds."""
        return time.time_ns()

    monotonic = staticmethod(time.monotonic_ns)
    """Return nanoseconds since an arbitrary start, never running backwards."""


async def pause(seconds: float) -> None:
    """Let the event loop go on for `seconds` of system time."""
    await asyncio.sleep(seconds)
