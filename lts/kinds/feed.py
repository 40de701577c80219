"""A feed: where one instrument's market data comes from."""

from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from bus import Moment, on
from lts.domain.journal import ProgressRecalled, RecallProgress
from lts.domain.market import (
    Bar,
    BarOpened,
    FeedProgressed,
    GetFeedProgress,
    History,
    Instrument,
    Quote,
    RecentBars,
    Trade,
)
from lts.domain.plugins import SystemReady
from lts.kinds.plugin import EVERYONE, Params, Plugin
from lts.refusal import Refused

P = TypeVar("P", bound=Params)

CLOSES, OPENS = 0, 1
"""The order of moments at one instant: all that closes, then all that opens."""


@dataclass(frozen=True, slots=True)
class FeedAssignment:
    """What a feed is for: an instrument; and where relative paths in its parameters start."""

    instrument: Instrument
    directory: Path


class Feed(Plugin[P], Generic[P]):
    """Publishes `BarOpened`, `Bar`, `Quote` and `Trade` of one instrument as they come in.

    A live feed publishes from a background task of its own and awaits `room()` before each burst.
    """

    kind: ClassVar[str] = "feed"
    publishes = (BarOpened, Bar, Quote, Trade)
    hears = (*EVERYONE, RecentBars, GetFeedProgress, SystemReady)
    asks = (RecallProgress,)
    external = True

    @property
    def instrument(self) -> Instrument:
        """Whose data this is."""
        instrument: Instrument = self.assignment.instrument
        return instrument

    @on
    def recall(self, recent: RecentBars) -> History:
        """Answer with the last bars that were published."""
        bars = tuple(self.published(recent.count))
        return History(bars, bars[-1].closed_at if bars else 0)

    @on
    def report_progress(self, _: GetFeedProgress) -> FeedProgressed:
        """Answer how far this feed is."""
        return FeedProgressed(self.instrument.symbol, *self.progress(), self.endless)

    @property
    def endless(self) -> bool:
        """Whether this feed is known never to end, so that a backtest cannot use it."""
        return False

    def progress(self) -> tuple[int, int | None]:
        """Return how many bars were published, and how many there are in all, None if there is no end."""
        return len(self.published(2**63)), None

    def published(self, count: int) -> Sequence[Bar]:
        """Return the last bars published, at most `count`, oldest first; none from a feed that keeps none."""
        return ()[:count]


class ReplayFeed(Feed[P], Generic[P]):
    """A feed that ends: its moments are played in market time, each when all is done that the last caused."""

    restarts = False

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Load everything, so that bad input is refused before any event; then hand over what is left."""
        self.load()
        self.replay(self._behind(await self.ask(RecallProgress(self.name)), self.moments()))
        yield

    @abstractmethod
    def load(self) -> None:
        """Read and check the whole input; raise `Refused` with one sentence if it cannot be used."""

    @abstractmethod
    def moments(self) -> Iterator[Moment]:
        """Yield `(time, CLOSES or OPENS, event)` in order of time.

        What stands after a `yield` runs once the moment has been played.
        """

    def _behind(self, done: ProgressRecalled, moments: Iterator[Moment]) -> Iterator[Moment]:
        """Return what follows the moments played before a restart; the last of them has to be the same."""
        if not done.moments:
            return moments
        last = next(islice(moments, done.moments - 1, None), None)
        if last is None or last[0] != done.at:
            raise Refused(
                f"moment {done.moments} of its data is not the one at which it stopped; put back the data "
                "that it had, or begin anew in another state directory"
            )
        following = next(moments, None)  # now what stands behind the last one's `yield` has run as well
        return moments if following is None else chain((following,), moments)
