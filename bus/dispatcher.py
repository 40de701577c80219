"""One queue for all actors: who runs next, and with which message.

A publish adds one entry, `(targets, message, cause)`, to the queue. A drain walks
it and calls each target's handler in place, unless that actor has a *lane*: then
the message waits there. Lanes exist for actors that cannot or must not take a
message this instant (starting, restarting, awaiting, crowded), and for all
actors when a seed permutes who runs next. Actors with a lane take turns of
bounded length, so that one with a long backlog does not hold up the others.

`docs/decisions/0002-one-queue.md` has the measurements behind this shape.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random
from typing import Any

from bus.cell import ENDED, Cell, State
from bus.clock import MarketClock
from bus.facts import Accepted
from bus.mailbox import Mailbox
from bus.message import Delivery, Event, Message
from bus.pressure import PressureGauge, WaterMarks
from bus.queue import CommonQueue
from bus.quiet import Quiet
from bus.router import Handler, Router, Routes, Targets
from bus.workers import Workers

FAULTS = (Exception, SystemExit, asyncio.CancelledError)
"""What a guest may raise without taking anybody else down."""
BATCH = 256
"""Entries of the queue between two looks at the lanes."""
CROWD = 1024
"""Entries in the queue beyond which they are sorted into lanes."""
TURN = 64
"""Messages that an actor with a lane takes before it is the next one's turn."""
SPRINT = 256
"""Moments of a replayed feed between two looks at the event loop."""
_URGENT = Delivery.URGENT  # looked up once: reading a member off its class takes longer than comparing it
NEVER = 2**63
"""A market time that does not come."""

Step = tuple[int, int, Event]
"""A moment of a replay: when (UTC nanoseconds), a number that is the driver's, and what happens."""
Tables = dict[type[Message], dict[Any, Targets]]


class Livelock(Exception):
    """Actors keep each other busy without end while market time stands still."""


