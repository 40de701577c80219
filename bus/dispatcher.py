"""One queue for all actors: who runs next, and with which message.

A publish adds one entry, `(targets, message, cause)`, to the common queue. A
drain walks it and calls each target's handler in place, unless that actor has a
*lane*: then the message waits there. Lanes exist for actors that cannot or must
not take a message this instant (starting, restarting, awaiting, crowded), and
for all actors when a seed permutes who runs next. Actors with a lane take turns
of bounded length, so that one with a long backlog does not hold up the others.

`docs/decisions/0002-one-queue.md` has the measurements behind this shape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from operator import length_hint
from random import Random
from typing import Any

from bus.calls import CHAIN
from bus.cell import Cell, State
from bus.clock import MarketClock, SystemClock
from bus.facts import Accepted
from bus.mailbox import Mailbox
from bus.message import Delivery, Event, Message
from bus.pressure import PressureGauge, WaterMarks
from bus.router import Handler, Router, Routes, Targets

Entry = tuple[Targets, Any, int]

BATCH = 256
"""Entries of the common queue between two looks at the lanes."""
CROWD = 1024
"""Entries in the common queue beyond which they are sorted into lanes."""
TURN = 64
"""Messages that an actor with a lane takes before it is the next one's turn."""


SPRINT = 256
"""Moments of a replayed feed between two looks at the event loop."""
NEVER = 2**63
"""A market time that does not come."""

Step = tuple[int, int, Event]
"""A moment of a replay: when (UTC nanoseconds), a number that is the driver's, and what happens."""
Tables = dict[type[Message], dict[Any, Targets]]


class Livelock(Exception):
    """Actors keep each other busy without end while market time stands still."""


class _OwnCell:
    """Stands where a cell stands in the entries that the dispatcher handles itself."""

    lane = None


