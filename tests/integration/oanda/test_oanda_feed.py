"""Prices of a venue in another process: quotes as they come, bars of them, and what was missed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lts.domain.market import Bar, BarOpened, Instrument, Quote, RecentBars
from lts.kinds.feed import FeedAssignment
from lts.testing import Bench
from plugins.feed.oanda.plugin import OandaFeed
from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.4")

MINUTE = 60_000_000_000
Watching = Callable[..., Any]


@pytest.fixture
def watching(token_file: Path, eur_usd: Instrument) -> Watching:
    """Puts a feed on a bench, in front of a venue."""

    @asynccontextmanager
    async def watch(venue: VenueProcess, **params: Any) -> AsyncIterator[Bench[Any]]:
        usual = {
            "account": venue.account,
            "url": venue.url,
            "stream_url": venue.url,
            "token_file": str(token_file),
            "request_timeout_s": 1.0,
            "heartbeat_timeout_s": 1.0,
        }
        async with Bench(
            OandaFeed,
            usual | params,
            assignment=FeedAssignment(eur_usd, Path("/")),
            start_at=time.time_ns(),  # noqa: TID251 - the venue's time is the wall clock's
        ) as bench:
            yield bench

    return watch


async def until(bench: Bench[Any], said: Callable[[], Any], within_s: float = 10.0) -> Any:
    async with asyncio.timeout(within_s):
        while not (found := said()):
            await asyncio.sleep(0.005)  # noqa: TID251 - real time, as the venue's
            await bench.advance(0)
    return found


async def test_each_price_is_a_quote(venue: VenueProcess, watching: Watching) -> None:
    async with watching(venue) as bench:
        await until(bench, lambda: bench.published(Quote))
        venue.price("EUR_USD", "1.20000", "1.20020", liquidity="500")
        venue.price("USD_JPY", "151.000", "151.010")
        quote = await until(
            bench, lambda: next((each for each in bench.published(Quote) if each.bid == 1.2), None)
        )
        assert (quote.instrument, quote.ask, quote.bid_size, quote.ask_size) == ("EUR/USD", 1.2002, 500, 500)
        assert {each.instrument for each in bench.published(Quote)} == {"EUR/USD"}
        assert bench.published(BarOpened) == []


async def test_a_market_that_is_closed_has_no_quotes(venue: VenueProcess, watching: Watching) -> None:
    async with watching(venue) as bench:
        await until(bench, lambda: bench.published(Quote))
        venue.control("POST", "market", {"instrument": "EUR_USD", "tradeable": False})
        venue.price("EUR_USD", "1.30000", "1.30020")
        venue.control("POST", "market", {"instrument": "EUR_USD", "tradeable": True})
        venue.price("EUR_USD", "1.40000", "1.40020")
        await until(bench, lambda: bench.published(Quote)[-1].bid == 1.4)
        assert 1.3 not in {each.bid for each in bench.published(Quote)[:-2]}


async def test_bars_of_the_past_are_known_at_the_start_and_not_told(
    venue_of: Callable[..., VenueProcess], watching: Watching
) -> None:
    venue = venue_of("--history", "30")
    async with watching(venue, bar="1m", history_bars=20) as bench:
        history = await bench.ask(RecentBars("EUR/USD", 100))
        assert 19 <= len(history.bars) <= 20
        assert all(each.closed_at - each.opened_at == MINUTE for each in history.bars)
        assert history.cursor == history.bars[-1].closed_at
        await until(bench, lambda: bench.published(Quote))
        assert bench.published(Bar) == []


async def test_a_bar_closes_when_its_time_is_over_though_no_price_comes(
    venue: VenueProcess, watching: Watching
) -> None:
    async with watching(venue, bar="1h", history_bars=0) as bench:
        opened = (await until(bench, lambda: bench.published(BarOpened)))[0]
        venue.price("EUR_USD", "1.20000", "1.20020")
        await until(bench, lambda: bench.published(Quote)[-1].bid == 1.2)
        await bench.advance((opened.at + 60 * MINUTE - bench.now) / 1e9)
        (bar,) = bench.published(Bar)
        assert (bar.opened_at, bar.closed_at) == (opened.at, opened.at + 60 * MINUTE)
        assert (bar.open, bar.high, bar.low, bar.close) == (opened.open, 1.2001, opened.open, 1.2001)
        assert bench.now == bar.closed_at


async def test_a_silent_stream_is_a_dead_one_and_is_opened_again(
    venue: VenueProcess, watching: Watching
) -> None:
    async with watching(venue, heartbeat_timeout_s=0.8) as bench:
        await until(bench, lambda: bench.actor.is_live)
        venue.faults({"kind": "silent", "path": "pricing", "seconds": 1.2})
        await until(bench, lambda: not bench.actor.is_live)
        assert "silent" in bench.actor.trouble
        await until(bench, lambda: bench.actor.is_live)
        venue.price("EUR_USD", "1.25000", "1.25020")
        await until(bench, lambda: bench.published(Quote)[-1].bid == 1.25)


async def test_a_venue_that_is_down_at_the_start_is_waited_for(
    venue: VenueProcess, watching: Watching
) -> None:
    venue.kill()
    async with watching(venue, bar="1m") as bench:
        assert bench.state == "running"
        venue.start()
        await until(bench, lambda: bench.published(Quote))
