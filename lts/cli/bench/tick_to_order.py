"""From a tick to the order at its broker: what a trader waits for.

Each portfolio trades an instrument of its own, whose closes go up and down in turn, so that an average
of one close crosses one of two at every bar: each bar leads to one order. Bars come one by one, each for
a portfolio drawn at random, from an actor of the benchmark in the place of the plan's feeds. The time is
taken from the moment at which the bar is published to the one at which the broker, the one on paper, has
accepted the order: strategy, portfolio, risk and desk lie between, and the journal, in memory or on disk.
Each bar finds the system at rest, with all on disk that the one before has led to.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from random import Random
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

import msgspec

from actors.persistence.storage import Storage
from bus import SECOND, Actor, ReplayDriver, on, pause
from lts.cli.bench.rounds import bare_call, settled
from lts.config.schema import SystemPlan
from lts.domain.market import Bar, BarOpened
from lts.domain.order_flow import ExecType, ExecutionReport
from lts.domain.storage import GetStorage
from lts.live import keeper
from lts.main import Extras, System
from lts.refusal import Refused

FEW, MANY = 10, 1_000
"""Portfolios of the two systems in memory."""
WARM_UP = 3
"""Bars of each portfolio before anything is timed."""
PATIENCE = 10.0


class LatencyReport(msgspec.Struct, frozen=True):
    """How long an order takes."""

    p50_us: float
    p99_us: float


class TickToOrderReport(msgspec.Struct, frozen=True):
    """How long an order takes, without and with a durable journal, and as a system grows."""

    call_ns: float
    memory: LatencyReport
    durable: LatencyReport
    many: LatencyReport
    """In memory, with 1,000 portfolios."""
    growth: float
    """Of the median, from 10 portfolios to 1,000."""


class Market(Actor[None]):
    """Where the bars come from, and where the news of an order ends."""

    publishes = (BarOpened, Bar)
    external = True

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin with no order under way."""
        self.accepted_at = 0
        self.accepted = asyncio.Event()
        yield

    @on
    def stop_the_clock(self, report: ExecutionReport) -> None:
        """Take the time at which the broker has the order."""
        if report.kind is ExecType.ACCEPTED:
            self.accepted_at = perf_counter_ns()
            self.accepted.set()


class Trading:
    """A system of so many portfolios, each with an order at every bar."""

    def __init__(self, portfolios: int, state_dir: Path | None = None) -> None:
        self.symbols = [f"TICK{number}" for number in range(portfolios)]
        self._up = dict.fromkeys(self.symbols, False)
        plan = _plan(self.symbols)
        self._durable = state_dir is not None
        kept = keeper(plan, Storage(state_dir)) if state_dir else None
        self.system = System(plan, ReplayDriver(), Extras(tape=(), keeper=kept))

    async def start(self) -> None:
        """Bring the system up, and play it warm."""
        await self.system.start()
        self.market: Market = self.system.bus.spawn(Market, None, name="market").actor  # type: ignore[assignment]  # what was spawned
        for symbol in self.symbols * WARM_UP:
            self.market.publish(self._bar(symbol))
            await self._fill(symbol)

    async def nanoseconds(self, ticks: int, random: Random) -> list[int]:
        """Nanoseconds from tick to order, each of a portfolio drawn at random."""
        return [await self._order(random.choice(self.symbols)) for _ in range(ticks)]

    async def stop(self) -> None:
        """End it."""
        await self.system.bus.stop(PATIENCE)

    async def _order(self, symbol: str) -> int:
        """Play a bar; return the nanoseconds until its order was with the broker."""
        market, bar = self.market, self._bar(symbol)
        market.accepted.clear()
        try:
            async with asyncio.timeout(PATIENCE):
                began = perf_counter_ns()
                market.publish(bar)
                await market.accepted.wait()
        except TimeoutError:
            raise Refused(self.system.trouble() or f"a bar of {symbol} led to no order") from None
        took = market.accepted_at - began
        await self._fill(symbol)
        return took

    async def _fill(self, symbol: str) -> None:
        """Open the next bar, so that what waits for it fills, and let everything come to rest."""
        self.market.publish(BarOpened(symbol, self.system.bus.clock.now(), 100.0))
        await self.system.bus.driver.quiet()
        while self._durable and (await self.system.console.ask(GetStorage())).waiting:
            await pause(0.001)

    def _bar(self, symbol: str) -> Bar:
        self._up[symbol] = up = not self._up[symbol]
        clock = self.system.bus.clock
        clock.advance(clock.now() + SECOND)
        now = clock.now()
        return Bar(symbol, now - SECOND, now, 100.0, 101.0, 100.0, 101.0 if up else 100.0, 1.0)


async def measure_tick_to_order(rounds: int, ticks: int, portfolios: int = MANY) -> TickToOrderReport:
    """Measure so many ticks a round of each system, the largest of so many portfolios, in turn."""
    random = Random(1)  # noqa: S311 - a market, not a secret
    with TemporaryDirectory() as directory:
        systems = {
            "memory": Trading(FEW),
            "many": Trading(min(MANY, portfolios)),
            "durable": Trading(FEW, Path(directory) / "state"),
        }
        try:
            for each in systems.values():
                await each.start()
            took: dict[str, list[int]] = {name: [] for name in systems}
            calls = []
            for _ in range(rounds):
                with settled():
                    calls.append(bare_call())
                    for name, each in systems.items():
                        took[name] += await each.nanoseconds(ticks, random)
        finally:
            for each in systems.values():
                await each.stop()
    found = {name: latency(each) for name, each in took.items()}
    growth = round(found["many"].p50_us / found["memory"].p50_us, 2)
    return TickToOrderReport(round(median(calls), 1), **found, growth=growth)


def latency(took: Sequence[int]) -> LatencyReport:
    """Return the percentiles of so many nanoseconds."""
    cuts = quantiles(took, n=100)
    return LatencyReport(round(cuts[49] / 1e3, 1), round(cuts[98] / 1e3, 1))


def _plan(symbols: Sequence[str]) -> SystemPlan:
    steps = {"currency": "USD", "tick_size": "0.01", "lot_size": "1"}
    feed = {"plugin": "csv", "params": {"path": "none.csv", "bar": "1s"}}
    tables: dict[str, Any] = {
        "file": "tick_to_order.toml",
        "instrument": [{"symbol": symbol, **steps} for symbol in symbols],
        "feed": [{"instrument": symbol, **feed} for symbol in symbols],
        "broker": [{"name": "paper", "plugin": "paper"}],
        "risk": {"max_order_value": "1000000", "max_exposure": "1000000"},
        "node": {"backups": {"every_h": 0}, "state_dir": "none"},
        "portfolio": [_portfolio(f"p{number}", symbol) for number, symbol in enumerate(symbols)],
    }
    return SystemPlan.model_validate(tables)


def _portfolio(name: str, symbol: str) -> dict[str, Any]:
    asset = {
        "instrument": symbol,
        "broker": "paper",
        "strategy": "sma_cross",
        "params": {"fast": 1, "slow": 2},
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
