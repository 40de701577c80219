"""Times as the web writes them (RFC 3339), to the nanosecond."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from bus.clock import SECOND

_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def from_rfc3339(text: str) -> int:
    """The UTC nanoseconds of a time; raises ValueError."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time")
    moment, fraction, offset = match.groups()
    whole = datetime.fromisoformat(moment.upper() + offset.upper())
    return int(whole.timestamp()) * SECOND + int((fraction or "0").ljust(9, "0"))


def to_rfc3339(at: int) -> str:
    """A time as it is written, for UTC nanoseconds."""
    seconds, fraction = divmod(at, SECOND)
    return f"{_second(seconds)}.{fraction:09d}Z"


@lru_cache(256)  # what is told in a second has the same beginning
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
