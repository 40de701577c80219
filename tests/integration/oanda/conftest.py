"""The OANDA plugins on a bench, and a venue in a process of its own for them to talk to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from lts.domain.journal import RecallOrders
from lts.domain.market import Instrument
from lts.domain.order_flow import (
    AmendOrder,
    ExecType,
    ExecutionReport,
    PlaceOrder,
    QueryOrder,
    WithdrawOrder,
)
from lts.domain.orders import ApprovedOrder, OrderType, Side, Terms, TimeInForce
from lts.domain.reconciliation import (
    CursorRecalled,
    RecallCursor,
    TransactionsSeen,
    VenueLost,
    VenueReported,
)
from lts.kinds.broker import BrokerAssignment
from lts.testing import Bench
from plugins.broker.oanda.plugin import OandaBroker
from tests.venues.process import VenueProcess

EUR_USD = Instrument("EUR/USD", "USD", tick_size=Decimal("0.00001"), lot_size=Decimal(1))
IN_TIME_S = 10.0


class Trader:
    """A broker on a bench, real time, and who gives it orders."""

    def __init__(self, bench: Bench[Any]) -> None:
        self.bench = bench
        self.numbers = count(1)

    async def until(self, said: Callable[[], Any], within_s: float = IN_TIME_S) -> Any:
        """Wait until something is so."""
        async with asyncio.timeout(within_s):
            while not (found := said()):
                await asyncio.sleep(0.005)  # noqa: TID251 - real time, as the venue's
                await self.bench.advance(0)
        return found

    async def ready(self, times: int = 1) -> VenueReported:
        """Wait until the venue has been reported so often."""
        await self.until(lambda: len(self.stock) >= times)
        return self.stock[-1]

    def order(self, side: Side = Side.BUY, quantity: int | str = 100, **more: Any) -> ApprovedOrder:
        """Make an order, by default at the market; with a `limit_price` it is a limit order."""
        kind = OrderType.LIMIT if "limit_price" in more else OrderType.MARKET
        parts: dict[str, Any] = {
            "client_order_id": f"test-EUR/USD-{next(self.numbers):06d}",
            "portfolio": "test",
            "instrument": "EUR/USD",
            "broker": "test",
            "side": side,
            "quantity": Decimal(quantity),
            "type": kind,
            "limit_price": None,
            "time_in_force": TimeInForce.GTC,
            "created_at": self.bench.now,
        }
        return ApprovedOrder(**parts | more)

    async def place(self, order: ApprovedOrder) -> ApprovedOrder:
        await self.bench.hear(PlaceOrder("test", order))
        return order

    async def withdraw(self, order: ApprovedOrder) -> None:
        await self.bench.hear(WithdrawOrder("test", order.client_order_id))

    async def amend(self, order: ApprovedOrder, terms: Terms) -> None:
        await self.bench.hear(AmendOrder("test", order.client_order_id, terms))

    async def query(self, order: ApprovedOrder) -> None:
        await self.bench.hear(QueryOrder("test", order.client_order_id))

    def reports(self, order: ApprovedOrder) -> list[ExecutionReport]:
        said = self.bench.published(ExecutionReport)
        return [each for each in said if each.client_order_id == order.client_order_id]

    def kinds(self, order: ApprovedOrder) -> list[ExecType]:
        return [each.kind for each in self.reports(order)]

    async def told(self, order: ApprovedOrder, kind: ExecType, times: int = 1) -> ExecutionReport:
        """Wait until something has been reported of an order so often."""
        await self.until(lambda: self.kinds(order).count(kind) >= times)
        return [each for each in self.reports(order) if each.kind is kind][-1]

    @property
    def stock(self) -> list[VenueReported]:
        return self.bench.published(VenueReported)

    @property
    def cursor(self) -> str:
        return self.bench.published(TransactionsSeen)[-1].cursor

    @property
    def losses(self) -> list[str]:
        return [each.reason for each in self.bench.published(VenueLost)]


@pytest.fixture
def eur_usd() -> Instrument:
    return EUR_USD


@pytest.fixture
def venue_of(tmp_path: Path) -> Iterator[Callable[..., VenueProcess]]:
    """Starts a venue with options of one's own."""
    directory = tmp_path / "venue"
    directory.mkdir()
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(VenueProcess(directory, "--heartbeat", "0.3", *options))


@pytest.fixture
def venue(venue_of: Callable[..., VenueProcess]) -> VenueProcess:
    return venue_of()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(VenueProcess.token + "\n", encoding="ascii")
    file.chmod(0o600)
    return file


Trading = Callable[..., Any]


@pytest.fixture
def trading(venue: VenueProcess, token_file: Path) -> Trading:
    """Puts a broker on a bench; `params` and what it recalls can be other than usual."""

    @asynccontextmanager
    async def trade(
        *, cursor: str = "", recalled: Any = None, restarts: Any = None, **params: Any
    ) -> AsyncIterator[Trader]:
        usual = {
            "account": venue.account,
            "url": venue.url,
            "stream_url": venue.url,
            "token_file": str(token_file),
            "request_timeout_s": 1.0,
            "request_lifetime_s": 1.5,
            "reconcile_every_s": 60.0,
            "heartbeat_timeout_s": 1.0,
        }
        answers: dict[Any, Any] = {RecallCursor: CursorRecalled(cursor)}
        if recalled is not None:
            answers[RecallOrders] = recalled
        async with Bench(
            OandaBroker,
            usual | params,
            assignment=BrokerAssignment("test", {"EUR/USD": EUR_USD}),
            answers=answers,
            supervision=restarts,
        ) as bench:
            yield Trader(bench)

    return trade