class Dispatcher:
    """Delivers messages. It knows neither why an actor failed nor what time it is."""

    def __init__(self, router: Router, marks: WaterMarks, seed: int | None = None) -> None:
        self.router = router
        self.queue = CommonQueue(router, self._deliver_newest)
        self.cause = 0
        """The number of the input that set off what is being handled; 0 outside of a drain."""
        self.awake = False
        """Whether a drain is running or has been scheduled."""
        self.draining = False
        self.scheduled = False
        self.running: Cell | None = None
        self.last: Cell | None = None
        """Who ran last."""
        self.messages = 0
        """How many messages have left the queue."""
        self.turns = 0
        """How many have been taken from lanes."""
        self.asks = 0
        self.inputs = 0
        self.conflated = 0
        """How many messages gave way to newer ones in a lane."""
        self.alarm = NEVER
        """The market time at which a replay has to look up: a timer's, or at once."""
        self.open_work = 0
        """Handlers, starts and restarts that are being awaited."""
        self.quiet_at = 0
        """How much had been delivered when nothing was under way, the last time that anybody looked."""
        self.waiters = Quiet(lambda: self.quiet)
        self.workers = Workers(self)
        self.pressure = PressureGauge(marks, self.publish)
        self.wake: Callable[[], None] = lambda: None
        self.failed: Callable[[Cell, Any, BaseException], None]
        self.gave_out: Callable[[Cell, Exception], None]
        self.undelivered: Callable[[Cell, Any, str], None]
        self.time_of_input: Callable[[], int]
        self.seeded = seed is not None
        self._ready: deque[Cell] = deque()
        self._random = Random(seed)  # noqa: S311 - a schedule, not a secret
        self._accepted = router.of(Accepted)

    @property
    def witnessed(self) -> bool:
        """Whether any actor hears of each input as it is accepted."""
        return bool(self._accepted.targets(None))

    @property
    def waiting(self) -> bool:
        """Whether there is something to drain."""
        return bool(self.queue.entries or self._ready)

    @property
    def delivered(self) -> int:
        """How much has been done, as a measure of who keeps whom busy."""
        return self.messages + self.turns

    # In: what is put into the queue

    def publish(self, event: Event) -> None:
        """Publish in the name of the bus itself."""
        routes = self.router.of(event.__class__)
        if routes.targets(event.key):
            self.put(routes, event, self.cause)

    def put(self, routes: Routes, message: Any, cause: int) -> None:
        """Add a message of any delivery to the queue, and see to it that it is drained."""
        self.queue.entrance(routes.delivery)((routes.targets(message.key), message, cause))
        if not self.awake:
            self.wake()

    def put_one(self, cell: Cell, handler: Handler, message: Any, cause: int) -> None:
        """Add a message for one actor alone: an answer, or a timer's tick."""
        entry = (((cell, handler),), message, cause)
        if message.delivery is _URGENT:
            self.queue.put_first(entry)
        else:
            self.queue.entries.append(entry)  # never conflated: it is for one actor
        if not self.awake:
            self.wake()

    def accept(self, routes: Routes, message: Any, source: str) -> None:
        """Take an input from outside: give it its time and number, tell the witnesses, and publish it."""
        at = self.time_of_input()
        self.inputs += 1
        if targets := self._accepted.targets(None):
            accepted = Accepted(self.inputs, at, source, message)
            self.queue.entrance_of_series(routes.delivery)((targets, accepted, self.inputs))
        self.put(routes, message, self.inputs)

    # Out: who gets it

    def sprint(self, steps: Iterator[Step], clock: MarketClock, tables: Tables, limit: int) -> Step | None:
        """Play moments of feeds in place, each with all that it causes, while nothing needs a closer look.

        Returns the step before which it stopped, because market time would pass the `alarm` or
        the route of its event is not known yet; or None after `SPRINT` steps, at the end of the
        feeds, or when something is awaited. Past the queue, a backtest takes half as long.

        Raises:
            Livelock: a moment caused more than `limit` messages.
        """
        entries, ready, played = self.queue.entries, self._ready, 0
        self.draining = self.awake = True
        try:
            for at, place, event in islice(steps, SPRINT):
                try:
                    targets = tables[type(event)][event.key]
                except KeyError:
                    return at, place, event
                if at >= self.alarm:
                    return at, place, event
                if at > clock.time:  # noqa: PLR1730 - max() takes longer
                    clock.time = at
                self.inputs = self.cause = self.inputs + 1
                played += 1
                try:
                    for cell, handler in targets:
                        if cell.lane is None:
                            self.running = cell
                            handler(event)
                        else:
                            self._park(cell, handler, event)
                except FAULTS as error:
                    self.failed(cell, event, error)
                    self._deliver(targets[targets.index((cell, handler)) + 1 :], event)
                if (entries and self._walk()) or ready or self.open_work:
                    self.settle(limit)
                    if self.open_work:
                        return None
                    self.draining = self.awake = True
        finally:
            self.messages += played
            self._rest()
        return None

    def look_up(self) -> None:
        """Have a replay look at what has changed before it goes on."""
        self.alarm = 0

    def settle(self, limit: int) -> None:
        """Deliver until nothing waits.

        Raises:
            Livelock: something still waits after `limit` messages.
        """
        if not self.drain(limit):
            raise self.overrun(limit)

    def overrun(self, limit: int) -> Livelock:
        """Return the error that names who ran last."""
        name = "an actor" if self.last is None else self.last.name
        return Livelock(f"{name} was still busy after {limit} messages at one instant of market time")

    def drain(self, limit: int) -> bool:
        """Deliver until nothing waits (True), or until about `limit` messages have been (False)."""
        entries, ready = self.queue.entries, self._ready
        self.draining = self.awake = True
        stop_at = self.messages + self.turns + limit
        try:
            while True:
                if self.seeded or len(entries) > CROWD:
                    self._sort_into_lanes()
                elif entries:
                    self._walk()
                if ready:
                    self._give_turn()
                elif not entries:
                    return True
                if self.messages + self.turns >= stop_at:
                    return False
        finally:
            self._rest()

    def _rest(self) -> None:
        self.draining = False
        self.awake = self.scheduled
        if self.running is not None:
            self.last, self.running = self.running, None
        self.cause = 0
        if self.waiters.waiting and self.quiet:
            self.waiters.tell()

    def _walk(self) -> bool:
        """Deliver a batch of the queue, in order, and return whether something is left.

        This is the hot loop of the whole system.
        """
        reader = self.queue.reader = iter(self.queue.entries)
        batch = islice(reader, BATCH)
        try:
            while True:
                try:
                    for targets, message, self.cause in batch:
                        for cell, handler in targets:
                            if cell.lane is None:
                                self.running = cell
                                handler(message)
                            else:
                                self._park(cell, handler, message)
                    break
                except FAULTS as error:
                    self.failed(cell, message, error)
                    self._deliver(targets[targets.index((cell, handler)) + 1 :], message)
        finally:
            self.messages += self.queue.forget_read(reader)
        return bool(self.queue.entries)

    def _deliver(self, targets: Targets, message: Any) -> None:
        for cell, handler in targets:
            if cell.lane is None:
                self._handle(cell, handler, message)
            else:
                self._park(cell, handler, message)

    def _handle(self, cell: Cell, handler: Handler, message: Any) -> None:
        self.running = cell
        try:
            handler(message)
        except FAULTS as error:
            self.failed(cell, message, error)

    def _deliver_newest(self, first: Event) -> None:
        """Deliver what took the place of the first of a LATEST key."""
        targets, message, self.cause = self.queue.newest(first)
        self._deliver(targets, message)

    def _sort_into_lanes(self) -> None:
        """Move the queue into the actors' own lanes, keeping each one's order of arrival."""
        for targets, message, cause in self.queue.take_all():
            self.messages += 1
            self.cause = cause
            for cell, handler in targets:
                if cell.lane is None:
                    cell.lane = Mailbox()
                self._park(cell, handler, message)

    # Lanes: actors that take turns

    def _park(self, cell: Cell, handler: Handler, message: Any) -> None:
        """Let a message wait in its actor's own lane."""
        if cell.state in ENDED:
            self.undelivered(cell, message, f"{cell.name} is {cell.state.value}")
            return
        lane = cell.lane
        assert lane is not None  # noqa: S101 - callers have looked
        self.conflated += lane.put(handler, message, self.cause)
        if len(lane) >= self.pressure.marks.high:
            self.pressure.rose(cell, len(lane))
        if not cell.listed:
            self.list_ready(cell)

    def list_ready(self, cell: Cell) -> None:
        """Give a running actor with waiting messages its place among those that take turns."""
        if cell.state is not State.RUNNING or cell.listed or not cell.lane:
            return
        cell.listed = True
        if cell.asynchronous:
            self.workers.hire(cell, cell.lane)
        else:
            self._ready.append(cell)
            if not self.awake:
                self.wake()

    def keep_up(self, cell: Cell) -> None:
        """Let a running actor have what waits for it; one for which nothing waits needs no lane."""
        if cell.lane:
            self.list_ready(cell)
        elif not (cell.asynchronous or self.seeded):
            cell.lane = None

    def _give_turn(self) -> None:
        """Let one ready actor take some of its messages: the first in line, or one drawn by the seed."""
        turn = TURN
        if self.seeded:
            turn = 1
            self._ready.rotate(-self._random.randrange(len(self._ready)))
        cell = self._ready.popleft()
        lane = cell.lane
        while turn and lane and cell.state is State.RUNNING:
            turn -= 1
            handler, message, self.cause = lane.take()
            self._handle(cell, handler, message)
            self.turns += 1
        self.pressure.relieve(cell)
        cell.listed = False
        if cell.state is State.RUNNING:
            self.keep_up(cell)

    # Quiet: nothing is under way

    @property
    def quiet(self) -> bool:
        """Whether nothing is queued, ready or awaited. Actors that wait for a restart do not count."""
        return not (self.waiting or self.open_work)

    def finish_work(self) -> None:
        """Take note that one awaited handler, start or restart has ended."""
        self.open_work -= 1
        if self.quiet:
            self.quiet_at = self.delivered
            self.waiters.tell()
