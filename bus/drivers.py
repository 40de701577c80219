"""What moves market time: the wall clock, or the moments of finite feeds and the timers between them."""

from __future__ import annotations

import asyncio
import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bus.calls import Undeclared
from bus.cell import Cell, State
from bus.clock import SECOND, MarketClock, SystemClock, pause
from bus.dispatcher import NEVER, Dispatcher, Livelock, Step, Tables
from bus.message import Delivery, Event

if TYPE_CHECKING:
    from bus.timers import Timers
    from bus.wiring import Outlets

Moment = tuple[int, int, Event]
"""When (UTC nanoseconds), the order among those of one instant (lowest first), and what happens."""

SLICE = 2_048
"""Messages that a live drain delivers before the event loop gets its turn."""
LIVELOCK = 1_000_000
"""Messages at one instant that can only mean actors keeping each other busy."""
BREATH = SECOND // 50
"""Nanoseconds of uninterrupted replay before the event loop gets its turn."""


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
        self._quiet_at = 0
        self._trouble: Livelock | None = None

    def attach(self, dispatcher: Dispatcher, clock: MarketClock, timers: Timers) -> None:
        """Take hold of the machine that this driver drives."""
        self.dispatcher, self.clock, self.timers = dispatcher, clock, timers
        dispatcher.wake = self.wake
        dispatcher.time_of_input = self.time_of_input
        timers.changed = self.rearm

    def wake(self) -> None:
        """Drain soon: one call a burst."""
        if self.dispatcher.scheduled:
            return
        self.dispatcher.awake = self.dispatcher.scheduled = True
        asyncio.get_running_loop().call_soon(self._drain)

    def stop(self) -> None:
        """End `run` after what is being handled."""
        self.stopping = True
        self.stopped.set()

    @abstractmethod
    async def run(self) -> None:
        """Let time pass until there is nothing more to come, or until `stop`.

        Raises:
            Livelock: actors keep each other busy without end.
        """

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
        dispatcher.scheduled = False
        done = dispatcher.drain(SLICE)
        delivered = dispatcher.messages + dispatcher.turns
        if dispatcher.quiet:
            self._quiet_at = delivered
        elif delivered - self._quiet_at > self.livelock:
            self._trouble = dispatcher.overrun(self.livelock)
            self.stop()
            return
        if not done:
            self.wake()


