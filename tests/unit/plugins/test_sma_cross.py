"""sma_cross is on the side that exact averages say, whatever the prices."""

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import ldexp
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lts.sdk import Refused, SignalRaised
from lts.testing import Bench, StrategyContract, bars
from lts.testing.contract import run
from plugins.strategy.sma_cross.plugin import SmaCross

pytestmark = pytest.mark.requirement("INT-4.4", "LTS-003")

TIE = Fraction(1, 10**10)
EDGE = Fraction(1, 10**5)
"""So close to the edge of a tie, relative to it, floats may see it on either side."""


class TestItsContract(StrategyContract):
    plugin = SmaCross
    params = {"fast": 5, "slow": 20, "direction": "long_only"}


class TestItsContractWhenShort(StrategyContract):
    plugin = SmaCross
    params = {"fast": 3, "slow": 7, "direction": "long_short"}


def wanted_sides(closes: Sequence[float], fast: int, slow: int) -> list[set[bool]]:
    """Whether the fast mean is above the slow one at each close, by fractions; both at the edge of a tie."""
    exact: deque[Fraction] = deque(maxlen=slow)
    sums = [Fraction(0), Fraction(0)]
    sides: list[set[bool]] = []
    for close in closes:
        if len(exact) >= fast:
            sums[0] -= exact[-fast]
        if len(exact) == slow:
            sums[1] -= exact[0]
        exact.append(Fraction(close))
        sums = [each + exact[-1] for each in sums]
        if len(exact) < slow:
            sides.append({False})
            continue
        mean = sums[1] / slow
        lead = (sums[0] / fast - mean) / mean
        sides.append({True, False} if abs(lead / TIE - 1) < EDGE else {lead >= TIE})
    return sides


async def held_sides(closes: Sequence[float], fast: int, slow: int) -> list[float]:
    """What the strategy wants after each close."""
    held: list[float] = []
    params = {"fast": fast, "slow": slow, "direction": "long_short"}
    async with Bench(SmaCross, params) as bench:
        for bar in bars(closes):
            await bench.hear(bar)
            signals = bench.published(SignalRaised)
            held.append(signals[-1].target if signals else 0.0)
        targets = [signal.target for signal in bench.published(SignalRaised)]
        assert all(one != other for one, other in pairwise(targets))
    return held


def assert_exact(closes: Sequence[float], fast: int, slow: int) -> None:
    for place, (held, wanted) in enumerate(
        zip(run(held_sides(closes, fast, slow)), wanted_sides(closes, fast, slow), strict=True)
    ):
        if place + 1 < slow:
            assert held == 0, f"a signal after {place + 1} of {slow} closes"
        else:
            assert held in {1.0 if side else -1.0 for side in wanted}, f"at close {place}"


prices = st.floats(min_value=1e-12, max_value=1e12, allow_subnormal=False)
near = st.integers(-8, 8).map(lambda steps: 100 * (1 + ldexp(steps, -36)))
"""Prices that differ by parts of a tie."""
ticks = st.integers(1, 40).map(lambda cents: cents / 100)


@settings(max_examples=150)
@given(
    closes=st.one_of(
        st.lists(prices, min_size=3, max_size=60),
        st.lists(near, min_size=3, max_size=60),
        st.lists(ticks, min_size=3, max_size=60),
    ),
    lengths=st.tuples(st.integers(1, 12), st.integers(1, 12)).filter(lambda pair: pair[0] != pair[1]),
)
@example(closes=[0.1] * 40, lengths=(3, 7))
@example(closes=[1e12] * 8 + [1e-12] * 30 + [2e-12] * 10, lengths=(2, 8))
@example(closes=[0.1, 0.2, 0.3] * 15, lengths=(3, 6))
def test_its_side_is_that_of_exact_fractions(closes: list[float], lengths: tuple[int, int]) -> None:
    assert_exact(closes, min(lengths), max(lengths))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_nothing_drifts_over_20_000_bars(scale: float) -> None:
    random = Random(7)
    closes, price = [], 100.0
    for _ in range(20_000):
        price *= 1 + random.gauss(0, 0.02)
        price = min(max(price, 1.0), 10_000.0)
        closes.append(round(price, 2) * scale)
    assert_exact(closes, 10, 30)


def test_long_flat_stretches_are_ties_after_any_history() -> None:
    random = Random(8)
    closes: list[float] = []
    for _ in range(120):
        closes += [random.uniform(1, 1e6) for _ in range(random.randrange(10, 40))]
        closes += [round(random.uniform(1, 1e3), 2)] * 40
    assert_exact(closes, 5, 20)


@pytest.mark.parametrize(("above", "side"), [(0.9e-10, -1.0), (1.1e-10, 1.0)])
def test_a_difference_under_one_part_in_ten_billion_is_a_tie(above: float, side: float) -> None:
    # With two closes against one, the fast mean is above the slow one by half of the last step.
    closes = [100.0, 100.0, 100.0 * (1 + 2 * above)]
    assert run(held_sides(closes, 1, 2))[-1] == side


def test_it_starts_flat_and_a_first_tie_says_nothing() -> None:
    async def scene() -> list[float]:
        async with Bench(SmaCross, {"fast": 1, "slow": 2}) as bench:
            await bench.hear(*bars([10, 10, 10, 9, 11, 12, 11]))
            return [signal.target for signal in bench.published(SignalRaised)]

    assert run(scene()) == [1.0, 0.0]


def test_the_reason_says_which_mean_is_above() -> None:
    async def scene() -> list[str]:
        async with Bench(SmaCross, {"fast": 1, "slow": 2}) as bench:
            await bench.hear(*bars([10, 11, 10]))
            return [signal.reason for signal in bench.published(SignalRaised)]

    assert run(scene()) == [
        "the mean of 1 closes is above that of 2",
        "the mean of 1 closes is not above that of 2",
    ]


@pytest.mark.requirement("INT-003", "INT-018")
@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"fast": 30, "slow": 10}, "params: fast (30) must be smaller than slow (10)"),
        ({"fast": 10, "slow": 10}, "params: fast (10) must be smaller than slow (10)"),
        ({"fast": 0, "slow": 10}, "params.fast must be greater than or equal to 1; found the number 0"),
        ({"fast": 5}, "params: the key 'slow' is missing; add it"),
        (
            {"fast": 5, "slow": 9, "direction": "short"},
            "params.direction must be 'long_only' or 'long_short'",
        ),
    ],
)
async def test_bad_parameters_are_refused(params: dict[str, object], said: str) -> None:
    with pytest.raises(Refused) as refused:
        async with Bench(SmaCross, params):
            raise AssertionError
    assert str(refused.value).startswith(said)