class Dispatcher:
    """Delivers messages. It knows neither why an actor failed nor what time it is."""

    def __init__(self, router: Router, marks: WaterMarks, seed: int | None = None) -> None:
        self.router = router
        self.queue: list[Entry] = []
        self.cause = 0
        """The number of the input that set off what is being handled; 0 outside of a drain."""
        self.awake = False
        """Whether a drain is running or has been scheduled."""
        self.draining = False
        self.scheduled = False
        self.running: Cell | None = None
        self.last: Cell | None = None
        """Who ran last in the last drain."""
        self.reader: Iterator[Entry] | None = None
        """Where a drain is in the common queue; None when it is not walking it."""
        self.messages = 0
        """How many messages have left the common queue."""
        self.turns = 0
        """How many have been taken from lanes."""
        self.inputs = 0
        self.alarm = NEVER
        """The market time at which a replay has to look up: a timer's, or at once."""
        self.conflated = 0
        self.open_work = 0
        """Handlers, starts and restarts that are being awaited."""
        self.working: set[Cell] = set()
        self.pressure = PressureGauge(marks, self.publish)
        self.wake: Callable[[], None] = lambda: None
        self.failed: Callable[[Cell, Any, Exception], None]
        self.undelivered: Callable[[Cell, Any, str], None]
        self.time_of_input: Callable[[], int]
        self._ready: list[Cell] = []
        self.seeded = seed is not None
        self._random = None if seed is None else Random(seed)  # noqa: S311 - a schedule, not a secret
        self._urgent_end = 0
        self._accepted = router.of(Accepted)
        self._system = SystemClock()
        self._newest: Targets = ((_OwnCell(), self._deliver_newest),)  # type: ignore[assignment]
        self._waiting_for_quiet: list[asyncio.Future[None]] = []

    @property
    def witnessed(self) -> bool:
        """Whether any actor hears of each input as it is accepted."""
        return bool(self._accepted.targets(None))

    # In: what is put into the queue

    def publish(self, event: Event) -> None:
        """Publish in the name of the bus itself."""
        self.put(self.router.of(event.__class__), event, self.cause)

    def put(self, routes: Routes, message: Any, cause: int) -> None:
        """Add a message of any delivery to the queue, and see to it that it is drained."""
        self.entrance(routes.delivery)((routes.targets(message.key), message, cause))
        if not self.awake:
            self.wake()

    def entrance(self, delivery: Delivery) -> Callable[[Entry], None]:
        """Return how entries of one delivery come into the queue."""
        match delivery:
            case Delivery.EVERY:
                return self.queue.append
            case Delivery.URGENT:
                return self._put_first
            case Delivery.LATEST:
                return self._put_newest

    def put_one(self, cell: Cell, handler: Handler, message: Any, cause: int) -> None:
        """Add a message for one actor alone: an answer, or a timer's tick."""
        self.queue.append((((cell, handler),), message, cause))
        if not self.awake:
            self.wake()

    def accept(self, routes: Routes, message: Any, source: str) -> None:
        """Take an input from outside: give it its time and number, tell the witnesses, and publish it."""
        at = self.time_of_input()
        self.inputs += 1
        if targets := self._accepted.targets(None):
            self.queue.append((targets, Accepted(self.inputs, at, source, message), self.inputs))
        self.put(routes, message, self.inputs)

    def _put_first(self, entry: Entry) -> None:
        """Insert ahead of all that is not urgent: right after the reader's place and earlier urgent ones."""
        place = 0 if self.reader is None else len(self.queue) - length_hint(self.reader)
        self._urgent_end = max(place, self._urgent_end)
        self.queue.insert(self._urgent_end, entry)
        self._urgent_end += 1

    def _put_newest(self, entry: Entry) -> None:
        """Take the place of an elder with the same key that is queued still, or queue up."""
        _, message, cause = entry
        newest = self.router.of(message.__class__).newest
        if message.key in newest:
            self.conflated += 1
        else:
            self.queue.append((self._newest, message, cause))
        newest[message.key] = message

    # Out: who gets it

    def sprint(self, steps: Iterator[Step], clock: MarketClock, tables: Tables, limit: int) -> Step | None:
        """Play moments of feeds in place, each with all that it causes, while nothing needs a closer look.

        Returns the step before which it stopped, because market time would pass the `alarm` or
        the route of its event is not known yet; or None after `SPRINT` steps, at the end of the
        feeds, or when something is awaited. Past the queue, a backtest takes half as long.

        Raises:
            Livelock: a moment caused more than `limit` messages.
        """
        queue, ready, alarm, number = self.queue, self._ready, self.alarm, self.inputs
        self.messages -= number
        self.draining = self.awake = True
        try:
            for at, place, event in islice(steps, SPRINT):
                try:
                    targets = tables[event.__class__][event.key]
                except KeyError:
                    return at, place, event
                if at >= alarm:
                    return at, place, event
                clock.time = at
                self.cause = number = number + 1
                try:
                    for cell, handler in targets:
                        if cell.lane is None:
                            self.running = cell
                            handler(event)
                        else:
                            self._park(cell, handler, event)
                except Exception as error:  # noqa: BLE001 - whatever a guest raises is the supervisor's
                    self.failed(cell, event, error)
                    self._deliver(targets[targets.index((cell, handler)) + 1 :], event)
                if queue or ready:
                    self.inputs = number
                    self.settle(limit)
                    if self.open_work:
                        return None
                    number, alarm = self.inputs, self.alarm
                    self.draining = self.awake = True
        finally:
            self.inputs = number
            self.messages += number
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
        queue = self.queue
        self.draining = self.awake = True
        stop_at = self.messages + self.turns + limit
        try:
            while True:
                if self._random is not None or len(queue) > CROWD:
                    self._sort_into_lanes()
                elif queue:
                    self._walk(queue)
                if self._ready:
                    self._give_turn()
                elif not queue:
                    return True
                if self.messages + self.turns >= stop_at:
                    return False
        finally:
            self._rest()

    def _rest(self) -> None:
        self.draining = False
        self.awake = self.scheduled
        self.last, self.running = self.running, None
        self.cause = 0
        if self._waiting_for_quiet and self.quiet:
            self._tell_quiet()

    def _walk(self, queue: list[Entry]) -> None:
        """Deliver a batch of the common queue, in order. This is the hot loop of the whole system."""
        reader = self.reader = iter(queue)
        batch = islice(reader, BATCH)
        try:
            while True:
                try:
                    for targets, message, self.cause in batch:  # noqa: B007 - all are read after an error
                        for cell, handler in targets:
                            if cell.lane is None:
                                self.running = cell
                                handler(message)
                            else:
                                self._park(cell, handler, message)
                    break
                except Exception as error:  # noqa: BLE001 - whatever a guest raises is the supervisor's
                    self.failed(cell, message, error)
                    self._deliver(targets[targets.index((cell, handler)) + 1 :], message)
        finally:
            done = len(queue) - length_hint(reader)
            del queue[:done]
            self.reader = None
            self.messages += done
            self._urgent_end = max(0, self._urgent_end - done)

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
        except Exception as error:  # noqa: BLE001 - whatever a guest raises is the supervisor's
            self.failed(cell, message, error)

    def _deliver_newest(self, first: Event) -> None:
        """Deliver the newest of the LATEST messages that took the place of the first."""
        routes = self.router.of(first.__class__)
        self._deliver(routes.targets(first.key), routes.newest.pop(first.key))

    def _sort_into_lanes(self) -> None:
        """Move the common queue into the actors' own lanes, keeping each one's order of arrival."""
        entries = self.queue[:]
        self.messages += len(entries)
        self.queue.clear()
        self._urgent_end = 0
        for targets, message, self.cause in entries:
            if targets is self._newest:
                routes = self.router.of(message.__class__)
                self._sort(routes.targets(message.key), routes.newest.pop(message.key))
            else:
                self._sort(targets, message)

    def _sort(self, targets: Targets, message: Any) -> None:
        for cell, handler in targets:
            if cell.lane is None:
                cell.lane = Mailbox()
            self._park(cell, handler, message)

    # Lanes: actors that take turns

    def _park(self, cell: Cell, handler: Handler, message: Any) -> None:
        """Let a message wait in its actor's own lane."""
        if cell.state in {State.QUARANTINED, State.STOPPED}:
            self.undelivered(cell, message, f"{cell.name} is {cell.state.value}")
            return
        lane = cell.lane
        assert lane is not None  # noqa: S101 - callers have looked
        lane.put(handler, message, self.cause)
        if len(lane) >= self.pressure.marks.high:
            self.pressure.rose(cell, len(lane))
        self.list_ready(cell)

    def list_ready(self, cell: Cell) -> None:
        """Give a running actor with waiting messages its place among those that take turns."""
        if cell.state is not State.RUNNING or cell.listed or not cell.lane:
            return
        cell.listed = True
        if cell.asynchronous:
            cell.worker = asyncio.get_running_loop().create_task(self._work(cell), name=cell.name)
            self.working.add(cell)
            self.open_work += 1
        else:
            self._ready.append(cell)
            if not self.awake:
                self.wake()

    def _give_turn(self) -> None:
        """Let one ready actor take some of its messages: the first in line, or one drawn by the seed."""
        if self._random is None:
            cell, turn = self._ready.pop(0), TURN
        else:
            cell, turn = self._ready.pop(self._random.randrange(len(self._ready))), 1
        lane = cell.lane
        while turn and lane and cell.state is State.RUNNING:
            turn -= 1
            handler, message, self.cause = lane.take()
            self._handle(cell, handler, message)
            self.turns += 1
        if cell.pressed:
            self.pressure.fell(cell, cell.depth)
        if lane and cell.state is State.RUNNING:
            self._ready.append(cell)
            return
        cell.listed = False
        if not lane and cell.state is State.RUNNING:
            cell.lane = None

    async def _work(self, cell: Cell) -> None:
        """Handle, one after the other, what waits for an actor that may await."""
        lane = cell.lane
        try:
            while lane and cell.state is State.RUNNING:
                handler, cell.working_on, cell.cause = lane.take()
                cell.working_since = self._system.monotonic()
                CHAIN.set((*getattr(cell.working_on, "chain", ()), cell))
                self.turns += 1
                try:
                    if (result := handler(cell.working_on)) is not None:
                        await result
                except Exception as error:  # noqa: BLE001 - whatever a guest raises is the supervisor's
                    self.failed(cell, cell.working_on, error)
                if cell.pressed:
                    self.pressure.fell(cell, cell.depth)
        except asyncio.CancelledError:
            self.failed(cell, cell.working_on, InterruptedError("its handler was cancelled"))
            raise
        finally:
            cell.working_on, cell.worker, cell.listed = None, None, False
            self.working.discard(cell)
            self.list_ready(cell)
            self.finish_work()

    # Quiet: nothing is under way

    @property
    def quiet(self) -> bool:
        """Whether nothing is queued, ready or awaited. Actors that wait for a restart do not count."""
        return not (self.queue or self._ready or self.open_work)

    async def until_quiet(self) -> None:
        """Wait until nothing is under way."""
        while not self.quiet:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting_for_quiet.append(waiter)
            await waiter

    def finish_work(self) -> None:
        """Take note that one awaited handler, start or restart has ended."""
        self.open_work -= 1
        if self._waiting_for_quiet and self.quiet:
            self._tell_quiet()

    def _tell_quiet(self) -> None:
        waiting, self._waiting_for_quiet = self._waiting_for_quiet, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
