"""Takes the market data of one instrument from an MQTT broker: of another node, or of outside sources."""

import asyncio
import ssl
from base64 import b64decode
from collections import Counter, deque
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from urllib.parse import quote

from lts.sdk import Bar, BarOpened, Feed, Quote, Refused, Trade, Unanswered, persist, read_secret

from .belief import Belief
from .messages import Unusable, told
from .params import MqttFeedParams

REMEMBERED = 5_000
"""Bars that can be asked for."""


class MqttFeed(Feed[MqttFeedParams]):
    """Every message that can be believed becomes a `Quote`, a `Trade` or a `Bar`; the others are counted."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Follow the topics for good; the start waits for no broker."""
        params = self.params
        self.symbol = self.instrument.symbol
        self.topics = f"{params.topics}/{quote(self.symbol, safe='')}/+"
        self.sources = frozenset(params.sources)
        self.keys = {source: b64decode(key) for source, key in params.keys.items()}
        self.belief = Belief(params.max_age_s, params.max_ahead_s, params.max_jump_pct)
        self.bars: deque[Bar] = deque(maxlen=REMEMBERED)
        self.refused: Counter[str] = Counter()
        self.is_live = False
        self.trouble = ""
        self.told = self.opened_from = 0
        self.password = read_secret(params.password_file, "password") if params.password_file else ""
        self.tls = await asyncio.to_thread(self.trust) if params.tls else None
        try:
            # Not at the top: whoever has no such feed needs no client of MQTT.
            from .line import line  # noqa: PLC0415
        except ModuleNotFoundError as missing:
            raise Refused(f"feed/mqtt needs {missing.name}; pip install 'lts[mqtt]'") from None
        self.line = line
        self.background(persist(self.follow, Unanswered))
        yield

    def trust(self) -> ssl.SSLContext:
        """Return whom we believe to be the broker. Blocks.

        Raises:
            Refused: the file of those who vouch for it cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=self.params.ca or None)
        except OSError as error:
            raise Refused(f"{self.params.ca}: it cannot be read as certificates: {error}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    @property
    def endless(self) -> bool:
        """A market goes on."""
        return True

    def progress(self) -> tuple[int, int | None]:
        """Return how many bars were published since the start."""
        return self.told, None

    def published(self, count: int) -> Sequence[Bar]:
        """Return the last bars that came."""
        return list(self.bars)[max(0, len(self.bars) - count) :]

    async def follow(self) -> None:
        """Take what comes until the line is lost."""
        params = self.params
        try:
            async with self.line(
                params.host,
                params.port,
                self.topics,
                protocol=params.protocol,
                user=params.user,
                password=self.password,
                tls=self.tls,
            ) as messages:
                self.is_live, self.trouble = True, ""
                async for message in messages:
                    await self.room()
                    self.hear(str(message.topic), message.payload or b"")
        except Unanswered as trouble:
            self.note(str(trouble))
            raise

    def hear(self, topic: str, payload: Any) -> None:
        """Publish what a message tells, if it can be believed."""
        try:
            found = told(topic, payload, self.symbol, self.sources, self.keys)
            self.belief.take(found, self.system.now())
        except Unusable as why:
            self.refused[str(why)] += 1
            return
        match found.event:
            case Bar():
                self.tell_bar(found.event)
            case Quote() as event:
                self.tell(event, (event.bid + event.ask) / 2)
            case Trade() as event:
                self.tell(event, event.price)

    def tell(self, event: Quote | Trade, price: float) -> None:
        """Publish a price; the first one after a bar opens the next."""
        if self.bars and self.opened_from < self.bars[-1].closed_at <= event.at:
            self.opened_from = event.at
            self.publish(BarOpened(self.symbol, event.at, price))
        self.publish(event)

    def tell_bar(self, bar: Bar) -> None:
        """Publish a bar, and that it opened if no price has said so."""
        if self.opened_from < bar.opened_at:
            self.opened_from = bar.opened_at
            self.publish(BarOpened(self.symbol, bar.opened_at, bar.open))
        self.bars.append(bar)
        self.told += 1
        self.publish(bar)

    def note(self, trouble: str) -> None:
        """Say once that nothing comes, and why."""
        self.is_live = False
        if trouble != self.trouble:
            self.trouble = trouble
            self.log.warning("no prices", instrument=self.symbol, reason=trouble)

    def debug_info(self) -> dict[str, Any]:
        """Whether it hears anything, and what of it was not taken."""
        more = {"live": self.is_live, "trouble": self.trouble, "bars": len(self.bars)}
        return super().debug_info() | more | {"missed": self.belief.missed, "refused": dict(self.refused)}