class LiveDriver(Driver):
    """Market time is the wall clock's, sampled at each input and timer: it stands still in between."""

    _alarm: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Wait for `stop`; inputs and timers wake the dispatcher themselves."""
        await self.stopped.wait()
        if self._trouble:
            raise self._trouble

    def time_of_input(self) -> int:
        """Fire what is due before the input, then take the wall clock's time."""
        now = self.system.now()
        self._fire_due(now)
        self.clock.advance(now)
        return self.clock.now()

    def rearm(self) -> None:
        """Set the alarm for the next timer."""
        if self._alarm is not None:
            self._alarm.cancel()
        due = self.timers.next_at()
        if due is not None:
            wait = max(0, due - self.system.now()) / SECOND
            self._alarm = asyncio.get_running_loop().call_later(wait, self._ring)

    def replay(self, source: Cell, outlets: Outlets, moments: Iterator[Moment]) -> None:  # noqa: ARG002
        """Refuse: a file's market time and the wall clock's cannot both be right.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{source.name} replays a finite feed, which a live clock cannot follow")

    def _ring(self) -> None:
        self._fire_due(self.system.now())
        self.rearm()

    def _fire_due(self, now: int) -> None:
        while (timer := self.timers.pop_due(now)) is not None:
            self.clock.advance(timer.at)
            timer.fire()


class ReplayDriver(Driver):
    """Market time goes from moment to moment of the finite feeds, as fast as everything is handled.

    A feed's next moment comes only when nothing caused by the last one is under
    way. At one instant: timers first, then moments by their order, then feeds
    in the order in which they came.

    Args:
        speed: market seconds a second; None does not wait at all. It changes nothing but the waiting.
    """

    def __init__(self, speed: float | None = None, livelock: int = LIVELOCK) -> None:
        super().__init__(livelock)
        self.speed = speed
        self._feeds: list[tuple[Cell, Outlets, Iterator[Moment]]] = []
        self._start: tuple[int, int] | None = None
        self._news = asyncio.Event()

    def stop(self) -> None:
        """End `run` after what is being handled."""
        super().stop()
        self.dispatcher.look_up()
        self._news.set()

    def time_of_input(self) -> int:
        """Leave market time where the last moment or timer put it."""
        return self.clock.now()

    def rearm(self) -> None:
        """Look up when the next timer is due, and cut short the waiting for a later moment."""
        due = self.timers.next_at()
        self.dispatcher.alarm = (
            0 if self.speed is not None or self.stopping else NEVER if due is None else due
        )
        self._news.set()

    def replay(self, source: Cell, outlets: Outlets, moments: Iterator[Moment]) -> None:
        """Merge a feed's moments with those of the others."""
        self._feeds.append((source, outlets, moments))

    async def run(self) -> None:
        """Play all moments of all feeds, in order."""
        dispatcher = self.dispatcher
        steps, tables = self._steps(), {} if dispatcher.witnessed else self._plain_tables()
        breath = self.system.monotonic() + BREATH
        while not self.stopping:
            before = dispatcher.inputs
            self.rearm()
            step = dispatcher.sprint(steps, self.clock, tables, self.livelock)
            if step is not None:
                await self._take(*step)
            elif dispatcher.inputs == before:
                break
            if not dispatcher.quiet:
                await self._settle()
            if self.system.monotonic() > breath:
                await pause(0)
                breath = self.system.monotonic() + BREATH
        if self._trouble:
            raise self._trouble

    def _steps(self) -> Iterator[Step]:
        """All feeds' moments in order, each with its feed's place among the feeds."""
        placed = [
            self._placed(place, source, moments) for place, (source, _, moments) in enumerate(self._feeds)
        ]
        if len(placed) == 1:
            return placed[0]
        return ((at, place, event) for at, _, place, event in heapq.merge(*placed))

    def _placed(self, place: int, source: Cell, moments: Iterator[Moment]) -> Iterator[Any]:
        """A feed's moments with its place, which settles every tie; a feed that raises ends there."""
        try:
            if len(self._feeds) == 1:
                yield from moments  # where there is no other feed, the order among them is place enough
            else:
                for at, order, event in moments:
                    yield at, order, place, event
        except Exception as error:  # noqa: BLE001 - whatever a guest raises is a failure of that guest
            self.dispatcher.failed(source, None, error)

    def _plain_tables(self) -> Tables:
        """The plain events that every feed may publish: those need no closer look."""
        router = self.dispatcher.router
        common = set.intersection(*(set(outlets) for _, outlets, _ in self._feeds)) if self._feeds else set()
        return {each: router.of(each).table for each in common if each.delivery is Delivery.EVERY}

    async def _take(self, at: int, place: int, event: Event) -> None:
        """Play one moment at its time, by the long way."""
        await self._reach(at)
        source, outlets, _ = self._feeds[place if len(self._feeds) > 1 else 0]
        if self.stopping or source.state is not State.RUNNING:
            return
        if event.__class__ not in outlets:
            refused = Undeclared(f"{source.name} may not publish {type(event).__name__}")
            self.dispatcher.failed(source, event, refused)
            return
        self.clock.time = at
        self.dispatcher.accept(self.dispatcher.router.of(event.__class__), event, source.name)
        self.dispatcher.settle(self.livelock)

    async def _reach(self, at: int) -> None:
        """Let market time come to just before `at`: keep the timers on the way, and wait if paced."""
        while not self.stopping:
            due = self.timers.next_at()
            goal = at if due is None or due > at else due
            if not await self._waited(goal):
                continue
            timer = self.timers.pop_due(goal)
            if timer is None:
                return
            self.clock.advance(timer.at)
            timer.fire()
            await self._settle()

    async def _waited(self, goal: int) -> bool:
        """Wait until a moment's turn has come by the pace; False if something made the plan out of date."""
        now = self.system.monotonic()
        if self._start is None:
            self._start = (goal, now)
        if self.speed is None:
            return True
        left = (goal - self._start[0]) / self.speed - (now - self._start[1])
        if left <= 0:
            return True
        self._news.clear()
        try:
            async with asyncio.timeout(left / SECOND):
                await self._news.wait()
        except TimeoutError:
            return True
        return False

    async def _settle(self) -> None:
        """Wait until all that the last moment caused has been handled, or until `stop`."""
        self.dispatcher.settle(self.livelock)
        if self.dispatcher.quiet:
            return
        waits = [
            asyncio.ensure_future(self.dispatcher.until_quiet()),
            asyncio.ensure_future(self.stopped.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
