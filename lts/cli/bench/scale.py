"""What a system costs as it grows: an event, and a portfolio, at 10 to 10,000 portfolios.

Ten portfolios trade each instrument, every one through its own strategy, pipeline and books; so
twice the portfolios are twice the instruments, and an event has as many listeners as before. An
event is the opening or the close of one instrument's bar with all that it causes, orders and fills
included. By design its cost stays what it is, but for the caches of the processor.

All systems live at once, side by side in the process, and take their turns. Events come from an
actor of the benchmark in the place of the plan's feeds, one by one as from a live feed: each is
accepted as an input, queued, and delivered with all its consequences before the next. Bytes are the
growth of the resident memory while a system starts; its fixed part, shared by few portfolios, shows
in the small ones.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from time import perf_counter_ns
from typing import Any

import msgspec

from bus import SECOND, Actor, Moment, ReplayDriver
from lts.cli.bench.generated import walk
from lts.cli.bench.memory import resident_bytes
from lts.cli.bench.rounds import SIZES, in_turn
from lts.config.schema import SystemPlan
from lts.domain.market import Bar, BarOpened
from lts.main import Extras, System
from lts.refusal import Refused
from lts.sdk import CLOSES, OPENS

SHARED_BY = 10
"""Portfolios an instrument."""
SLOW = 30
"""Closes in the slow average."""
WARM_UP = SLOW + 10
"""Bars before the first round: the slow average is known, and the first orders are through."""
MINUTE = 60 * SECOND
LIMIT = 1_000_000
STOP_WITHIN = 600.0


class SizeReport(msgspec.Struct, frozen=True):
    """What one size of system costs."""

    portfolios: int
    instruments: int
    event_ns: int
    ratio_to_call: float
    """Bare calls an event."""
    bytes_each: int
    """Bytes a portfolio."""
    start_s: float


class ScaleReport(msgspec.Struct, frozen=True):
    """What systems of several sizes cost."""

    call_ns: float
    sizes: tuple[SizeReport, ...]


class Market(Actor[None]):
    """Where the bars come from."""

    publishes = (BarOpened, Bar)
    external = True


class Sized:
    """A system of so many portfolios, and what it costs."""

    system: System
    market: Actor[None]
    bytes_each = 0
    start_s = 0.0

    def __init__(self, portfolios: int, events: int) -> None:
        self.portfolios = portfolios
        self.symbols = [f"WALK{number}" for number in range(max(1, portfolios // SHARED_BY))]
        self.minutes = max(1, events // (2 * len(self.symbols)))
        """Bars of each instrument in a round."""
        self.moments = moments(self.symbols)

    async def start(self) -> None:
        """Bring the system up, see what it takes, and play it warm."""
        before, began = resident_bytes(), perf_counter_ns()
        self.system = System(plan(self.portfolios, self.symbols), ReplayDriver(), Extras(tape=()))
        await self.system.start()
        self.start_s = round((perf_counter_ns() - began) / SECOND, 2)
        self.bytes_each = round((resident_bytes() - before) / self.portfolios)
        self.market = self.system.bus.spawn(Market, None, name="market").actor
        await self.play(WARM_UP)

    async def play(self, minutes: int) -> float:
        """Nanoseconds an event, over so many minutes of all instruments."""
        bus, publish = self.system.bus, self.market.publish
        series = list(islice(self.moments, 2 * minutes * len(self.symbols)))
        began = perf_counter_ns()
        for at, _, event in series:
            bus.clock.advance(at)
            publish(event)
            bus.dispatcher.settle(LIMIT)
        await bus.started()
        took = perf_counter_ns() - began
        if trouble := self.system.trouble():
            raise Refused(trouble)
        return took / len(series)

    async def nanoseconds(self) -> float:
        """Nanoseconds an event, in one round."""
        return await self.play(self.minutes)

    def report(self, event_ns: float, ratio_to_call: float) -> SizeReport:
        """What this size costs, given what an event does."""
        return SizeReport(
            portfolios=self.portfolios,
            instruments=len(self.symbols),
            event_ns=round(event_ns),
            ratio_to_call=ratio_to_call,
            bytes_each=self.bytes_each,
            start_s=self.start_s,
        )


async def measure_scale(rounds: int, portfolios: int, events: int) -> ScaleReport:
    """Measure systems of up to so many portfolios, in each round by about so many events each."""
    first = Sized(1, events)  # pays for what only the first system of a process pays
    await first.start()
    systems = {str(size): Sized(size, events) for size in SIZES if size <= portfolios}
    for each in systems.values():
        await each.start()
    readings = await in_turn({name: each.nanoseconds for name, each in systems.items()}, rounds)
    for each in (first, *systems.values()):
        await each.system.bus.stop(STOP_WITHIN)
    sizes = (each.report(readings.ns(name), readings.ratio(name)) for name, each in systems.items())
    return ScaleReport(readings.call_ns, tuple(sizes))


def moments(symbols: Sequence[str]) -> Iterator[Moment]:
    """The opening and the close of a bar of every instrument, minute after minute."""
    walks = {symbol: walk(seed) for seed, symbol in enumerate(symbols)}
    opened_at = 0
    while True:
        closed_at = opened_at + MINUTE
        candles = {symbol: next(each) for symbol, each in walks.items()}
        for symbol, candle in candles.items():
            yield opened_at, OPENS, BarOpened(symbol, opened_at, candle.open)
        for symbol, candle in candles.items():
            yield closed_at, CLOSES, Bar(symbol, opened_at, closed_at, *candle, 1.0)
        opened_at = closed_at


def plan(portfolios: int, symbols: Sequence[str]) -> SystemPlan:
    """A plan of so many portfolios, which take the instruments in turn."""
    steps = {"currency": "USD", "tick_size": "0.0001", "lot_size": "1"}
    feed = {"plugin": "csv", "params": {"path": "none.csv", "bar": "1m"}}
    tables: dict[str, Any] = {
        "file": "scale.toml",
        "instrument": [{"symbol": symbol, **steps} for symbol in symbols],
        "feed": [{"instrument": symbol, **feed} for symbol in symbols],
        "broker": [{"name": "paper", "plugin": "paper", "params": {"commission_bps": "1.0"}}],
        "portfolio": [
            _portfolio(f"p{number}", symbols[number % len(symbols)]) for number in range(portfolios)
        ],
    }
    return SystemPlan.model_validate(tables)


def _portfolio(name: str, symbol: str) -> dict[str, Any]:
    """The table of a portfolio with one asset."""
    asset = {
        "instrument": symbol,
        "broker": "paper",
        "strategy": "sma_cross",
        "params": {"fast": 10, "slow": SLOW},
    }
    return {
        "name": name,
        "owner": "bench",
        "currency": "USD",
        "cash": "100000",
        "plugin": "fixed_quantity",
        "params": {"quantity": "10"},
        "asset": [asset],
    }
