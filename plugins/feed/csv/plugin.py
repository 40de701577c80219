"""Replays the bars of a CSV file."""

from collections.abc import Iterator, Sequence
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
        self.played = self.past = 0

    def moments(self) -> Iterator[Moment]:
        """Yield the opening and the close of every bar, once or round after round."""
        while True:
            self.played = 0
            for bar in self.bars:
                opened_at = bar.opened_at
                yield opened_at, OPENS, BarOpened(bar.instrument, opened_at, bar.open)
                yield bar.closed_at, CLOSES, bar
                self.played += 1
            if not self.params.repeat:
                return
            self.past += len(self.bars)
            period = self.bars[-1].closed_at - self.bars[0].opened_at
            self.bars = [bar.later(period) for bar in self.bars]

    def progress(self) -> tuple[int, int | None]:
        """Return how many bars were played, of how many."""
        return self.past + self.played, None if self.params.repeat else len(self.bars)

    def published(self, count: int) -> Sequence[Bar]:
        """Return the last bars played; after a new round has begun, those of that round."""
        return self.bars[max(0, self.played - count) : self.played]
