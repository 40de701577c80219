"""What every broker owes, by one whose venue is a process of its own."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import msgspec
import pytest

from bus import Message
from lts.domain.market import Bar, Quote
from lts.domain.order_flow import ExecutionReport
from lts.domain.reconciliation import CursorRecalled, RecallCursor, TransactionsSeen, VenueReported
from lts.testing import Bench, BrokerContract
from lts.testing.contract import run
from lts.testing.session import Session
from plugins.broker.oanda.plugin import OandaBroker
from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.5")

SAFELY_WITHIN_S = 20.0


class VenueBench(Bench[Any]):
    """A bench with a venue beside it: what the market does, happens there, and is waited for here."""

    async def __aenter__(self) -> Self:
        self.directory = TemporaryDirectory()
        self.venue = VenueProcess(Path(self.directory.name), "--heartbeat", "0.2").start()
        token = self.venue.directory / "token"
        token.write_text(self.venue.token)
        token.chmod(0o600)
        self._params = {
            **self._params,
            "url": self.venue.url,
            "stream_url": self.venue.url,
            "token_file": str(token),
        }
        self.answers[RecallCursor] = lambda _: CursorRecalled(self.cursor)
        await super().__aenter__()
        await self.until(lambda: self.published(VenueReported))
        return self

    async def __aexit__(self, *how: Any) -> None:  # noqa: PYI036 - passed on as it comes
        try:
            await super().__aexit__(*how)
        finally:
            self.venue.kill()
            self.directory.cleanup()

    @property
    def cursor(self) -> str:
        seen = self.published(TransactionsSeen)
        return seen[-1].cursor if seen else ""

    async def hear(self, *messages: Message) -> None:
        for message in messages:
            match message:
                case Quote(bid=bid, ask=ask):
                    self.quote((bid + ask) / 2)
                case Bar(close=close):
                    self.quote(close)
            await super().hear(message)
            await self.settled()

    async def restart(self, *meanwhile: Message) -> None:
        before = len(self.published(VenueReported))
        await super().restart(*meanwhile)
        await self.until(lambda: len(self.published(VenueReported)) > before)

    def quote(self, price: float) -> None:
        self.venue.price("XAU_USD", f"{price:.2f}", f"{price:.2f}")

    async def settled(self) -> None:
        """Wait until nothing is on its way, there or back."""
        await self.until(lambda: not len(self.actor.lanes))
        await self.until(lambda: self.cursor == self.venue.book()["lastTransactionID"])

    async def until(self, said: Any) -> None:
        async with asyncio.timeout(SAFELY_WITHIN_S):
            while not said():
                await asyncio.sleep(0.002)  # noqa: TID251 - real time, as the venue's
                await self.advance(0)


class TestOandaBroker(BrokerContract):
    """Days and dates pass by the venue's clock, and what is not there is not absent at once."""

    plugin = OandaBroker
    can = {"stop", "ioc", "fok", "reduce_only", "amend"}
    params = {
        "account": VenueProcess.account,
        "token_file": "/set/by/the/bench",
        "symbols": {"TEST": "XAU_USD"},
        "requests_per_s": 1000,
        "reconcile_every_s": 3600,
    }
    market = BrokerContract.market[:40]

    def bench(self, **how: Any) -> Bench[Any]:
        return VenueBench(self.plugin, **{"params": self.params, "assignment": self.assignment, **how})

    async def work(self, bench: Bench[Any]) -> list[Message]:
        """Trade; when it happened by the venue's clock is not the broker's doing."""
        return timeless(await super().work(bench))

    def test_a_session_gives_the_same_reports_each_time(self) -> None:
        """But for the time, which is the venue's."""

        async def scene(it: Session) -> list[Message]:
            await it.trade(self.market[:30], seed=4)
            return timeless(it.reports)

        first, second = run(self._play(scene)), run(self._play(scene))
        assert first
        assert first == second


def timeless(said: Any) -> list[Message]:
    return [
        msgspec.structs.replace(each, at=0) if isinstance(each, ExecutionReport) else each for each in said
    ]
