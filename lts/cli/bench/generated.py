"""Generated markets: bars of a random walk, the same on every machine."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

START = datetime(2000, 1, 1)  # noqa: DTZ001 - written without an offset, which means UTC
MINUTE = timedelta(minutes=1)
VOLATILITY = 0.001
"""The standard deviation of a bar's return: an SMA 10/30 cross trades about 40 times in 1,000 bars."""

SYSTEM = """
[[instrument]]
symbol = "WALK"
currency = "USD"
tick_size = "0.0001"
lot_size = "1"

[[feed]]
plugin = "csv"
instrument = "WALK"
params = { path = "walk.csv", bar = "1m" }

[[broker]]
name = "paper"
plugin = "paper"
params = { commission_bps = "1.0", slippage_bps = "0" }

[[portfolio]]
name = "trend"
owner = "bench"
currency = "USD"
cash = "100000"
plugin = "fixed_quantity"
params = { quantity = "10" }

  [[portfolio.asset]]
  instrument = "WALK"
  broker = "paper"
  strategy = "sma_cross"
  params = { fast = 10, slow = 30, direction = "long_only" }
"""


class Candle(NamedTuple):
    """The prices of one bar."""

    open: float
    high: float
    low: float
    close: float


def walk(seed: int) -> Iterator[Candle]:
    """A random walk from 100, without end; each bar opens where the last one closed."""
    random = Random(seed)  # noqa: S311 - a market, not a secret
    price = 100.0
    while True:
        close = max(1.0, round(price * (1 + random.gauss(0, VOLATILITY)), 4))
        yield Candle(price, max(price, close), min(price, close), close)
        price = close


def write_system(directory: Path, bars: int) -> Path:
    """A system's file, and beside it one of so many bars."""
    with (directory / "walk.csv").open("w", encoding="utf-8") as file:
        file.write("datetime,open,high,low,close,volume\n")
        for place, candle in enumerate(islice(walk(seed=7), bars)):
            file.write(f"{START + place * MINUTE},{','.join(map(str, candle))},1\n")
    system = directory / "system.toml"
    system.write_text(SYSTEM, encoding="utf-8")
    return system
