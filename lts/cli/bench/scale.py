"""What a system costs as it grows: an event, and a portfolio, at 10 to 10,000 portfolios.

Ten portfolios trade each instrument, every one through its own strategy, pipeline and books; so
twice the portfolios are twice the instruments, and an event has as many listeners as before. An
event is the opening or the close of one instrument's bar with all that it causes, orders and fills
included. By design its cost stays what it is, but for the caches of the processor.

All systems live at once, side by side in the process, and take their turns. Bars come from an
actor of the benchmark, in the place of the plan's feeds. Bytes are the growth of the resident
memory while a system starts; its fixed part, shared by few portfolios, shows in the small ones.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import islice
from time import perf_counter_ns
from typing import Any

import msgspec

from bus import SECOND, Actor, Moment, ReplayDriver
from lts.cli.bench.generated import walk
from lts.cli.bench.memory import resident_bytes
from lts.cli.bench.rounds import in_turn
from lts.config.schema import SystemPlan
from lts.domain.market import Bar, BarOpened
from lts.main import Extras, System
from lts.refusal import Refused
from lts.sdk import CLOSES, OPENS

SIZES = (10, 100, 1_000, 10_000)
SHARED_BY = 10
"""Portfolios an instrument."""
SLOW = 30
"""Closes in the slow average."""
WARM_UP = SLOW + 10
"""Bars before the first round: the slow average is known, and the first orders are through."""
MINUTE = 60 * SECOND
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


class Market(Actor[Sequence[str]]):
    """Plays generated bars of its instruments, so many minutes at a time. `params` is their symbols."""

    publishes = (BarOpened, Bar)
    external = True

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Set out from the first minute."""
        self.moments = self._moments()
        yield

    def open_for(self, minutes: int) -> None:
        """Hand over the moments of the next minutes."""
        self.replay(iter(list(islice(self.moments, minutes * len(self.params) * 2))))

    def _moments(self) -> Iterator[Moment]:
        walks = {symbol: walk(seed) for seed, symbol in enumerate(self.params)}
        opened_at = 0
        while True:
            closed_at = opened_at + MINUTE
            candles = {symbol: next(each) for symbol, each in walks.items()}
            for symbol, candle in candles.items():
                yield opened_at, OPENS, BarOpened(symbol, opened_at, candle.open)
            for symbol, candle in candles.items():
                yield closed_at, CLOSES, Bar(symbol, opened_at, closed_at, *candle, 1.0)
            opened_at = closed_at


class Sized:
    """A system of so many portfolios, and what it costs."""

    system: System
    market: Market
    bytes_each = 0
    start_s = 0.0

    def __init__(self, portfolios: int, events: int) -> None:
        self.portfolios = portfolios
        self.instruments = max(1, portfolios // SHARED_BY)
        self.minutes = max(1, events // (2 * self.instruments))
        """Bars of each instrument in a round."""

    async def start(self) -> None:
        """Bring the system up, see what it takes, and play it warm."""
        before, began = resident_bytes(), perf_counter_ns()
        symbols = [f"WALK{number}" for number in range(self.instruments)]
        self.system = System(plan(self.portfolios, symbols), ReplayDriver(), Extras(tape=()))
        await self.system.start()
        self.start_s = round((perf_counter_ns() - began) / SECOND, 2)
        self.bytes_each = round((resident_bytes() - before) / self.portfolios)
        market = self.system.bus.spawn(Market, symbols, name="market").actor
        assert isinstance(market, Market)  # noqa: S101 - it was just spawned
        self.market = market
        await self.system.bus.started()
        await self.play(WARM_UP)

    async def play(self, minutes: int) -> float:
        """Nanoseconds an event, over so many minutes of all instruments."""
        self.market.open_for(minutes)
        await self.system.run()
        if trouble := self.system.trouble():
            raise Refused(trouble)
        return self.system.elapsed_s * SECOND / (2 * minutes * self.instruments)

    async def nanoseconds(self) -> float:
        """Nanoseconds an event, in one round."""
        return await self.play(self.minutes)

    def report(self, event_ns: float, ratio_to_call: float) -> SizeReport:
        """What this size costs, given what an event does."""
        return SizeReport(
            portfolios=self.portfolios,
            instruments=self.instruments,
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
