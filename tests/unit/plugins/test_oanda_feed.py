"""Bars of prices: whole, in order, each once, whatever was missed."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.market import Bar, BarOpened, Instrument, Quote, RecentBars
from lts.kinds.feed import FeedAssignment
from lts.sdk import WebService, to_rfc3339
from lts.testing import BEGIN, Bench
from plugins.feed.oanda.forming import Forming
from plugins.feed.oanda.params import OandaFeedParams
from plugins.feed.oanda.plugin import OandaFeed
from plugins.feed.oanda.prices import quote_of

pytestmark = pytest.mark.requirement("INT-4.4")

EUR_USD = Instrument("EUR/USD", "USD", Decimal("0.00001"), Decimal(1))
MINUTE = 60_000_000_000
SPAN = 10


@given(st.lists(st.tuples(st.integers(0, 200), st.floats(1, 2)), min_size=1))
def test_bars_are_whole_and_in_order_and_announced(prices: list[tuple[int, float]]) -> None:
    forming = Forming("X", SPAN)
    opened: list[BarOpened] = []
    bars: list[Bar] = []
    for at, price in prices:
        over, first = forming.price(at, price)
        bars += [over] if over else []
        opened += [first] if first else []
    if last := forming.close(10_000):
        bars.append(last)
    assert [(each.opened_at, each.open) for each in bars] == [(each.at, each.open) for each in opened]
    assert [each.opened_at for each in bars] == sorted({each.opened_at for each in bars})
    for bar in bars:
        assert bar.closed_at - bar.opened_at == SPAN
        assert bar.opened_at % SPAN == 0
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high


def test_a_price_that_comes_too_late_changes_nothing() -> None:
    forming = Forming("X", SPAN)
    forming.price(5, 1.0)
    assert forming.close(9) is None
    assert forming.close(10) == Bar("X", 0, 10, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert forming.price(9, 2.0) == (None, None)
    assert forming.close(10) is None


def test_what_others_saw_of_the_bar_is_taken_over_but_not_its_open() -> None:
    forming = Forming("X", SPAN)
    forming.price(1, 1.5)
    forming.replace(Bar("X", 0, 10, 1.0, 3.0, 0.5, 2.0, 7.0))
    forming.price(8, 4.0)
    assert forming.close(10) == Bar("X", 0, 10, 1.5, 4.0, 0.5, 4.0, 8.0)


def test_a_market_that_is_closed_has_no_quote() -> None:
    message: dict[str, Any] = {
        "type": "PRICE",
        "time": "2020-01-01T00:00:00Z",
        "bids": [{"price": "1.1", "liquidity": 5}],
        "asks": [{"price": "1.2", "liquidity": 6}],
    }
    assert quote_of(message, "X") == Quote("X", BEGIN, 1.1, 1.2, 5.0, 6.0)
    assert quote_of(message | {"tradeable": False}, "X") is None
    assert quote_of(message | {"asks": []}, "X") is None
    assert quote_of({"type": "HEARTBEAT", "time": "2020-01-01T00:00:00Z"}, "X") is None


@pytest.mark.parametrize(
    ("bar", "granularity", "seconds"),
    [("5s", "S5", 5), ("15m", "M15", 900), ("4h", "H4", 14_400), ("1d", "D", 86_400)],
)
def test_the_length_of_a_bar_is_named_as_the_venue_does(bar: str, granularity: str, seconds: int) -> None:
    params = OandaFeedParams.model_validate({"account": "1", "token_file": "/t", "bar": bar})
    assert (params.granularity, params.span) == (granularity, seconds * 1_000_000_000)


class Venue:
    """Candles from a list, and streams that a test writes and cuts."""

    def __init__(self) -> None:
        self.candles: list[tuple[int, float, bool]] = []
        self.streams: list[list[dict[str, Any]]] = []
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/candles"):
            self.asked.append(dict(request.url.params))
            return httpx.Response(200, json={"candles": [candle(*each) for each in self.candles]})
        if not self.streams:
            raise httpx.ConnectError("no more streams")
        lines = "".join(json.dumps(each) + "\n" for each in self.streams.pop(0))
        return httpx.Response(200, text=lines)


def candle(minute: int, price: float, complete: bool) -> dict[str, Any]:
    mid = dict.fromkeys("ohlc", str(price))
    return {"time": to_rfc3339(BEGIN + minute * MINUTE), "mid": mid, "volume": 3, "complete": complete}


def price(minute: float, value: float) -> dict[str, Any]:
    side = [{"price": str(value), "liquidity": 1}]
    at = to_rfc3339(BEGIN + round(minute * MINUTE))
    return {"type": "PRICE", "time": at, "tradeable": True, "bids": side, "asks": side}


@pytest.fixture
def feed_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench[Any]]:
    """Puts a feed on a bench, in front of a venue; its bars are minutes."""
    token = tmp_path / "token"
    token.write_text("secret")
    token.chmod(0o600)

    def made(venue: Venue, **params: Any) -> Bench[Any]:
        def reach(feed: OandaFeed) -> tuple[WebService, WebService]:
            transport = httpx.MockTransport(venue)
            api, streams = (feed.params.service(url, transport) for url in feed.params.addresses)
            return api, streams

        monkeypatch.setattr(OandaFeed, "reach", reach)
        usual = {"account": "1", "token_file": str(token), "bar": "1m", "request_timeout_s": 0.2}
        where = FeedAssignment(EUR_USD, Path("/"))
        return Bench(OandaFeed, usual | params, assignment=where, start_at=BEGIN)

    return made


async def until(bench: Bench[Any], said: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not said():
            await asyncio.sleep(0.002)  # noqa: TID251 - the machine's time
            await bench.advance(0)


async def test_bars_that_were_missed_are_fetched_and_told_in_order(
    feed_of: Callable[..., Bench[Any]],
) -> None:
    venue = Venue()
    venue.candles = [(-2, 1.0, True), (-1, 1.1, True), (0, 1.2, False)]
    async with feed_of(venue) as bench:
        assert [each.close for each in (await bench.ask(RecentBars("EUR/USD", 9))).bars] == [1.0, 1.1]
        venue.candles = [(0, 1.25, True), (1, 1.3, True), (2, 1.4, False)]
        venue.streams = [[price(2.5, 1.5), price(3.1, 1.6)]]
        await until(bench, lambda: bench.published(BarOpened))
        assert [(each.opened_at - BEGIN) // MINUTE for each in bench.published(Bar)] == [0, 1, 2]
        missed, _, seeded = bench.published(Bar)
        assert missed.close == 1.25
        assert (seeded.open, seeded.high, seeded.close, seeded.volume) == (1.4, 1.5, 1.5, 4.0)
        (opened,) = bench.published(BarOpened)
        assert opened == BarOpened("EUR/USD", BEGIN + 3 * MINUTE, 1.6)
        assert venue.asked[0]["count"] == "500"
        assert venue.asked[-1]["from"] == to_rfc3339(BEGIN)


async def test_a_bar_that_was_not_seen_whole_waits_for_the_venues_own(
    feed_of: Callable[..., Bench[Any]],
) -> None:
    venue = Venue()
    async with feed_of(venue, history_bars=0) as bench:
        venue.streams = [[price(0.2, 1.0)]]
        await until(bench, lambda: bench.published(Quote))
        await until(bench, lambda: not bench.actor.is_live)
        await bench.advance(70)
        assert bench.published(Bar) == []
        venue.candles = [(0, 1.7, True)]
        venue.streams = [[]]
        await until(bench, lambda: bench.published(Bar))
        (bar,) = bench.published(Bar)
        assert (bar.opened_at, bar.close) == (BEGIN, 1.7)
