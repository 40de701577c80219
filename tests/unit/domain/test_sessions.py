"""Sessions say when a market is open, by the clocks on its wall."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bus import SECOND
from lts.domain.sessions import Sessions

pytestmark = pytest.mark.requirement("INT-4.6")

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FOREX = "Sun 17:00-Fri 17:00 America/New_York"
ZONES = ("UTC", "America/New_York", "Europe/London", "Asia/Tokyo", "Australia/Lord_Howe", "Asia/Kathmandu")
WEEK = 7 * 24 * 60


def ns(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("texts", "at", "opened"),
    [
        ([], "1999-01-01", "1970-01-01"),
        ([FOREX], "2024-01-07T21:59:59", None),  # Sunday, in winter: 17:00 there is 22:00 here
        ([FOREX], "2024-01-07T22:00", "2024-01-07T22:00"),
        ([FOREX], "2024-01-12T21:59:59", "2024-01-07T22:00"),
        ([FOREX], "2024-01-12T22:00", None),
        ([FOREX], "2024-07-07T21:00", "2024-07-07T21:00"),  # in summer: 21:00 here
        ([FOREX], "2024-03-10T21:00", "2024-03-10T21:00"),  # the day on which the clocks go forward
        (["Mon-Fri 09:30-16:00 America/New_York"], "2024-01-08T14:29:59", None),
        (["Mon-Fri 09:30-16:00 America/New_York"], "2024-01-08T14:30", "2024-01-08T14:30"),
        (["Mon-Fri 09:30-16:00 America/New_York"], "2024-01-12T20:59:59", "2024-01-12T14:30"),
        (["Mon-Fri 09:30-16:00 America/New_York"], "2024-01-13T15:00", None),
        (["Mon-Fri 22:00-06:00 UTC"], "2024-01-13T05:59", "2024-01-12T22:00"),
        (["Mon-Sun 00:00-24:00 UTC"], "2024-01-13T05:59", "2024-01-13T00:00"),
        (["Mon-Fri 09:00-12:00 UTC", "Mon-Fri 13:00-17:00 UTC"], "2024-01-08T12:30", None),
        (["Mon-Fri 09:00-12:00 UTC", "Mon-Fri 13:00-17:00 UTC"], "2024-01-08T13:30", "2024-01-08T13:00"),
    ],
)
def test_a_market_is_open_from_here_to_there(texts: list[str], at: str, opened: str | None) -> None:
    assert Sessions(texts).opened(ns(at)) == (None if opened is None else ns(opened))


@given(
    st.integers(0, WEEK - 1),
    st.integers(1, WEEK - 1),
    st.sampled_from(ZONES),
    st.integers(0, 4 * 365 * 24 * 60),
)
@example(0, WEEK - 1, "UTC", 0)
def test_a_span_holds_what_lies_between_its_ends_on_the_wall(
    first: int, lasts: int, zone: str, minutes: int
) -> None:
    last = (first + lasts) % WEEK
    instant = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes, seconds=31)
    local = instant.astimezone(ZoneInfo(zone))
    minute = local.weekday() * 1440 + local.hour * 60 + local.minute
    inside = minute in range(first, last) if first < last else minute not in range(last, first)
    opened = Sessions([f"{wall(first)}-{wall(last)} {zone}"]).opened(round(instant.timestamp()) * SECOND)
    assert (opened is not None) is inside
    if opened is not None:
        assert opened <= instant.timestamp() * SECOND
        assert instant.timestamp() * SECOND - opened <= (lasts + 60) * 60 * SECOND


def wall(minute: int) -> str:
    return f"{DAYS[minute // 1440]} {minute % 1440 // 60:02}:{minute % 60:02}"


@pytest.mark.parametrize(
    "text",
    [
        "", "always", "Sun 17:00-Fri 17:00", "Sun 25:00-Fri 17:00 UTC", "Sun 17:00-Fri 17:60 UTC",
        "sun 17:00-fri 17:00 UTC", "Sun 17:00-Fri 17:00 Nowhere/Land", "Mon-Fri 09:30-16:00",
        "Mon 09:30-16:00 UTC",
        "Mon-Fri 09:30-16:00 ../etc/passwd", "Mon-Fri 24:30-16:00 UTC",
    ],
)  # fmt: skip
def test_what_is_no_session_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no session|is in no time zone") as told:
        Sessions([text])
    assert repr(text) in str(told.value)
