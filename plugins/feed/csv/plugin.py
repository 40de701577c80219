"""Replays the bars of a CSV file."""

from array import array
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from pydantic import Field

from lts.sdk import CLOSES, OPENS, Bar, BarOpened, Moment, Params, ReplayFeed

from .bars import read_bars, span


class CsvParams(Params):
    """Which file, and how to read it."""

    path: Path = Field(description="The file; a relative path starts at the system file's directory.")
    bar: str = Field(description='How long a bar lasts: a number and s, m, h, d or w, such as "1m".')
    repeat: bool = Field(
        default=False, description="Begin again at the end, with shifted times, without end."
    )


class CsvFeed(ReplayFeed[CsvParams]):
    """The bars of a file, each as its opening and, a span later, its close.

    They are kept as columns: a bar that is made when its turn comes is in the processor's cache,
    one that was made at the start is not, and a million of them fit in 60 MB.
    """

    def load(self) -> None:
        """Read and check the whole file."""
        path = self.assignment.directory / self.params.path
        self.span = span(self.params.bar)
        bars = read_bars(path, self.instrument.symbol, self.span)
        self.times = array("q", [bar.opened_at for bar in bars])
        self.columns = [
            array("d", map(attrgetter(column), bars)) for column in ("open", "high", "low", "close", "volume")
        ]
        self.played = self.shift = 0

    def moments(self) -> Iterator[Moment]:
        """Yield the opening and the close of every bar, once or round after round."""
        symbol, length = self.instrument.symbol, self.span
        while True:
            shift = self.shift
            for time, price, high, low, close, volume in zip(self.times, *self.columns, strict=True):
                opened_at = time + shift
                closed_at = opened_at + length
                yield opened_at, OPENS, BarOpened(symbol, opened_at, price)
                yield closed_at, CLOSES, Bar(symbol, opened_at, closed_at, price, high, low, close, volume)
                self.played += 1
            if not self.params.repeat:
                return
            self.shift += self.times[-1] + length - self.times[0]

    @property
    def endless(self) -> bool:
        """Whether it begins again at the end."""
        return self.params.repeat

    def progress(self) -> tuple[int, int | None]:
        """Return how many bars were played, of how many."""
        return self.played, None if self.params.repeat else len(self.times)

    def published(self, count: int) -> Sequence[Bar]:
        """Return the last bars played."""
        return [self.bar(place) for place in range(max(0, self.played - count), self.played)]

    def bar(self, place: int) -> Bar:
        """Return the bar at a place in the series, which has no end if it repeats."""
        rounds, row = divmod(place, len(self.times))
        opened_at = self.times[row] + rounds * (self.times[-1] + self.span - self.times[0])
        prices = (column[row] for column in self.columns)
        return Bar(self.instrument.symbol, opened_at, opened_at + self.span, *prices)
