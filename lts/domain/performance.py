"""How well a portfolio did: its equity over time, its worst loss, its return for the risk taken."""

from array import array
from itertools import pairwise
from math import fsum, sqrt

_NS_PER_YEAR = 365.25 * 86_400 * 1_000_000_000
_NOISE = 1e-14
"""The deviation that rounding alone gives to equal returns."""


class EquityCurve:
    """Equity sampled over market time, as floats: for statistics and pictures, not for books."""

    __slots__ = ("times", "values")

    def __init__(self) -> None:
        self.times = array("q")
        """Nanoseconds since 1970 in UTC, ascending."""
        self.values = array("d")
        """The equity at these times."""

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.times)

    def sample(self, at: int, value: float) -> None:
        """Add the equity of an instant, no earlier than the last; the last word on an instant counts."""
        if self.times and self.times[-1] == at:
            self.values[-1] = value
        else:
            self.times.append(at)
            self.values.append(value)

    @property
    def max_drawdown(self) -> float:
        """The largest fall from a peak, as a positive fraction of that peak; 0 if it never fell."""
        peak, worst = 0.0, 0.0
        for value in self.values:
            if value > peak:
                peak = value
            elif peak and (fall := (peak - value) / peak) > worst:
                worst = fall
        return worst

    @property
    def sharpe(self) -> float | None:
        """The Sharpe ratio a year, without a risk-free rate; None where there is no such ratio.

        The mean of the returns between samples over their sample deviation, times the square root
        of the returns observed a year (365.25 days). There is none with fewer than two returns,
        without deviation, within one instant, or if the equity fell to zero or below before the last
        sample.
        Source: W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994).
        """
        count = len(self.values) - 1
        years = (self.times[-1] - self.times[0]) / _NS_PER_YEAR if self.times else 0.0
        if years <= 0 or count < 2 or min(self.values[:-1]) <= 0:  # noqa: PLR2004 - a deviation needs two returns
            return None
        returns = [after / before - 1 for before, after in pairwise(self.values)]
        mean = fsum(returns) / count
        deviation = sqrt(fsum((one - mean) ** 2 for one in returns) / (count - 1))
        if deviation < _NOISE:
            return None
        return mean / deviation * sqrt(count / years)
