"""Files instead of the wall clock: market time goes from moment to moment, and to the timers between them."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bus.calls import Undeclared
from bus.cell import ENDED, Cell, State
from bus.clock import SECOND, pause
from bus.dispatcher import NEVER, Livelock, Step, Tables
from bus.drivers import LIVELOCK, Driver, Moment
from bus.message import Delivery, Event

if TYPE_CHECKING:
    from bus.wiring import Outlets

BREATH = SECOND // 50
"""Nanoseconds of uninterrupted replay before the event loop gets its turn."""


class _Feed:
    """One finite feed: whose it is, what it may publish, and its moments."""

    __slots__ = ("moments", "outlets", "over", "source")

    def __init__(self, source: Cell, outlets: Outlets, moments: Iterator[Moment]) -> None:
        self.source = source
        self.outlets = outlets
        self.moments = moments
        self.over = False


class ReplayDriver(Driver):
    """Market time goes from moment to moment of the finite feeds, as fast as everything is handled.

    A feed's next moment comes only when nothing caused by the last one is under
    way. At one instant: timers first, then moments by their order, then feeds
    in the order in which they were spawned. What else comes from outside waits
    likewise, and comes before the next moment. The moments of a feed that is about
    to be born again wait for it; those of one that is out of service are dropped.
    Until the first moment it is the year 1970, and no time passes.

    Args:
        speed: market seconds a second; None does not wait at all. It changes nothing but the waiting.
    """

    def __init__(self, speed: float | None = None, livelock: int = LIVELOCK) -> None:
        super().__init__(livelock)
        self.speed = speed
        self._feeds: list[_Feed] = []
        self._outside: deque[tuple[Cell, Event]] = deque()
        """What has come from outside, and waits for its turn."""
        self._running = self._over = False
        self._start: tuple[int, int] | None = None
        self._news = asyncio.Event()

    def stop(self) -> None:
        """End `run` after what is being handled."""
        super().stop()
        self.dispatcher.look_up()
        self._news.set()

    def now(self) -> int:
        """Return the time of the last moment or timer."""
        return self.clock.now()

    def time_of_input(self) -> int:
        """Leave market time where the last moment or timer put it."""
        return self.clock.now()

    def rearm(self) -> None:
        """Look up when the next timer is due, and cut short the waiting for a later moment."""
        due = self.timers.next_at()
        paced = self.speed is not None or self.stopping
        careful = paced or bool(self._outside) or any(map(_is_away, self._feeds))
        self.dispatcher.alarm = 0 if careful else NEVER if due is None else due
        self._news.set()

    def replay(self, source: Cell, outlets: Outlets, moments: Iterator[Moment]) -> None:
        """Merge a feed's moments with those of the others. One born again goes on with those that it has.

        Raises:
            RuntimeError: the run has begun without it.
        """
        if any(feed.source is source for feed in self._feeds):
            return
        if self._running:
            raise RuntimeError(f"{source.name} comes with its moments after the replay has begun")
        self._feeds.append(_Feed(source, outlets, moments))

    def take_in(self, source: Cell, event: Event) -> None:
        """Have an input from outside wait until nothing is under way, so that a replay finds the same.

        When all feeds have ended, nobody waits: no moment comes any more that it could overtake.
        """
        if self._over:
            super().take_in(source, event)
            return
        self._outside.append((source, event))
        self.rearm()

    async def run(self) -> None:
        """Play all moments of all feeds, in order."""
        try:
            await self._play()
        except Livelock as trouble:
            self.trouble = trouble
            raise

    async def _play(self) -> None:
        await self._settle()
        self._running = True
        self._feeds.sort(key=lambda feed: feed.source.order)
        dispatcher, steps, tables = self.dispatcher, self._steps(), self._plain_tables()
        if (first := next(steps, None)) is not None:
            self._begin(first[0])
            await self._take(*first)
            await self._settle()
        breath = self.system.monotonic() + BREATH
        while not self.stopping:
            before = dispatcher.inputs
            self.rearm()
            step = dispatcher.sprint(steps, self.clock, tables, self.livelock)
            if step is not None:
                await self._take(*step)
            elif dispatcher.inputs == before:
                break
            if self.system.monotonic() > breath:
                await pause(0)
                breath = self.system.monotonic() + BREATH
            if not dispatcher.quiet:
                await self._settle()
        while self._outside and not self.stopping:
            await self._let_in()
        self._over = True
        if self.trouble:
            raise self.trouble

    def _begin(self, at: int) -> None:
        """Let market time begin with the first moment: what was arranged before counts from there."""
        if not self.clock.now():
            self.timers.shift(at)
            self.clock.advance(at)

    def _steps(self) -> Iterator[Step]:
        """All feeds' moments in order, each with its feed's place among the feeds."""
        placed = [self._placed(place, feed) for place, feed in enumerate(self._feeds)]
        if len(placed) == 1:
            return placed[0]
        return ((at, place, event) for at, _, place, event in heapq.merge(*placed))

    def _placed(self, place: int, feed: _Feed) -> Iterator[Any]:
        """A feed's moments with its place, which settles every tie; a feed that raises ends there."""
        try:
            if len(self._feeds) == 1:
                yield from feed.moments  # where there is no other feed, the order among them is place enough
            else:
                for at, order, event in feed.moments:
                    yield at, order, place, event
        except Exception as error:  # noqa: BLE001 - whatever a guest raises is a failure of that guest
            self.dispatcher.gave_out(feed.source, error)
        finally:
            feed.over = True

    def _plain_tables(self) -> Tables:
        """The plain events that every feed may publish: those need no closer look."""
        if self.dispatcher.witnessed or not self._feeds:
            return {}
        router = self.dispatcher.router
        common = set.intersection(*(set(feed.outlets) for feed in self._feeds))
        return {each: router.of(each).table for each in common if each.delivery is Delivery.EVERY}

    async def _take(self, at: int, place: int, event: Event) -> None:
        """Play one moment at its time, by the long way."""
        feed = self._feeds[place if len(self._feeds) > 1 else 0]
        source, dispatcher = feed.source, self.dispatcher
        await self._reach(at)
        while source.state not in ENDED and source.state is not State.RUNNING and not self.stopping:
            await self._reach(self.timers.next_at() or at)
        if self.stopping or source.state in ENDED:
            return
        if event.__class__ not in feed.outlets:
            refused = Undeclared(f"{source.name} may not publish {type(event).__name__}")
            dispatcher.failed(source, event, refused)
            return
        self.clock.advance(at)
        dispatcher.accept(dispatcher.router.of(event.__class__), event, source.name)
        dispatcher.settle(self.livelock)

    async def _reach(self, at: int) -> None:
        """Let market time come to just before `at`: keep the timers on the way, and wait if paced."""
        while not self.stopping:
            if self._outside:
                await self._let_in()
                continue
            due = self.timers.next_at()
            goal = at if due is None or due > at else due
            if not await self._waited(goal):
                continue
            if not self.dispatcher.quiet:
                await self._settle()
                continue
            timer = self.timers.pop_due(goal)
            if timer is None:
                return
            self.clock.advance(timer.at)
            timer.fire()

    async def _let_in(self) -> None:
        """Accept what came from outside first, after all that is due at this instant: a tape plays it so."""
        await self._settle()
        if self.stopping:
            return
        if (timer := self.timers.pop_due(self.clock.now())) is not None:
            timer.fire()
            return
        source, event = self._outside.popleft()
        self.dispatcher.accept(self.dispatcher.router.of(event.__class__), event, source.name)
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
        await self.quiet()


def _is_away(feed: _Feed) -> bool:
    return not feed.over and feed.source.state is not State.RUNNING
