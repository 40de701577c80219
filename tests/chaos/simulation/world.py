"""One seed: a node, a venue and a network, what people want of them, and what goes wrong."""

import asyncio
import heapq
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from hashlib import sha256
from itertools import count
from random import Random
from typing import Any, cast

import msgspec

from bus import Event
from bus.calls import Call
from bus.cell import Cell
from lts.domain.order_flow import CancelOrder, OrderProposed
from lts.domain.risk import TradingStateSet
from tests.chaos.simulation.broker import Arrived
from tests.chaos.simulation.faults import CALM, SECOND, Tally, Weather
from tests.chaos.simulation.journal import Store
from tests.chaos.simulation.laws import Laws, Violation
from tests.chaos.simulation.line import Line
from tests.chaos.simulation.node import INSTRUMENTS, Node
from tests.chaos.simulation.people import People
from tests.chaos.simulation.protocol import Reply, Request
from tests.chaos.simulation.rest import Rest
from tests.chaos.simulation.trouble import Trouble
from tests.chaos.simulation.venue import Venue
from tests.chaos.simulation.wire import Wire

BEGIN = 1_700_000_000 * SECOND
STORM_S = 6.0
"""Seconds of market time in which orders come and things go wrong."""
PATIENCE_S = 40.0
"""Seconds in which all has to come to rest after that."""
OFTEN = 20
"""Instants between two looks at the whole node."""


class Outcome(msgspec.Struct, frozen=True):
    """What a seed came to."""

    seed: int
    digest: str
    orders: int
    fills: int
    steps: int
    faults: dict[str, int]
    violations: tuple[Violation, ...]


