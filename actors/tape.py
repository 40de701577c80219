"""A tape: plays the inputs of a recording in the place of the feeds and users that were recorded."""

from collections import Counter, deque
from collections.abc import AsyncGenerator, Iterator, Sequence

from bus import Accepted, Actor, Moment, on
from lts.domain.market import (
    Bar,
    BarOpened,
    FeedProgressed,
    GetFeedProgress,
    History,
    Quote,
    RecentBars,
    Trade,
)
from lts.domain.order_entry import OrderEntered, RetractionEntered, RevisionEntered
from lts.domain.recording import RecordingEnded

REMEMBERED = 10_000
"""Bars of each instrument that a strategy born again can ask for."""


class Tape(Actor[Sequence[Accepted]]):
    """Replays what was accepted, each at the market time of its acceptance. `params` is the inputs."""

    publishes = (
        BarOpened,
        Bar,
        Quote,
        Trade,
        OrderEntered,
        RevisionEntered,
        RetractionEntered,
        RecordingEnded,
    )
    external = True

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Hand over the moments."""
        self.played: dict[str, deque[Bar]] = {}
        self.counts: Counter[str] = Counter()
        self.replay(self.moments())
        yield

    def moments(self) -> Iterator[Moment]:
        """Yield the inputs in the order of their acceptance."""
        for accepted in self.params:
            yield accepted.at, 0, accepted.message
            if isinstance(accepted.message, Bar):
                bar = accepted.message
                self.played.setdefault(bar.instrument, deque(maxlen=REMEMBERED)).append(bar)
                self.counts[bar.instrument] += 1

    @on
    def recall(self, recent: RecentBars) -> History:
        """Answer with the last bars that were played."""
        bars = tuple(self.played.get(recent.instrument, ()))[-recent.count :] if recent.count > 0 else ()
        return History(bars, bars[-1].closed_at if bars else 0)

    @on
    def report_progress(self, wanted: GetFeedProgress) -> FeedProgressed:
        """Answer how many bars of an instrument were played."""
        return FeedProgressed(wanted.instrument, self.counts[wanted.instrument], None)
