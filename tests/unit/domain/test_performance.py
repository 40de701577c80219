"""A curve's statistics agree with the textbook."""

import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.performance import EquityCurve

pytestmark = pytest.mark.requirement("INT-4.6")

DAY = 86_400 * 10**9
values = st.lists(st.floats(1, 1e6), max_size=40)


def curve_of(*values: float, step: int = DAY) -> EquityCurve:
    curve = EquityCurve()
    for number, value in enumerate(values):
        curve.sample(number * step, value)
    return curve


def test_closes_of_several_instruments_at_one_instant_have_no_ratio_a_year() -> None:
    assert curve_of(100, 101, 99, step=0).sharpe is None


@given(values)
def test_the_drawdown_is_the_worst_fall_from_any_earlier_value(values: list[float]) -> None:
    falls = [(peak - low) / peak for number, peak in enumerate(values) for low in values[number:]]
    assert curve_of(*values).max_drawdown == max(falls, default=0.0)


def test_a_drawdown_is_a_fraction_of_the_peak() -> None:
    assert curve_of(100, 120, 90, 130, 117).max_drawdown == 0.25


def test_a_loss_of_more_than_everything_is_a_drawdown_above_one() -> None:
    assert curve_of(100, -50).max_drawdown == 1.5


def test_without_a_peak_above_zero_there_is_no_drawdown() -> None:
    assert curve_of(-10, -20).max_drawdown == 0


@given(values, st.sampled_from([60 * 10**9, DAY, 7 * DAY]))
def test_the_sharpe_ratio_is_the_mean_over_the_deviation_a_year(values: list[float], step: int) -> None:
    returns = [after / before - 1 for before, after in pairwise(values)]
    sharpe = curve_of(*values, step=step).sharpe
    if len(returns) < 2 or statistics.stdev(returns) < 1e-14:
        assert sharpe is None
    else:
        expected = statistics.mean(returns) / statistics.stdev(returns) * (365.25 * DAY / step) ** 0.5
        assert sharpe == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    "values",
    [(), (1.0,), (1.0, 2.0), (5.0, 5.0, 5.0), (1.0, 1.1, 1.21, 1.331), (1.0, 0.0, 1.0), (1.0, -1.0, 2.0)],
    ids=["no", "one", "one-return", "flat", "even-growth", "ruin", "debt"],
)
def test_there_is_no_ratio_without_two_returns_deviation_and_something_to_lose(
    values: tuple[float, ...],
) -> None:
    assert curve_of(*values).sharpe is None


def test_the_last_word_on_an_instant_counts() -> None:
    curve = EquityCurve()
    for at, value in ((1, 100.0), (1, 90.0), (2, 80.0), (2, 99.0)):
        curve.sample(at, value)
    assert (len(curve), list(curve.times), list(curve.values)) == (2, [1, 2], [90.0, 99.0])