class World:
    """Everything outside of the node, and the time that passes for all of it.

    Args:
        seed: all that happens follows from it.
        watch: told what happens, a line each; for people.
    """

    def __init__(self, seed: int, watch: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.draw = Random(seed)
        self.now = BEGIN
        self.tally = Tally()
        self.weather = Weather.of(self.draw)
        self.events: list[tuple[int, int, Callable[[], None]]] = []
        self.numbers = count()
        self.steps = 0
        self.trace = sha256()
        self.watch = watch
        self.node: Node | None = None
        self.over = False
        self.calm = False
        self.lives = 0
        self.people = People(self)
        self.trouble = Trouble(self)
        Line.numbers = count(1)
        self.store = Store(Random(self.draw.random()), lambda: self.now)
        self.wire = Wire(Random(self.draw.random()), lambda: self.now, self.tally)
        self.wire.weather = self.weather
        self.venue = Venue(Random(self.draw.random()), self._reply, lambda: self.now)
        self.laws = Laws(self.venue, self.wire, self.store, lambda: self.steps)
        self.rest = Rest(self.laws)
        for symbol in INSTRUMENTS:
            self.venue.prices[symbol] = Decimal(100)

    def run(self) -> Outcome:
        """Let it happen."""
        self._set_out()
        while not self.over:
            with asyncio.Runner() as runner:
                runner.run(self._live())
            if not self.over:
                self._wait_for_the_next_life()
        filled = sum(len(held.history) for held in self.venue.orders)
        self.trace.update(repr((filled, sorted(self.store.cursors.items()), self.laws.broken)).encode())
        fills = len(self.laws.booked)
        return Outcome(
            self.seed,
            self.trace.hexdigest(),
            len(self.store.intents),
            fills,
            self.steps,
            dict(sorted(self.tally.items())),
            tuple(self.laws.broken),
        )

    # A life of the node

    async def _live(self) -> None:
        self.lives += 1
        self.wire.node = self.lives
        Line.current = line = Line(self.wire, self.laws.leave, in_order=self.weather.in_order)
        seed = self.draw.getrandbits(32)
        self.node = node = Node(self.store, seed, self.now, self._stepped, self._said)
        self._note("a node begins")
        await node.begin()
        instants = 0
        while not (self.over or node.dead):
            await node.settle()
            if node.dead:
                break
            if not node.watch_start():
                self._note("the node does not come up")
                break
            instants += 1
            if not instants % OFTEN and not node.bus.dispatcher.waiting:
                for law, what in self.rest.at_rest(node):
                    self.laws.breach(law, what)
            if self.laws.broken:
                self.over = True
            self._go_on(node)
        line.dead = True
        self.store.life += 1
        self.node = None
        self.laws.unwanted.clear()
        node.die()
        await node.bury()
        self._note("the node is dead")

    def _go_on(self, node: Node) -> None:
        """Let the next thing happen, a timer of the node before anything of the world."""
        due, next_at = node.bus.timers.next_at(), self._next_at()
        if due is not None and due <= next_at:
            self.now = max(self.now, due)
            node.bus.clock.advance(self.now)
            timer = node.bus.timers.pop_due(due)
            assert timer is not None
            timer.fire()
        else:
            self.now = max(self.now, next_at)
            node.bus.clock.advance(self.now)
            self._happen()

    def _wait_for_the_next_life(self) -> None:
        until = self.now + round(self.draw.choice((0.0, 0.01, 0.3, 1.5)) * SECOND)
        while self._next_at() <= until:
            self.now = max(self.now, self._next_at())
            self._happen()
        self.now = max(self.now, until)

    def _stepped(self, cell: Cell, message: Any) -> None:
        self.steps += 1
        asked = message.request if isinstance(message, Call) else message
        line = f"{self.now} {cell.name} {type(asked).__name__} {asked.key}"
        self.trace.update(line.encode())
        if self.watch is not None:
            self.watch(f"{self.steps:6} {(self.now - BEGIN) / SECOND:9.4f} {cell.name:16} {asked}")
        if isinstance(asked, TradingStateSet) and asked.scope in self.people.halting:
            self.laws.acknowledge(asked, flattens=self.people.halting[asked.scope])
        if cell.name == "desk" and isinstance(asked, CancelOrder):
            self._note_wish(asked.client_order_id)

    def _note_wish(self, name: str) -> None:
        """Remember that an order was to be cancelled that the desk knows; a desk that dies may forget it."""
        record = self.node.actor("desk").records.get(name) if self.node else None
        if record is not None and record.status.is_open:
            self.laws.unwanted.add(name)

    def _said(self, message: Any) -> None:
        if isinstance(message, OrderProposed):
            self.people.proposals.append(message.order.client_order_id)
        self.laws.say(message)

    def _note(self, what: str) -> None:
        if self.watch is not None:
            self.watch(f"       {(self.now - BEGIN) / SECOND:9.4f} -- {what}")

    # What happens when

    def _set_out(self) -> None:
        """Arrange for everything that comes again and again."""
        weather = self.weather
        for seconds, do in (
            (0.2, self.people.tick),
            (weather.works, self.venue.work),
            (0.11, self.people.want),
            (0.6, self.people.cancel),
            (0.5, self.people.modify),
        ):
            self._now_and_then(seconds, do)
        for rate, do in (
            (weather.hangups, self.trouble.break_line),
            (weather.actor_crashes, self.trouble.strike),
            (weather.node_crashes, self.trouble.doom),
            (weather.disk_errors, self.trouble.fail_disk),
            (weather.leaps, self.trouble.leap),
            (weather.halts, self.people.halt),
            (weather.strangers, self.trouble.let_strangers_trade),
        ):
            if rate:
                self._now_and_then(1 / rate, do)
        self._again(1.0, self.venue.beat)
        self._again(2.5, self.people.approve)
        self.at(STORM_S, self._calm_down)

    def at(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something so much later."""
        heapq.heappush(self.events, (self.now + round(seconds * SECOND), next(self.numbers), do))

    def _again(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something at this interval for as long as the world lasts."""

        def turn() -> None:
            do()
            self.at(seconds, turn)

        self.at(seconds, turn)

    def _now_and_then(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something about that often, at random, for as long as the storm lasts."""

        def turn() -> None:
            if not self.calm:
                do()
                self.at(self.draw.expovariate(1 / seconds), turn)

        self.at(self.draw.expovariate(1 / seconds), turn)

    def _next_at(self) -> int:
        events, wire = self.events, self.wire.heap
        return min(events[0][0], wire[0][0]) if wire else events[0][0]

    def _happen(self) -> None:
        """Let the next thing of the world happen: what arrives comes first."""
        arrived = self.wire.arrived(self.now)
        if arrived is not None:
            to, message = arrived
            if not to:
                self.venue.take(cast("Request", message))
            elif self.node is not None:
                self.node.tell(Arrived(cast("Reply", message)))
        elif self.events[0][0] <= self.now:
            heapq.heappop(self.events)[2]()

    def _reply(self, reply: Reply) -> None:
        self.wire.send(reply, self.wire.node)

    def _calm_down(self) -> None:
        """End all trouble; then see, now and then, whether everything has come to rest."""
        self.calm = True
        self.wire.weather = self.weather = CALM
        self.wire.down_until = 0
        self.trouble.mend_disk()
        self._note("calm")
        if self.node is not None:
            self.node.struck, self.node.steps_left = None, None
            if self.lives > 1 or self.draw.random() < 0.3:
                self.node.die()
        self.at(1.0, partial(self._look_at_the_end, self.now + round(PATIENCE_S * SECOND)))
        self.at(0.7, self.people.want_more)

    def _look_at_the_end(self, deadline: int) -> None:
        late = self.now >= deadline
        found = [("a node comes up again", "")] if self.node is None else [*self.rest.at_the_end(self.node)]
        if found and not late:
            self.at(1.0, partial(self._look_at_the_end, deadline))
            return
        for law, what in found:
            self.laws.breach(law, what)
        self.over = True

    def tell(self, event: Event) -> None:
        """Have the node hear something, if there is one."""
        if self.node is not None:
            self.node.tell(event)
