"""What every feed owes that replays what was recorded."""

from collections.abc import Mapping
from itertools import pairwise
from math import isfinite
from typing import Any, ClassVar

from bus import Message, Moment
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
from lts.kinds.feed import CLOSES, OPENS, ReplayFeed
from lts.kinds.plugin import Plugin
from lts.testing.bench import Bench
from lts.testing.contract import PluginContract, refusal, run
from lts.testing.market import TEST

MOST = 2_000
"""Moments that are looked at: a feed may go on without end."""


class FeedContract(PluginContract):
    """Inherit this, and name the plugin.

        class TestMine(FeedContract):
            plugin = Mine
            params = {"path": "some.csv"}
            unusable = {"path": "absent.csv"}
            assignment = FeedAssignment(TEST, Path("tests/data"))

    The input has to hold at least ten bars. This is the suite for a `ReplayFeed`; a feed that
    follows a venue has no moments that could be checked.
    """

    plugin: ClassVar[type[Plugin[Any]]] = ReplayFeed
    unusable: ClassVar[Mapping[str, Any]]
    """Parameters that are well-formed, and name input that cannot be used."""

    async def work(self, bench: Bench[Any]) -> list[Message]:
        """Play some moments."""
        return [event for _, _, event in await bench.play(20)]

    def test_moments_are_in_order(self) -> None:
        """Time never runs backwards, and at one instant all that closes comes before all that opens."""
        moments = run(self._moments())
        assert len(moments) > 10, "it plays too little to tell"  # noqa: PLR2004
        for (at, order, _), (later_at, later_order, event) in pairwise(moments):
            assert (at, order) <= (later_at, later_order), f"{event} comes too late"

    def test_moments_say_when_they_are(self) -> None:
        """A bar is played as it closes and everything else as it happens; all is of its own instrument."""
        moments = run(self._moments())
        assert moments, "it plays nothing"
        for at, order, event in moments:
            match event:
                case Bar():
                    assert (at, order) == (event.closed_at, CLOSES), f"{event} is played at {at}"
                case BarOpened():
                    assert (at, order) == (event.at, OPENS), f"{event} is played at {at}"
                case Quote() | Trade():
                    assert at == event.at, f"{event} is played at {at}"
                case _:
                    raise AssertionError(f"{event} is no market data")
            assert event.instrument == self._symbol, f"{event} is of another instrument"

    def test_a_bar_opens_before_it_closes(self) -> None:
        """Each bar is announced as it opens, with its first price, and ends before the next one opens."""
        opened: BarOpened | None = None
        bars = 0
        for _, _, event in run(self._moments()):
            if isinstance(event, BarOpened):
                assert opened is None, f"{event} opens while {opened} is open"
                opened = event
            elif isinstance(event, Bar):
                assert opened is not None, f"{event} was not announced"
                assert (opened.at, opened.open) == (event.opened_at, event.open), f"{event} after {opened}"
                opened, bars = None, bars + 1
        assert bars >= 5, "there are too few bars to tell"  # noqa: PLR2004

    def test_bars_make_sense(self) -> None:
        """Prices are finite and above zero, and open and close lie between low and high."""
        bars = run(self._bars())
        assert bars, "there are no bars"
        for bar in bars:
            assert bar.opened_at < bar.closed_at, f"{bar} has no length"
            assert all(map(isfinite, (bar.open, bar.high, bar.low, bar.close, bar.volume))), f"{bar}"
            assert 0 < bar.low <= min(bar.open, bar.close), f"{bar} goes below its low"
            assert max(bar.open, bar.close) <= bar.high, f"{bar} goes above its high"
            assert bar.volume >= 0, f"{bar} has a negative volume"

    def test_recent_bars_are_those_that_were_played(self) -> None:
        """Asked at any moment, it answers with the last bars published so far, and none of the future."""

        async def scene() -> int:
            played: list[Bar] = []
            async with self.bench() as bench:
                for _ in range(60):
                    for _, _, event in await bench.play(1):
                        played += [event] if isinstance(event, Bar) else []
                    for count in (0, 1, 3, 10_000):
                        recent = await bench.ask(RecentBars(self._symbol, count))
                        expected = tuple(played[max(0, len(played) - count) :]) if count else ()
                        assert recent.bars == expected, f"{recent} is not the last {count} of {played}"
                        self._check_cursor(recent, played)
                    progress = await bench.ask(GetFeedProgress(self._symbol))
                    self._check_progress(progress, played)
            return len(played)

        assert run(scene()), "no bar is ever played"

    def test_what_cannot_be_used_is_refused_before_anything_is_played(self) -> None:
        """In a sentence, and at the start."""

        async def scene() -> None:
            async with self.bench(params=self.unusable) as bench:
                assert not await bench.play(1), f"{self.unusable} is played"

        reason = refusal(scene())
        assert reason is not None, f"{self.unusable} is let pass"
        assert " " in reason, "a refusal is a sentence"

    @property
    def _symbol(self) -> str:
        return TEST.symbol if self.assignment is None else str(self.assignment.instrument.symbol)

    async def _moments(self) -> list[Moment]:
        async with self.bench() as bench:
            return await bench.play(MOST)

    async def _bars(self) -> list[Bar]:
        return [event for _, _, event in await self._moments() if isinstance(event, Bar)]

    def _check_cursor(self, recent: History, played: list[Bar]) -> None:
        if recent.bars:
            assert recent.cursor == played[-1].closed_at, f"{recent} is said to be complete up to elsewhere"

    def _check_progress(self, progress: FeedProgressed, played: list[Bar]) -> None:
        assert progress.bars == len(played), f"{progress} after {len(played)} bars"
        assert progress.total is None or progress.total >= len(played), f"{progress} is more than all"
