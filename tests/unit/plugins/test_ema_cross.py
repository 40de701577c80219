"""ema_cross buys and sells as two exponential averages cross."""

from itertools import pairwise

import pytest

from lts.sdk import Bar, Refused, SignalRaised
from lts.testing import Bench, StrategyContract, bars, random_walk
from plugins.strategy.ema_cross.plugin import EmaCross

pytestmark = pytest.mark.requirement("INT-4.4")


class TestItsContract(StrategyContract):
    plugin = EmaCross


class TestItsContractWhenLongOnly(StrategyContract):
    plugin = EmaCross
    params = {"fast": 3, "slow": 9, "direction": "long_only"}


def averages(closes: list[float], length: int) -> list[float]:
    """The exponential average at each close, by its definition; it begins with the first one."""
    weight = 2 / (length + 1)
    found = [closes[0]]
    for close in closes[1:]:
        found.append((1 - weight) * found[-1] + weight * close)
    return found


@pytest.mark.parametrize(("direction", "below"), [("long_short", -1.0), ("long_only", 0.0)])
async def test_it_signals_exactly_where_the_averages_cross(direction: str, below: float) -> None:
    series = random_walk(500, seed=4)
    closes = [bar.close for bar in series]
    above = [one > other for one, other in zip(averages(closes, 4), averages(closes, 15), strict=True)]
    crosses = [
        (place, 1.0 if now else below)
        for place, (before, now) in enumerate(pairwise(above), 1)
        if before is not now
    ]
    assert len(crosses) > 10
    found: list[tuple[int, float]] = []
    async with Bench(EmaCross, {"fast": 4, "slow": 15, "direction": direction}) as bench:
        for place, bar in enumerate(series):
            before = len(bench.published(SignalRaised))
            await bench.hear(bar)
            found += [(place, each.target) for each in bench.published(SignalRaised)[before:]]
    assert found == crosses


async def test_equal_averages_are_not_above() -> None:
    async with Bench(EmaCross, {"fast": 2, "slow": 3}) as bench:
        await bench.hear(*bars([10] * 20))
        assert bench.published(SignalRaised) == []


async def test_a_cross_that_it_missed_is_signalled_at_the_next_bar() -> None:
    rise = bars([10, 9, 8, 12, 14])
    async with Bench(EmaCross, {"fast": 2, "slow": 4}) as bench:
        await bench.hear(*rise[:3])
        await bench.restart(rise[3])
        assert bench.published(SignalRaised) == []
        await bench.hear(rise[4])
        assert [signal.target for signal in bench.published(SignalRaised)] == [1.0]


async def test_it_asks_for_four_times_the_slow_average_of_history() -> None:
    history: list[Bar] = random_walk(200)
    async with Bench(EmaCross, {"fast": 2, "slow": 20}, history=history) as bench:
        assert bench.actor.learned == 80


@pytest.mark.requirement("INT-003", "INT-018")
async def test_the_fast_average_has_to_be_the_faster_one() -> None:
    with pytest.raises(Refused, match=r"fast \(26\) must be smaller than slow \(26\)"):
        async with Bench(EmaCross, {"fast": 26}):
            raise AssertionError
