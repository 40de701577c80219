"""The stream watch tells of feeds that are up and silent while their market is open."""

from datetime import UTC, datetime

import pytest

from actors.stream_watch import Stream, StreamWatch
from bus import SECOND
from lts.domain.market import Quote
from lts.domain.sessions import Sessions
from lts.domain.streams import DataResumed, DataStale
from lts.testing import BEGIN, Bench

pytestmark = pytest.mark.requirement("INT-4.6")

ALWAYS = {"TEST": Stream(10.0, Sessions())}
HOURS = {"TEST": Stream(60.0, Sessions(["Mon-Fri 09:00-17:00 UTC"]))}


def ns(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def quote(at: int, symbol: str = "TEST") -> Quote:
    return Quote(symbol, at, 99, 101, 1, 1)


async def test_silence_is_told_once_and_what_is_heard_ends_it() -> None:
    async with Bench(StreamWatch, ALWAYS) as bench:
        await bench.hear(quote(bench.now))
        await bench.advance(seconds=9.9)
        assert bench.said == []
        await bench.advance(seconds=0.1)
        assert bench.said == [DataStale("TEST", BEGIN, 10.0)]
        await bench.advance(seconds=100)
        assert len(bench.said) == 1
        await bench.hear(quote(bench.now))
        assert bench.said[1:] == [DataResumed("TEST", bench.now)]
        await bench.advance(seconds=10)
        assert bench.said[2:] == [DataStale("TEST", bench.now - 10 * SECOND, 10.0)]


async def test_a_feed_that_never_says_anything_is_stale() -> None:
    async with Bench(StreamWatch, ALWAYS) as bench:
        await bench.advance(seconds=10)
        assert bench.said == [DataStale("TEST", 0, 10.0)]


async def test_a_feed_that_is_heard_in_time_is_never_stale() -> None:
    async with Bench(StreamWatch, ALWAYS) as bench:
        await bench.hear(*(quote(BEGIN + 9 * SECOND * number) for number in range(100)))
        await bench.hear(quote(bench.now, "OTHER"))
        assert bench.said == []


async def test_a_closed_market_may_be_silent_and_an_open_one_has_its_time_after_the_opening() -> None:
    friday = ns("2024-01-12T16:59:50")
    async with Bench(StreamWatch, HOURS, start_at=friday) as bench:
        await bench.hear(quote(friday))
        await bench.advance(seconds=2 * 24 * 3600)
        assert bench.said == []
        await bench.advance(seconds=(ns("2024-01-15T09:00:30") - bench.now) / SECOND)
        assert bench.said == []
        await bench.advance(seconds=90)
        assert bench.said == [DataStale("TEST", friday, 60.0)]


async def test_a_stale_feed_of_a_market_that_closes_is_stale_no_more() -> None:
    async with Bench(StreamWatch, HOURS, start_at=ns("2024-01-12T16:50:00")) as bench:
        await bench.advance(seconds=120)
        assert isinstance(bench.said[-1], DataStale)
        await bench.advance(seconds=600)
        assert isinstance(bench.said[-1], DataResumed)
