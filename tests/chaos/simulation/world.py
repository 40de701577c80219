"""One seed: a node, a venue and a network, what people want of them, and what goes wrong."""

import asyncio
import heapq
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from hashlib import sha256
from itertools import count
from random import Random
from typing import Any

import msgspec

from bus.calls import Call
from bus.cell import Cell
from lts.domain.market import Instrument
from lts.domain.order_flow import CancelAll, CancelOrder, ModifyOrder, OrderProposed
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType, Side, Terms, TimeInForce
from lts.domain.reconciliation import AccountState, ApproveAccount
from lts.domain.risk import SetTradingState, TradingState, TradingStateSet
from tests.chaos.simulation.broker import Arrived
from tests.chaos.simulation.crew import Ticked, Wanted, Whim
from tests.chaos.simulation.faults import CALM, SECOND, Tally, Weather
from tests.chaos.simulation.journal import Store, Troubled
from tests.chaos.simulation.laws import REGISTER, Laws, Violation
from tests.chaos.simulation.line import Line
from tests.chaos.simulation.node import HELD_BY, INSTRUMENTS, Node, Struck
from tests.chaos.simulation.protocol import BROKER, Reply, Request
from tests.chaos.simulation.venue import Venue
from tests.chaos.simulation.wire import Wire

