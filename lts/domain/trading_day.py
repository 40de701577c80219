"""The day by which losses and credit are counted: it begins at an hour of the market's own time zone."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bus.clock import SECOND

_TEXT = re.compile(r"([01]\d|2[0-3]):([0-5]\d) (\S+)")


class TradingDay:
    """Says when the day began that an instant is in.

    Args:
        text: `HH:MM Zone`, such as `17:00 America/New_York`.

    Raises:
        ValueError: it is something else.
    """

    __slots__ = ("_begins", "_end", "_start", "_zone")

    def __init__(self, text: str = "00:00 UTC") -> None:
        found = _TEXT.fullmatch(text)
        try:
            if found is None:
                raise ValueError  # noqa: TRY301 - said below, with the other one
            self._zone = ZoneInfo(found[3])
        except (ValueError, OSError, KeyError):
            raise ValueError(f"{text!r} is no beginning of a day, such as '17:00 America/New_York'") from None
        self._begins = time(int(found[1]), int(found[2]))
        self._start = self._end = 0

    def start(self, at: int) -> int:
        """Return when the day began that an instant is in: both in UTC nanoseconds."""
        if not self._start <= at < self._end:
            local = datetime.fromtimestamp(at // SECOND, UTC).astimezone(self._zone)
            day = local.date() - timedelta(days=local.time() < self._begins)
            self._start, self._end = self._beginning(day), self._beginning(day + timedelta(days=1))
        return self._start

    def end(self, at: int) -> int:
        """Return when the day ends that an instant is in, which is when the next one begins."""
        self.start(at)
        return self._end

    def _beginning(self, day: date) -> int:
        return round(datetime.combine(day, self._begins, self._zone).timestamp()) * SECOND
