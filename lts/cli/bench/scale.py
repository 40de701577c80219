"""What a system costs as it grows: an event, and a portfolio, at 10 to 10,000 portfolios.

Ten portfolios trade each instrument, every one through its own strategy, pipeline and books; so
twice the portfolios are twice the instruments, and an event has as many listeners as before. An
event is the opening or the close of one instrument's bar with all that it causes, orders and fills
included. By design its cost stays what it is, but for the caches of the processor.

All systems live at once, side by side in the process, and take their turns. Bars come from an
actor of the benchmark, in the place of the plan's feeds. Bytes are the growth of the resident
memory while a system starts; its fixed part, shared by few portfolios, shows in the small ones.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from time import perf_counter_ns
from typing import Any

import msgspec

from bus import SECOND, Actor, Moment, ReplayDriver
from lts.cli.bench.generated import Candle, walk
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

    def open_for(self, minutes: int) -> None:
        """Hand over the moments of the next minutes."""
        self.replay(iter(list(islice(self.moments, minutes * len(self.params) * 2))))

    def begin(self) -> None:
        """Set out from the first minute."""
        walks = {symbol: walk(seed) for seed, symbol in enumerate(self.params)}
        self.moments = self._minutes(walks)

    def _minutes(self, walks: dict[str, Iterator[Candle]]) -> Iterator[Moment]:
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

    def __init__(self, portfolios: int, events: int) -> None:
        self.portfolios = portfolios
        self.instruments = max(1, portfolios // SHARED_BY)
        self.minutes = max(1, events // (2 * self.instruments))
        """Bars of each instrument in a round."""
        self.system = System(plan(portfolios, self.instruments), ReplayDriver(), Extras(tape=()))
        self.bytes_each = 0
        self.start_s = 0.0

    async def start(self) -> None:
        """Bring the system up, see what it takes, and play it warm."""
        before, began = resident_bytes(), perf_counter_ns()
        await self.system.start()
        self.start_s = round((perf_counter_ns() - began) / SECOND, 2)
        self.bytes_each = round((resident_bytes() - before) / self.portfolios)
        symbols = [symbol_of(number) for number in range(self.instruments)]
        market = self.system.bus.spawn(Market, symbols, name="market").actor
        assert isinstance(market, Market)  # noqa: S101 - it was just spawned
        self.market = market
        self.market.begin()
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


async def measure_scale(rounds: int, portfolios: int, events: int) -> ScaleReport:
    """Measure systems of up to so many portfolios, in each round by about so many events each."""
    first = Sized(1, events)  # pays for what only the first system of a process pays
    await first.start()
    systems = [Sized(size, events) for size in SIZES if size <= portfolios]
    for each in systems:
        await each.start()
    measures = {str(each.portfolios): each.nanoseconds for each in systems}
    readings = await in_turn(measures, rounds)
    for each in (first, *systems):
        await each.system.bus.stop(STOP_WITHIN)
    return ScaleReport(
        readings.call_ns,
        tuple(
            SizeReport(
                each.portfolios,
                each.instruments,
                round(readings.ns(name)),
                readings.ratio(name),
                each.bytes_each,
                each.start_s,
            )
            for name, each in zip(measures, systems, strict=True)
        ),
    )


def symbol_of(number: int) -> str:
    """The symbol of an instrument."""
    return f"WALK{number}"


def plan(portfolios: int, instruments: int) -> SystemPlan:
    """A plan of so many portfolios on so many instruments."""
    symbols = [symbol_of(number) for number in range(instruments)]
    steps = {"currency": "USD", "tick_size": "0.0001", "lot_size": "1"}
    feed = {"plugin": "csv", "params": {"path": "none.csv", "bar": "1m"}}
    tables: dict[str, Any] = {
        "file": "scale.toml",
        "instrument": [{"symbol": symbol, **steps} for symbol in symbols],
        "feed": [{"instrument": symbol, **feed} for symbol in symbols],
        "broker": [{"name": "paper", "plugin": "paper", "params": {"commission_bps": "1.0"}}],
        "portfolio": [_portfolio(number, symbols) for number in range(portfolios)],
    }
    return SystemPlan.model_validate(tables)


def _portfolio(number: int, symbols: Sequence[str]) -> dict[str, Any]:
    """A portfolio's table: one asset, and all its instruments in turn."""
    asset = {
        "instrument": symbols[number % len(symbols)],
        "broker": "paper",
        "strategy": "sma_cross",
        "params": {"fast": 10, "slow": SLOW},
    }
    return {
        "name": f"p{number}",
        "owner": "bench",
        "currency": "USD",
        "cash": "100000",
        "plugin": "fixed_quantity",
        "params": {"quantity": "10"},
        "asset": [asset],
    }