BEGIN = 1_700_000_000 * SECOND
STORM_S = 6.0
"""Seconds of market time in which orders come and things go wrong."""
PATIENCE_S = 40.0
"""Seconds in which all has to come to rest after that."""
OFTEN = 20
"""Instants between two looks at the whole node."""
STRIKABLE = ("desk", "risk", "kill-switch", "broker/venue", "portfolio/first", "portfolio/second", "health")


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
        self.proposals: list[str] = []
        self.halting: dict[str, bool] = {}
        Line.numbers = count(1)
        self.store = Store(Random(self.draw.random()), lambda: self.now)
        self.wire = Wire(Random(self.draw.random()), lambda: self.now, self.tally)
        self.wire.weather = self.weather
        self.venue = Venue(Random(self.draw.random()), self._reply, lambda: self.now)
        self.laws = Laws(self.venue, self.wire, self.store, lambda: self.steps)
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
                for law, what in self.laws.at_rest(node):
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
        if cell.name == "hand" and isinstance(asked, TradingStateSet):
            if asked.scope in self.halting:
                self.laws.acknowledge(asked, self.halting[asked.scope])
        if cell.name == "desk" and isinstance(asked, CancelOrder):
            self._note_wish(asked.client_order_id)

    def _note_wish(self, name: str) -> None:
        """Remember that an order was to be cancelled that the desk knows; a desk that dies may forget it."""
        record = self.node.actor("desk").records.get(name) if self.node else None
        if record is not None and record.status.is_open:
            self.laws.unwanted.add(name)

    def _said(self, message: Any) -> None:
        if isinstance(message, OrderProposed):
            self.proposals.append(message.order.client_order_id)
        self.laws.say(message)

    def _note(self, what: str) -> None:
        if self.watch is not None:
            self.watch(f"       {(self.now - BEGIN) / SECOND:9.4f} -- {what}")

    # What happens when

    def _set_out(self) -> None:
        """Arrange for everything that comes again and again."""
        weather = self.weather
        for seconds, do in (
            (0.2, self._tick),
            (weather.works, self.venue.work),
            (0.11, self._want),
            (0.6, self._cancel),
            (0.5, self._modify),
        ):
            self._now_and_then(seconds, do)
        for rate, do in (
            (weather.hangups, self._break_line),
            (weather.actor_crashes, self._strike),
            (weather.node_crashes, self._doom),
            (weather.disk_errors, self._fail_disk),
            (weather.leaps, self._leap),
            (weather.halts, self._halt),
            (weather.strangers, self._let_strangers_trade),
        ):
            if rate:
                self._now_and_then(1 / rate, do)
        self._again(1.0, self.venue.beat)
        self._again(2.5, self._approve)
        self._at(STORM_S, self._calm_down)

    def _at(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self.events, (self.now + round(seconds * SECOND), next(self.numbers), do))

    def _again(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something at this interval for as long as the world lasts."""

        def turn() -> None:
            do()
            self._at(seconds, turn)

        self._at(seconds, turn)

    def _now_and_then(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something about that often, at random, for as long as the storm lasts."""

        def turn() -> None:
            if not self.calm:
                do()
                self._at(self.draw.expovariate(1 / seconds), turn)

        self._at(self.draw.expovariate(1 / seconds), turn)

    def _next_at(self) -> int:
        events, wire = self.events, self.wire.heap
        return min(events[0][0], wire[0][0]) if wire else events[0][0]

    def _happen(self) -> None:
        """Let the next thing of the world happen: what arrives comes first."""
        arrived = self.wire.arrived(self.now)
        if arrived is not None:
            to, message = arrived
            if not to:
                self.venue.take(message)  # type: ignore[arg-type] - what is sent there is a request
            elif self.node is not None:
                self.node.tell(Arrived(message))  # type: ignore[arg-type] - and what comes back is none
        elif self.events[0][0] <= self.now:
            heapq.heappop(self.events)[2]()

    def _reply(self, reply: Reply) -> None:
        self.wire.send(reply, self.wire.node)

    def _calm_down(self) -> None:
        """End all trouble; then see, now and then, whether everything has come to rest."""
        self.calm = True
        self.wire.weather = self.weather = CALM
        self.wire.down_until = 0
        self._mend_disk()
        self._note("calm")
        if self.node is not None:
            self.node.struck, self.node.steps_left = None, None
            if self.lives > 1 or self.draw.random() < 0.3:
                self.node.die()
        self._at(1.0, partial(self._look_at_the_end, self.now + round(PATIENCE_S * SECOND)))
        self._at(0.7, self._want_more)

    def _want_more(self) -> None:
        """See that who is halted stays so."""
        for portfolio in HELD_BY:
            for _ in range(2):
                self._want(portfolio)

    def _look_at_the_end(self, deadline: int) -> None:
        late = self.now >= deadline
        found = [("a node comes up again", "")] if self.node is None else [*self.laws.at_the_end(self.node)]
        if found and not late:
            self._at(1.0, partial(self._look_at_the_end, deadline))
            return
        for law, what in found:
            self.laws.breach(law, what)
        self.over = True

    # What people want

    def _tick(self) -> None:
        symbol = self.draw.choice(INSTRUMENTS)
        price = self.venue.prices[symbol] + Decimal(self.draw.randint(-20, 20)) / 100
        self.venue.prices[symbol] = price
        self._tell(Ticked(symbol, self.now, float(price)))

    def _tell(self, event: Any) -> None:
        if self.node is not None:
            self.node.tell(event)

    def _ask(self, request: Any) -> None:
        if self.node is not None and self.node.hand is not None and self.node.up:
            self.node.hand.send(request)

    def _want(self, portfolio: str = "") -> None:
        """Have a portfolio want something: by a signal, or by one or more orders of its own."""
        if self.node is None or not self.node.up:
            return
        portfolio = portfolio or self.draw.choice((*HELD_BY,))
        symbol = self.draw.choice(HELD_BY[portfolio])
        whim = self.draw.random()
        if whim < 0.25:
            self._tell(Whim(portfolio, symbol, self.draw.choice((-1.0, -0.5, 0.0, 0.5, 1.0))))
        elif whim < 0.4:
            self._tell(Wanted(portfolio, self._bracket(portfolio, symbol)))
        elif whim < 0.48:
            one, other = (self._order(portfolio, symbol, str(name)) for name in range(2))
            pair = (msgspec.structs.replace(each, group="0") for each in (one, other))
            self._tell(Wanted(portfolio, tuple(pair)))
        else:
            reduce_only = self.draw.random() < 0.1
            self._tell(Wanted(portfolio, (self._order(portfolio, symbol, "0", reduce_only=reduce_only),)))

    def _bracket(self, portfolio: str, symbol: str) -> tuple[Order, ...]:
        draw = self.draw
        kind = draw.choice((OrderType.MARKET, OrderType.LIMIT))
        entry = self._order(portfolio, symbol, "0", kind, time_in_force=TimeInForce.GTC)
        side = Side.SELL if entry.side is Side.BUY else Side.BUY
        children = (
            self._order(portfolio, symbol, name, kind, side, entry.quantity, TimeInForce.GTC, reduce_only=True)
            for name, kind in (("1", OrderType.STOP), ("2", OrderType.LIMIT))
        )
        return (entry, *(msgspec.structs.replace(child, parent="0", group="1") for child in children))

    def _order(
        self,
        portfolio: str,
        symbol: str,
        name: str,
        kind: OrderType | None = None,
        side: Side | None = None,
        quantity: Decimal | None = None,
        time_in_force: TimeInForce | None = None,
        *,
        reduce_only: bool = False,
    ) -> Order:
        draw, price = self.draw, self.venue.prices[symbol]
        kind = kind or draw.choice((OrderType.MARKET, *OrderType))
        time_in_force = time_in_force or draw.choice((TimeInForce.GTC, *TimeInForce))
        if kind is OrderType.TRAILING_STOP:
            time_in_force = TimeInForce.GTC
        near = price + Decimal(draw.randint(-100, 100)) / 100
        return Order(
            name,
            portfolio,
            symbol,
            BROKER,
            side or draw.choice((Side.BUY, Side.SELL)),
            quantity or Decimal(draw.randint(1, 20)),
            kind,
            near if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} else None,
            time_in_force,
            self.now,
            trigger_price=near if kind in {OrderType.STOP, OrderType.STOP_LIMIT} else None,
            trailing_offset=Decimal(1) if kind is OrderType.TRAILING_STOP else None,
            expires_at=self.now + SECOND if time_in_force is TimeInForce.GTD else None,
            reduce_only=reduce_only,
        )

    def _cancel(self) -> None:
        if self.draw.random() < 0.1:
            self._ask(CancelAll(f"portfolio:{self.draw.choice((*HELD_BY,))}"))
        elif self.proposals:
            self._ask(CancelOrder(self.draw.choice(self.proposals[-8:])))

    def _modify(self) -> None:
        if self.node is None or not self.node.runs("desk"):
            return
        records: dict[str, OrderRecord] = self.node.actor("desk").records
        working = [record for record in records.values() if record.status is OrderStatus.ACCEPTED]
        if not working:
            return
        record = self.draw.choice(working)
        terms, more = record.terms, Decimal(self.draw.randint(-4, 6))
        if not self.weather.in_order:  # that more was ordered is told before it trades, whatever else is not
            more = -abs(more)
        quantity = max(Decimal(1), terms.quantity + more)
        wanted = Terms(quantity, terms.limit_price, terms.trigger_price, terms.trailing_offset)
        self._ask(ModifyOrder(record.order.client_order_id, wanted))

    def _halt(self) -> None:
        scope = self.draw.choice(("system", "portfolio:first", "user:owner of second", f"account:{BROKER}"))
        flattens = self.draw.random() < 0.3
        self.tally["halt"] += 1
        self.halting[scope] = flattens or self.halting.get(scope, False)
        if scope in self.laws.halted:
            self.laws.halted[scope] = self.halting[scope]
        self._ask(SetTradingState(scope, TradingState.HALTED, "the simulation", "ann", flattens, 3.0))
        if self.draw.random() < 0.75:
            self._at(self.draw.uniform(0.2, 1.5), partial(self._reset, scope))

    def _reset(self, scope: str) -> None:
        if not self.calm and self.node is not None and self.node.up:
            self.tally["reset"] += 1
            self.laws.halted.pop(scope, None)
            self.halting.pop(scope, None)
            self._ask(SetTradingState(scope, TradingState.ACTIVE, "the simulation", "ann"))

    def _approve(self) -> None:
        """Have an operator approve what has differed for a while."""
        if self.node is None or not (self.node.runs("desk") and self.tally["trade of a stranger"]):
            return
        account = self.node.actor("desk").accounts.get(BROKER)
        if account is not None and account.state is AccountState.DIFFERS:
            self.tally["approval"] += 1
            self._ask(ApproveAccount(BROKER, "ann"))

    # What goes wrong

    def _break_line(self) -> None:
        self.tally["disconnect"] += 1
        self.wire.down_until = self.now + round(self.draw.choice((0.0, 0.05, 0.4, 3.0)) * SECOND)
        self.venue.hang_up(tell=self.draw.random() < 0.5)

    def _strike(self) -> None:
        if self.node is not None and self.node.struck is None:
            name = self.draw.choice(STRIKABLE)
            cell = self.node.bus.cells.get(name)
            if cell is not None and len(cell.failures) < 4:
                how = self.draw.choice(("before", "amid", "after"))
                self.tally[f"crash of {name.partition('/')[0]}"] += 1
                if name == "desk":
                    self.laws.unwanted.clear()
                self.node.struck = Struck(name, self.draw.randint(1, 5), how)

    def _doom(self) -> None:
        if self.node is not None:
            self.tally["crash of the node"] += 1
            self.node.steps_left = self.draw.randint(1, 60)

    def _fail_disk(self) -> None:
        self.tally["disk error"] += 1
        self._tell(Troubled("disk full"))
        self._at(self.draw.choice((0.05, 0.5, 2.0)), self._mend_disk)

    def _mend_disk(self) -> None:
        if self.store.trouble:
            self.store.trouble = ""
            self._tell(Troubled(""))

    def _leap(self) -> None:
        self.tally["leap of time"] += 1
        self.now += round(self.draw.uniform(1, 20) * SECOND)

    def _let_strangers_trade(self) -> None:
        self.tally["trade of a stranger"] += 1
        self.venue.trade_elsewhere(self.draw.choice(("A", "B")))
