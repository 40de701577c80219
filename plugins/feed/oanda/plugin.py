"""Streams the prices of one instrument at OANDA, and makes bars of them."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from lts.sdk import (
    SECOND,
    Bar,
    Event,
    Feed,
    Unanswered,
    WebService,
    on,
    persist,
    to_rfc3339,
)

from .forming import Forming
from .params import OandaFeedParams
from .prices import bar_of, quote_of

REMEMBERED = 5_000
"""Bars that can be asked for."""
WARM_UP_S = 3.0
"""How long the start waits for bars of the past: strategies wait for them in turn."""
MOST = 5_000
"""Candles in one answer."""


class BarDue(Event):
    """A word of the feed to itself: the time of a bar is over."""

    closed_at: int


class OandaFeed(Feed[OandaFeedParams]):
    """Every price becomes a `Quote`, and their middle the bars, if a length of bars is named.

    What it missed while the stream was broken it fetches as candles. A stream that is silent is dead.
    """

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Fetch the bars of the past, if they can be had soon; then follow the stream for good."""
        self.symbol = self.instrument.symbol
        self.theirs = self.params.symbol or self.symbol.replace("/", "_")
        self.bars: deque[Bar] = deque(maxlen=REMEMBERED)
        self.forming = Forming(self.symbol, self.params.span)
        self.is_live = False
        self.trouble = ""
        self.told = self.due_at = 0
        self.api, self.streams = self.reach()
        async with self.api, self.streams:
            try:
                async with asyncio.timeout(WARM_UP_S):
                    await self.catch_up()
            except (Unanswered, TimeoutError) as trouble:
                self.note(str(trouble) or "no answer in time")
            self.background(persist(self.follow, Unanswered))
            yield

    def reach(self) -> tuple[WebService, WebService]:
        """Return the REST API and the streams of the venue."""
        api, streams = map(self.params.service, self.params.addresses)
        return api, streams

    @property
    def endless(self) -> bool:
        """A market goes on."""
        return True

    def progress(self) -> tuple[int, int | None]:
        """Return how many bars were published since the start."""
        return self.told, None

    def published(self, count: int) -> Sequence[Bar]:
        """Return the last bars, those from before the start included."""
        return list(self.bars)[max(0, len(self.bars) - count) :]

    async def follow(self) -> None:
        """Follow the prices until their stream breaks: listen first, then fetch what was missed."""
        path = f"/v3/accounts/{self.params.account}/pricing/stream"
        silence_s = self.params.heartbeat_timeout_s
        try:
            async with self.streams.listen(path, silence_s, instruments=self.theirs) as bursts:
                await self.catch_up()
                async for burst in bursts:
                    self.is_live, self.trouble = True, ""
                    await self.room()
                    for message in burst:
                        self.hear(message)
        except Unanswered as trouble:
            self.note(str(trouble))
            raise

    def hear(self, message: dict[str, Any]) -> None:
        """Publish a price, and what it does to the bars."""
        quote = quote_of(message, self.symbol)
        if quote is None:
            return
        self.publish(quote)
        if self.params.span:
            over, opened = self.forming.price(quote.at, (quote.bid + quote.ask) / 2)
            if over:
                self.tell(over)
            if opened:
                self.publish(opened)
            if self.forming.bar and self.forming.bar.closed_at != self.due_at:
                self.wait_for_the_close()

    @on
    def close(self, due: BarDue) -> None:
        """Publish the bar whose time is over; one that was not seen whole is fetched later."""
        if self.is_live and (over := self.forming.close(due.closed_at)):
            self.tell(over)

    def wait_for_the_close(self) -> None:
        """Have the bar that is forming closed in time, whether prices come or not."""
        if bar := self.forming.bar:
            self.due_at = bar.closed_at
            self.after(max(0, bar.closed_at - self.clock.now()) / SECOND, BarDue(bar.closed_at))

    async def catch_up(self) -> None:
        """Fetch the bars behind the last one known: at first those of the past, then what was missed."""
        if not self.params.span:
            return
        known = self.forming.known_to
        if not (known or self.params.history_bars):
            return
        since: dict[str, str | int] = {"from": to_rfc3339(known), "count": MOST}
        last: dict[str, str | int] = {"count": self.params.history_bars}
        answer = await self.api.question(
            f"/v3/instruments/{self.theirs}/candles",
            price="M",
            granularity=self.params.granularity,
            dailyAlignment=0,
            alignmentTimezone="UTC",
            **(since if known else last),
        )
        if not answer.is_yes:
            raise Unanswered(f"there are no candles: {answer.body.get('errorMessage', answer.status)}")
        for candle in answer.body["candles"]:
            self.take(bar_of(candle, self.symbol, self.params.span), past=not known, over=candle["complete"])
        self.wait_for_the_close()
        self.due_at = 0  # market time may be that of long ago: the next price knows better

    def take(self, bar: Bar, *, past: bool, over: bool) -> None:
        """Take in a bar as the venue has it: of the past it is known, later it is news."""
        if bar.opened_at < self.forming.free_from:
            return
        if not over:
            self.forming.replace(bar)
            return
        self.forming.skip(bar.closed_at)
        if past:
            self.bars.append(bar)
        else:
            self.tell(bar)

    def tell(self, bar: Bar) -> None:
        """Publish a bar, and remember it."""
        self.bars.append(bar)
        self.told += 1
        self.publish(bar)

    def note(self, trouble: str) -> None:
        """Say once that the prices are not there, and why."""
        self.is_live = False
        if trouble != self.trouble:
            self.trouble = trouble
            self.log.warning("no prices", instrument=self.symbol, reason=trouble)

    def debug_info(self) -> dict[str, Any]:
        """Whether prices come in, and how many bars are known."""
        return super().debug_info() | {"live": self.is_live, "trouble": self.trouble, "bars": len(self.bars)}
