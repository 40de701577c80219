"""The venue's own idea of the time: UTC nanoseconds, written as RFC 3339, and wrong on command."""

import asyncio
import time
from datetime import UTC, datetime

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
END_OF_DAY = 21 * 3_600 * SECOND
"""When a GFD order ends: 21:00 UTC, which is five in the afternoon in New York in summer."""


class Clock:
    """The machine's clock, off by `skew` seconds."""

    def __init__(self, skew: float = 0.0) -> None:
        self.skew = skew

    def now(self) -> int:
        """Return the time as the venue sees it."""
        return true_time() + round(self.skew * SECOND)

    def text(self) -> str:
        return written(self.now())


def true_time() -> int:
    return time.time_ns()  # noqa: TID251 - a venue is somebody else's process, with its own clock


async def pause(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251 - the same


def written(at: int) -> str:
    """Return an instant as v20 writes it: 2026-01-05T10:00:00.000000000Z."""
    seconds, rest = divmod(at, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def read(text: str) -> int:
    """Return the instant of a time in RFC 3339, or in seconds since 1970.

    Raises:
        ValueError: it is neither.
    """
    if text.replace(".", "", 1).isdigit():
        whole, _, rest = text.partition(".")
        return int(whole) * SECOND + int(rest[:9].ljust(9, "0"))
    whole, _, rest = text.removesuffix("Z").partition(".")
    if rest and not rest.isdigit():
        raise ValueError(f"{text!r} is no time")
    moment = datetime.fromisoformat(whole)
    moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    return round(moment.timestamp()) * SECOND + int(rest[:9].ljust(9, "0") or 0)


def end_of_day(at: int) -> int:
    """Return the first end of a trading day after an instant."""
    end = at - at % DAY + END_OF_DAY
    return end if end > at else end + DAY
