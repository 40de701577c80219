"""Replays the bars of a CSV file."""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from lts.sdk import CLOSES, OPENS, Bar, BarOpened, Moment, Params, ReplayFeed

from .bars import read_bars, span

REMEMBERED = 10_000
"""Bars that a strategy born again can ask for."""


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
        self.span = span(self.params.bar)
        path = self.assignment.directory / self.params.path
        self.bars = read_bars(path, self.instrument.symbol, self.span)
        self.played: deque[Bar] = deque(maxlen=REMEMBERED)

    def moments(self) -> Iterator[Moment]:
        """Yield the opening and the close of every bar, once or round after round."""
        shift = 0
        while True:
            for original in self.bars:
                bar = original.later(shift) if shift else original
                yield bar.opened_at, OPENS, BarOpened(bar.instrument, bar.opened_at, bar.open)
                yield bar.closed_at, CLOSES, bar
                self.played.append(bar)
            if not self.params.repeat:
                return
            shift += self.bars[-1].closed_at - self.bars[0].opened_at

    def published(self, count: int) -> Sequence[Bar]:
        """Return the last bars played."""
        return tuple(self.played)[-count:] if count > 0 else ()
