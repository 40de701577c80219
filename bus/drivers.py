"""What moves market time, and the driver that follows the wall clock. For files there is `bus.replay`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bus.cell import Cell
from bus.clock import SECOND, MarketClock, SystemClock
from bus.dispatcher import Dispatcher, Livelock
from bus.message import Event

if TYPE_CHECKING:
    from bus.timers import Timers
    from bus.wiring import Outlets

Moment = tuple[int, int, Event]
"""When (UTC nanoseconds), the order among those of one instant (lowest first), and what happens."""

SLICE = 2_048
"""Messages that a drain delivers before the event loop gets its turn."""
LIVELOCK = 1_000_000
"""Messages at one instant that can only mean actors keeping each other busy."""


class Driver(ABC):
    """Moves market time and lets the dispatcher drain."""

    dispatcher: Dispatcher
    clock: MarketClock
    timers: Timers

    def __init__(self, livelock: int = LIVELOCK) -> None:
        self.livelock = livelock
        self.system = SystemClock()
        self.stopping = False
        self.stopped = asyncio.Event()
        self.trouble: Livelock | None = None
        """Why nothing more is delivered."""
        self._instant = 0

    def attach(self, dispatcher: Dispatcher, clock: MarketClock, timers: Timers) -> None:
        """Take hold of the machine that this driver drives."""
        self.dispatcher, self.clock, self.timers = dispatcher, clock, timers
        dispatcher.wake = self.wake
        dispatcher.time_of_input = self.time_of_input
        timers.changed = self.rearm
        timers.now = self.now

    def resume(self, at: int) -> None:
        """Go on from a market time that has been reached before, if that is later than now."""
        self.clock.advance(at)

    def wake(self) -> None:
        """Drain soon: one call a burst."""
        if self.dispatcher.scheduled:
            return
        asyncio.get_running_loop().call_soon(self._drain)
        self.dispatcher.awake = self.dispatcher.scheduled = True

    def take_in(self, source: Cell, event: Event) -> None:
        """Accept an input from outside: at once, or when its turn has come."""
        dispatcher = self.dispatcher
        dispatcher.accept(dispatcher.router.of(event.__class__), event, source.name)

    def stop(self) -> None:
        """End `run` after what is being handled."""
        self.stopping = True
        self.stopped.set()
        self.dispatcher.waiters.tell()

    async def quiet(self) -> None:
        """Wait until nothing is under way, or until `stop`.

        Raises:
            Livelock: actors keep each other busy without end.
        """
        await self.dispatcher.waiters.wait(unless=self.stopped.is_set)
        if self.trouble:
            raise self.trouble

    async def finish(self) -> None:
        """Let all come to its end that is under way, and all happen that is due at this instant.

        A session that is played again has no instant of which only a part has happened.
        """
        while True:
            await self.dispatcher.waiters.wait(unless=lambda: False)
            timer = self.timers.pop_due(self.clock.now())
            if timer is None:
                return
            timer.fire()

    @abstractmethod
    async def run(self) -> None:
        """Let time pass until there is nothing more to come, or until `stop`.

        Raises:
            Livelock: actors keep each other busy without end.
        """

    @abstractmethod
    def now(self) -> int:
        """Return the market time from which something arranged at this instant counts."""

    @abstractmethod
    def time_of_input(self) -> int:
        """Move market time to where an input from outside finds it, and return it."""

    @abstractmethod
    def rearm(self) -> None:
        """Take note that the next timer is an earlier one."""

    @abstractmethod
    def replay(self, source: Cell, outlets: Outlets, moments: Iterator[Moment]) -> None:
        """Take on a finite feed."""

    def _drain(self) -> None:
        dispatcher = self.dispatcher
        dispatcher.scheduled = dispatcher.awake = False
        if self.trouble:
            return
        try:
            dispatcher.drain(SLICE)
        finally:
            if dispatcher.waiting:
                self.wake()
        self._watch_for_livelock()

    def _watch_for_livelock(self) -> None:
        """Stop all when too much has been delivered since market time moved or nothing was under way."""
        dispatcher = self.dispatcher
        if dispatcher.quiet or self.clock.time != self._instant:
            self._instant, dispatcher.quiet_at = self.clock.time, dispatcher.delivered
        elif dispatcher.delivered - dispatcher.quiet_at > self.livelock:
            self.trouble = dispatcher.overrun(self.livelock)
            self.stop()


class LiveDriver(Driver):
    """Market time is the wall clock's, taken at inputs and timers: it stands still until they are handled.

    When the wall clock is set back, or was while the node was down, market time goes on from where it was,
    at the pace of the steady clock: what was to happen in a second happens in a second.
    """

    _alarm: asyncio.TimerHandle | None = None
    _ahead = -(2**63)
    """By how much the wall clock was ahead of the steady one, at the most."""
    _taken = False
    """Whether market time has been taken since the last drain."""

    def attach(self, dispatcher: Dispatcher, clock: MarketClock, timers: Timers) -> None:
        """Take hold of the machine, and begin now."""
        super().attach(dispatcher, clock, timers)
        clock.advance(self._wall())

    def resume(self, at: int) -> None:
        """Go on from a market time that has been reached before, if that is later than now."""
        super().resume(at)
        self._ahead = max(self._ahead, at - self.system.monotonic())
        self.rearm()

    def stop(self) -> None:
        """End `run` after what is being handled; no timer comes any more."""
        super().stop()
        self.rearm()

    async def run(self) -> None:
        """Wait for `stop`; inputs and timers wake the dispatcher themselves."""
        await self.stopped.wait()
        if self.trouble:
            raise self.trouble

    def now(self) -> int:
        """Return the wall clock's time, or in a drain the time at which it stands still."""
        return self.clock.now() if self.dispatcher.draining else max(self.clock.now(), self._wall())

    def time_of_input(self) -> int:
        """Fire what is due before the input, then take the wall clock's time: once a burst.

        After `stop` no timer comes any more, and so no time passes.
        """
        if not (self._taken or self.dispatcher.draining or self.stopping):
            self._taken = True
            now = self._wall()
            self._fire_due(now)
            self.clock.advance(now)
        return self.clock.now()

    def rearm(self) -> None:
        """Set the alarm for the next timer."""
        if self._alarm is not None:
            self._alarm.cancel()
        due = self.timers.next_at()
        if due is not None and not self.stopping:
            wait = max(0, due - self._wall()) / SECOND
            self._alarm = asyncio.get_running_loop().call_later(wait, self._ring)

    def replay(self, source: Cell, outlets: Outlets, moments: Iterator[Moment]) -> None:  # noqa: ARG002
        """Refuse: a file's market time and the wall clock's cannot both be right.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{source.name} replays a finite feed, which a live clock cannot follow")

    def _drain(self) -> None:
        self._taken = False
        super()._drain()

    def _ring(self) -> None:
        """Fire what is due, after what came before it."""
        if self.dispatcher.waiting:
            self.dispatcher.drain(SLICE)
        self._fire_due(self._wall())
        self.rearm()

    def _wall(self) -> int:
        wall = self.system.now()
        steady = self.system.monotonic()
        self._ahead = max(self._ahead, wall - steady)
        return steady + self._ahead

    def _fire_due(self, now: int) -> None:
        while not self.stopping and (timer := self.timers.pop_due(now)) is not None:
            self.clock.advance(timer.at)
            timer.fire()
