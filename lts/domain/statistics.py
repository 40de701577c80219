"""Statistics over time: series of measurements, thinned out with age into minutes, hours and days."""

from __future__ import annotations

import msgspec

from bus.message import Event, Request
from lts.domain.listings import FEW, NotListed

SAMPLE, MINUTE, HOUR, DAY = 0, 60, 3_600, 86_400
"""Resolutions: the seconds of an interval (UTC); 0 is a single sample as it was taken."""
AT_ONCE = 50
"""Samples that one unit of work keeps or rolls up, at most: it takes about ten milliseconds."""


class Measured(msgspec.Struct, frozen=True):
    """What a series measured within one interval.

    Floats: for statistics and pictures, not for books. The mean is `total / samples`.
    """

    at: int
    """When the interval began, or when the one sample was taken: UTC nanoseconds of market time."""
    samples: int
    first: float
    lowest: float
    highest: float
    last: float
    total: float

    @classmethod
    def once(cls, at: int, value: float) -> Measured:
        """Return a single sample."""
        return cls(at, 1, value, value, value, value, value)

    def then(self, later: Measured) -> Measured:
        """Return both as one, where the other came later."""
        return Measured(
            self.at,
            self.samples + later.samples,
            self.first,
            min(self.lowest, later.lowest),
            max(self.highest, later.highest),
            later.last,
            self.total + later.total,
        )


class StatisticsRecalled(Event):
    """What a series measured, oldest first; intervals without a sample are left out."""

    measured: tuple[Measured, ...]


class RecallStatistics(Request[StatisticsRecalled]):
    """Asks for a series at one resolution: what was measured from `since` on, and before `until`.

    Single samples are kept for a day, minutes for 30 days, hours and days for good. The latest
    interval may be incomplete: samples are rolled up about once a minute. Times are UTC nanoseconds.
    """

    series: str
    """As in `portfolio/main/equity` or `system/messages`."""
    resolution: int
    """Seconds: 0 (single samples), 60, 3600 or 86400; there is nothing at any other."""
    since: int
    until: int


class SeriesListed(Event):
    """The names of series, in alphabetical order."""

    series: tuple[str, ...]
    next: str = ""


class ListSeries(Request[SeriesListed | NotListed]):
    """Asks which series there are."""

    portfolios: tuple[str, ...] | None = None
    """Only those of these portfolios, as in `portfolio/main/equity`; None: all, also those of the system."""
    after: str = ""
    limit: int = FEW
