"""Replays the bars of a CSV file."""

from collections.abc import Iterator, Sequence
from itertools import count
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
    """The bars of a file, each as its opening and, a span later, its close."""

    def load(self) -> None:
        """Read and check the whole file."""
        path = self.assignment.directory / self.params.path
        self.bars = read_bars(path, self.instrument.symbol, span(self.params.bar))
        self.period = self.bars[-1].closed_at - self.bars[0].opened_at
        self.played = 0

    def moments(self) -> Iterator[Moment]:
        """Yield the opening and the close of every bar, once or round after round."""
        for place in count() if self.params.repeat else range(len(self.bars)):
            bar = self.bar(place)
            opened_at = bar.opened_at
            yield opened_at, OPENS, BarOpened(bar.instrument, opened_at, bar.open)
            yield bar.closed_at, CLOSES, bar
            self.played = place + 1

    def bar(self, place: int) -> Bar:
        """Return the bar at a place in the endless series."""
        rounds, row = divmod(place, len(self.bars))
        bar = self.bars[row]
        return bar.later(rounds * self.period) if rounds else bar

    def published(self, count: int) -> Sequence[Bar]:
        """Return the last bars played."""
        return [self.bar(place) for place in range(max(0, self.played - count), self.played)]
