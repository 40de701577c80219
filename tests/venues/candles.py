"""Candles of the mid price, kept by minute and gathered into longer ones."""

from decimal import Decimal
from random import Random

from tests.venues.instants import SECOND, written
from tests.venues.instruments import LISTED, Json

MINUTE = 60 * SECOND
GRANULARITY = {
    "M1": 1, "M2": 2, "M4": 4, "M5": 5, "M10": 10, "M15": 15, "M30": 30,
    "H1": 60, "H2": 120, "H3": 180, "H4": 240, "H6": 360, "H8": 480, "H12": 720, "D": 1440,
}  # fmt: skip
"""Minutes of each."""
Row = list[Decimal]
"""Open, high, low, close, and the number of quotes."""


class Candles:
    """What the mid price of each instrument did, minute by minute."""

    def __init__(self) -> None:
        self.minutes: dict[str, dict[int, Row]] = {}

    def add(self, name: str, at: int, mid: Decimal) -> None:
        rows, start = self.minutes.setdefault(name, {}), at - at % MINUTE
        if row := rows.get(start):
            row[1], row[2], row[3], row[4] = max(row[1], mid), min(row[2], mid), mid, row[4] + 1
        else:
            rows[start] = [mid, mid, mid, mid, Decimal(1)]

    def invent(self, name: str, now: int, count: int, mid: Decimal, draw: Random) -> None:
        """Walk back from a price."""
        tick = LISTED[name].tick
        rows, start = self.minutes.setdefault(name, {}), now - now % MINUTE
        invented: dict[int, Row] = {}
        for back in range(1, count + 1):
            opened = mid + round(draw.gauss(0, 20)) * tick
            high, low = (
                f(opened, mid) + sign * draw.randint(0, 9) * tick for f, sign in ((max, 1), (min, -1))
            )
            invented[start - back * MINUTE] = [opened, high, low, mid, Decimal(draw.randint(5, 90))]
            mid = opened
        self.minutes[name] = dict(sorted((invented | rows).items()))

    def gathered(self, name: str, granularity: str) -> dict[int, Row]:
        """Return candles by their start, oldest first; those in which nothing was quoted are not there."""
        length = GRANULARITY[granularity] * MINUTE
        found: dict[int, Row] = {}
        for start, (opened, high, low, close, ticks) in self.minutes.get(name, {}).items():
            row = found.setdefault(start - start % length, [opened, high, low, close, Decimal(0)])
            row[1], row[2], row[3], row[4] = max(row[1], high), min(row[2], low), close, row[4] + ticks
        return found

    def written(self, name: str, granularity: str, now: int) -> list[tuple[int, Json]]:
        """Return candles as v20 writes them, each with its start."""
        instrument, length = LISTED[name], GRANULARITY[granularity] * MINUTE
        return [
            (
                start,
                {
                    "complete": start + length <= now,
                    "volume": int(row[4]),
                    "time": written(start),
                    "mid": dict(zip("ohlc", map(instrument.price, row[:4]), strict=True)),
                },
            )
            for start, row in self.gathered(name, granularity).items()
        ]
