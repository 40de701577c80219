"""Sessions: when a market is open, week by week, in the time zone of the market."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bus.clock import SECOND

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY, _TIME = f"({'|'.join(_DAYS)})", r"([01]\d|2[0-3]|24(?=:00)):([0-5]\d)"
_SPAN = re.compile(rf"{_DAY} {_TIME}-{_DAY} {_TIME} (\S+)")
_DAILY = re.compile(rf"{_DAY}-{_DAY} {_TIME}-{_TIME} (\S+)")
_MINUTES_A_DAY = 24 * 60
_WEEK = 7 * _MINUTES_A_DAY


class _Session(NamedTuple):
    """One stretch of a week, in minutes since Monday 0:00 by the clocks on the wall."""

    opens: int
    lasts: int
    zone: ZoneInfo

    def opened(self, local: datetime) -> datetime | None:
        """Return when it opened, if it is open at a local time."""
        minute = local.weekday() * _MINUTES_A_DAY + local.hour * 60 + local.minute
        since = (minute - self.opens) % _WEEK
        if since >= self.lasts:
            return None
        wall = local.replace(tzinfo=None, second=0, microsecond=0) - timedelta(minutes=since)
        return wall.replace(tzinfo=self.zone)


class Sessions:
    """The sessions of a market; one without any is always open.

    Args:
        texts: each `Sun 17:00-Fri 17:00 America/New_York`, one stretch of the week, or
            `Mon-Fri 09:30-16:00 America/New_York`, one on each of these days.

    Raises:
        ValueError: a text is neither.
    """

    __slots__ = ("_sessions",)

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._sessions = tuple(session for text in texts for session in _read(text))

    def opened(self, at: int) -> int | None:
        """Return since when it is open at an instant, both in UTC nanoseconds; None if it is closed.

        0 if it is always open. The clocks on the wall count: on the days on which they are changed, a
        session is an hour longer or shorter.
        """
        if not self._sessions:
            return 0
        instant = datetime.fromtimestamp(at // SECOND, UTC)
        found = (session.opened(instant.astimezone(session.zone)) for session in self._sessions)
        opened = [round(each.timestamp()) * SECOND for each in found if each is not None]
        return min(at, *opened) if opened else None


def _read(text: str) -> list[_Session]:
    if span := _SPAN.fullmatch(text):
        day, hour, minute, last_day, last_hour, last_minute, zone = span.groups()
        first, last = _minute(day, hour, minute), _minute(last_day, last_hour, last_minute)
        return [_Session(first % _WEEK, (last - first) % _WEEK or _WEEK, _zone(zone, text))]
    if daily := _DAILY.fullmatch(text):
        day, last_day, hour, minute, last_hour, last_minute, zone = daily.groups()
        count = (_DAYS.index(last_day) - _DAYS.index(day)) % 7 + 1
        opens, closes = (int(hour) * 60 + int(minute), int(last_hour) * 60 + int(last_minute))
        lasts = (closes - opens) % _MINUTES_A_DAY or _MINUTES_A_DAY
        first = _DAYS.index(day) * _MINUTES_A_DAY + opens
        where = _zone(zone, text)
        return [_Session((first + each * _MINUTES_A_DAY) % _WEEK, lasts, where) for each in range(count)]
    raise ValueError(f"{text!r} is no session, such as 'Sun 17:00-Fri 17:00 America/New_York'")


def _minute(day: str, hour: str, minute: str) -> int:
    return _DAYS.index(day) * _MINUTES_A_DAY + int(hour) * 60 + int(minute)


def _zone(name: str, text: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{text!r} is in no time zone that is known here, such as Europe/London") from None
