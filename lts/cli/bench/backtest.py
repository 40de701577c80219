"""What a bar costs in a backtest: a moving-average cross with all its orders, fills and ledger.

The bars lie in a CSV file, and the system is the one that `lts backtest` builds, with the built-in
plugins. Timed is the run: reading and checking the file come before it, and are given beside it.
"""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter_ns

import msgspec

from bus import SECOND, ReplayDriver
from lts.cli.bench.generated import write_system
from lts.cli.bench.rounds import in_turn, settled
from lts.config.file import read_system
from lts.main import System
from lts.refusal import Refused


class BacktestReport(msgspec.Struct, frozen=True):
    """What a backtest costs."""

    call_ns: float
    bars: int
    fills: int
    bars_per_s: int
    ratio_to_call: float
    """Bare calls a bar."""
    load_s: float
    """Seconds to start: reading and checking the file, and bringing the actors up."""


class Backtest:
    """A file that is traded once a round, each time by a new system."""

    def __init__(self, file: Path, bars: int) -> None:
        self.file = file
        self.bars = bars
        self.loads: list[float] = []
        """Seconds to start, each time."""
        self.fills = 0

    async def nanoseconds(self) -> float:
        """Nanoseconds a bar."""
        system = System(read_system(self.file), ReplayDriver())
        began = perf_counter_ns()
        await system.start()
        self.loads.append((perf_counter_ns() - began) / SECOND)
        with settled():
            await system.run()
        outcome = await system.outcome()
        if (trouble := system.trouble()) or outcome.bars != self.bars:
            raise Refused(trouble or f"{outcome.bars} of {self.bars} bars were played")
        self.fills = outcome.fills
        await system.stop()
        return system.elapsed_s * SECOND / self.bars


async def measure_backtest(rounds: int, bars: int) -> BacktestReport:
    """Measure a backtest of so many bars a round."""
    with TemporaryDirectory() as directory:
        backtest = Backtest(write_system(Path(directory), bars), bars)
        readings = await in_turn({"bar": backtest.nanoseconds}, rounds)
    return BacktestReport(
        call_ns=readings.call_ns,
        bars=bars,
        fills=backtest.fills,
        bars_per_s=readings.per_s("bar"),
        ratio_to_call=readings.ratio("bar"),
        load_s=round(median(backtest.loads), 3),
    )
