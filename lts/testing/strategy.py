"""What every strategy owes."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Any, ClassVar

from bus import Message
from lts.domain.market import Bar
from lts.domain.plugins import Beat
from lts.domain.signals import SignalRaised
from lts.kinds.strategy import StrategyAssignment
from lts.testing.bench import Bench
from lts.testing.contract import DeciderContract, run, unlike
from lts.testing.market import TEST, random_walk, tape
from lts.testing.stage import NAME

CUTS = 8
"""Restarts that are tried, at as many places of the series."""
SOON = 5
"""Bars after a restart within which a strategy says again what it would have said."""


class StrategyContract(DeciderContract):
    """Inherit this, and name the plugin.

        class TestMine(StrategyContract):
            plugin = Mine
            params = {"window": 20}

    The market is a random walk with a bar, a quote, a trade and a beat a minute. A strategy that
    sees nothing in it overrides `market`.
    """

    assignment: Any = StrategyAssignment(NAME, TEST)
    market: ClassVar[Sequence[Bar]] = random_walk(600, seed=1)
    """The bars, in order; the strategy has to signal on them at least three times."""

    async def work(self, bench: Bench[Any]) -> list[Message]:
        """Play the market."""
        await self.play(bench, self.market)
        return [*bench.published(SignalRaised)]

    async def play(self, bench: Bench[Any], series: Sequence[Bar]) -> None:
        """Have the strategy hear what a market says, and the pipeline's beat after each bar."""
        for message in tape(series):
            await bench.hear(message)
            if isinstance(message, Bar):
                await bench.hear(Beat(NAME, message.closed_at))

    def test_signals_are_within_their_ranges(self) -> None:
        """Each is for its own instrument and portfolio, a target in [-1, 1], with confidence and reason."""
        signals = run(self._signals())
        assert len(signals) > 2, "it has to signal more than twice on this market; override `market`"  # noqa: PLR2004
        for signal in signals:
            assert (signal.portfolio, signal.instrument) == (NAME, TEST.symbol), f"{signal} is not its own"
            assert isfinite(signal.target), f"{signal} has no target"
            assert -1 <= signal.target <= 1, f"{signal} is out of range"
            assert 0 <= signal.confidence <= 1, f"{signal} is out of range"
            assert signal.reason, f"{signal} gives no reason"

    def test_the_same_market_gives_the_same_signals(self) -> None:
        """A strategy depends on nothing but what it hears."""
        first, second = run(self._signals()), run(self._signals())
        assert first, "it says nothing"
        assert unlike(first, second) is None, f"the second time: {unlike(first, second)}"

    def test_two_at_once_do_not_disturb_each_other(self) -> None:
        """Two instances share nothing: one that sees the market alone says what both say."""

        async def scene() -> tuple[list[SignalRaised], list[SignalRaised]]:
            async with self.bench() as one, self.bench() as other:
                for bar in self.market:
                    await self.play(one, [bar])
                    await self.play(other, [bar])
                return one.published(SignalRaised), other.published(SignalRaised)

        alone = run(self._signals())
        assert alone, "it says nothing"
        for together in run(scene()):
            assert unlike(alone, together) is None, f"beside another: {unlike(alone, together)}"

    def test_it_learns_from_history_in_silence(self) -> None:
        """Bars from before its start are no occasion to signal: nobody could have traded on them."""

        async def scene() -> tuple[int, int]:
            half = len(self.market) // 2
            async with self.bench(history=self.market[:half]) as bench:
                at_start = len(bench.published(SignalRaised))
                await self.play(bench, self.market[half:])
                return at_start, len(bench.published(SignalRaised))

        at_start, later = run(scene())
        assert at_start == 0, "it signals before it has heard anything new"
        assert later, "after so much history it says nothing any more"

    def test_a_restart_does_not_make_it_repeat_itself(self) -> None:
        """Born again in the middle, it knows what it said last: no signal only to say so once more."""
        signals = run(self._signals())
        assert signals, "it says nothing"
        if _repeats(signals):
            return  # to say the same again means something to this one
        for cut in self._cuts():
            interrupted = run(self._interrupted(cut, cut))
            assert not _repeats(interrupted), f"after a restart before bar {cut}: {_repeats(interrupted)}"

    def test_what_it_missed_it_makes_good(self) -> None:
        """If it was away when it would have signalled, it says so soon after it is back."""
        occasions = run(self._occasions())
        assert occasions, "it never keeps to a signal for long enough to tell"
        for cut in occasions:
            wanted = run(self._standing(cut + SOON, None))
            found = run(self._standing(cut + SOON, cut))
            assert found == wanted, f"away at bar {cut}, where it signals {wanted}, it stays at {found}"

    async def _signals(self) -> list[SignalRaised]:
        async with self.bench() as bench:
            await self.play(bench, self.market)
            return bench.published(SignalRaised)

    def _cuts(self) -> list[int]:
        return [len(self.market) * part // (CUTS + 1) for part in range(1, CUTS + 1)]

    async def _occasions(self) -> list[int]:
        """Some of the bars on which it signals and then keeps to it for a while."""
        placed: list[int] = []
        async with self.bench() as bench:
            for place, bar in enumerate(self.market):
                before = len(bench.published(SignalRaised))
                await self.play(bench, [bar])
                placed += [place] * (len(bench.published(SignalRaised)) > before)
        kept = [one for one, following in pairwise([*placed, len(self.market)]) if following - one > SOON]
        return kept[:: max(1, len(kept) // CUTS)][:CUTS]

    async def _interrupted(self, begin: int, end: int) -> list[SignalRaised]:
        """Play the market to a strategy that is away from one bar to another."""
        async with self.bench() as bench:
            await self.play(bench, self.market[:begin])
            await bench.restart(*self.market[begin:end])
            await self.play(bench, self.market[end:])
            return bench.published(SignalRaised)

    async def _standing(self, end: int, missed: int | None) -> float:
        """What it wants after a number of bars, of which it misses one."""
        async with self.bench() as bench:
            if missed is not None:
                await self.play(bench, self.market[:missed])
                await bench.restart(self.market[missed])
                await self.play(bench, self.market[missed + 1 : end])
            else:
                await self.play(bench, self.market[:end])
            return bench.published(SignalRaised)[-1].target if bench.published(SignalRaised) else 0.0


def _repeats(signals: Sequence[SignalRaised]) -> str:
    for one, other in pairwise(signals):
        if one.target == other.target:
            return f"{other} after {one}"
    return ""
