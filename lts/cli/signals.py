"""The signals that end a session."""

import asyncio
import signal
from types import FrameType
from typing import Self

from bus import Bus

GRACE = 30.0
"""Seconds that a session has to end in good order; after them it exits, for a handler does not return."""
PATIENCE = 10.0
"""Seconds of these for its actors."""
HASTE = 1.0
"""Seconds for all of it after a second signal."""


class EndingSignals:
    """SIGINT and SIGTERM end a session in good order; a second one hastens it; a third one kills.

    They are taken by handlers of the interpreter and not of the event loop: those run as well while
    an actor computes without end.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.received = 0

    @property
    def patience(self) -> float:
        """How many seconds the actors have to stop in."""
        return HASTE if self.received > 1 else PATIENCE

    def __enter__(self) -> Self:
        """Take the signals from now on."""
        self._loop = asyncio.get_running_loop()
        self._before = {each: signal.signal(each, self._take) for each in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the signals to whoever took them before."""
        for each, before in self._before.items():
            signal.signal(each, before)

    def _take(self, number: int, _: FrameType | None) -> None:
        self.received += 1
        self._bus.watchdog.expect_end(HASTE if self.received > 1 else GRACE)
        self._loop.call_soon_threadsafe(self._bus.driver.stop)
        if self.received > 1:
            signal.signal(number, signal.SIG_DFL)
