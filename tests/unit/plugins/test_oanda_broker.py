"""What an answer to an order means, and what does not count as one."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from lts.domain.journal import OrdersRecalled, RecallOrders
from lts.domain.market import Instrument
from lts.domain.order_flow import ExecType, ExecutionReport, PlaceOrder
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Side
from lts.domain.reconciliation import CursorRecalled, RecallCursor
from lts.kinds.broker import BrokerAssignment
from lts.refusal import Refused
from lts.testing import Bench, limit_order
from plugins.broker.oanda.account import Account
from plugins.broker.oanda.plugin import OandaBroker

pytestmark = pytest.mark.requirement("INT-4.5")

EUR_USD = Instrument("EUR/USD", "USD", Decimal("0.00001"), Decimal(1))
ORDER = limit_order(Side.BUY, 10, "1.05", instrument="EUR/USD")
TOLD = {
    "id": "12",
    "type": "LIMIT_ORDER",
    "time": "2020-01-01T00:00:00Z",
    "clientExtensions": {"id": "test-EUR~USD-000001"},
    "price": "1.05",
    "units": "10",
}
REJECTED = TOLD | {"type": "LIMIT_ORDER_REJECT", "rejectReason": "PRICE_INVALID"}
TAKEN = REJECTED | {"rejectReason": "CLIENT_ORDER_ID_ALREADY_EXISTS"}
Handler = Callable[[httpx.Request], httpx.Response]


class Venue:
    """Answers an order as a test wants it, and nothing else at all."""

    def __init__(self, answer: httpx.Response | Exception) -> None:
        self.answer = answer
        self.posted: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method != "POST":
            raise httpx.ConnectError("the venue answers orders alone")
        assert request.headers["Authorization"] == "Bearer secret"
        self.posted.append(json.loads(request.content))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("secret\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def open_file(token_file: Path) -> None:
    token_file.chmod(0o644)


@pytest.fixture
def broker_of(token_file: Path) -> Callable[..., Any]:
    """Puts a broker on a bench in front of a handler of its requests; its cursor stands at 11."""

    @asynccontextmanager
    async def made(
        handler: Handler, instrument: Instrument = EUR_USD, **params: Any
    ) -> AsyncIterator[Bench[Any]]:
        class Reached(OandaBroker):
            def reach(self) -> Account:
                transport = httpx.MockTransport(handler)
                api, streams = (self.params.service(url, transport) for url in self.params.addresses)
                return Account(self.params.account, api, streams, self.params.insist_s)

        usual = {"account": "1-2-3", "token_file": str(token_file), "request_timeout_s": 0.2}
        local = {"url": "http://localhost:1", "stream_url": "http://localhost:1"}
        async with Bench(
            Reached,
            usual | local | params,
            assignment=BrokerAssignment("test", {"EUR/USD": instrument}),
            answers={RecallCursor: CursorRecalled("11")},
        ) as bench:
            yield bench

    return made


async def settled(bench: Bench[Any]) -> list[ExecutionReport]:
    async with asyncio.timeout(5):
        while len(bench.actor.lanes):
            await asyncio.sleep(0.001)  # noqa: TID251 - time-outs are the machine's
            await bench.advance(0)
    return bench.published(ExecutionReport)


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (httpx.Response(201, json={"orderCreateTransaction": TOLD}), ExecType.ACCEPTED, ""),
        (httpx.Response(400, json={"orderRejectTransaction": REJECTED}), ExecType.REJECTED, "PRICE_INVALID"),
        (httpx.Response(400, json={"orderRejectTransaction": TAKEN}), ExecType.UNKNOWN, "already"),
        (
            httpx.Response(400, json={"errorMessage": "Invalid units"}),
            ExecType.REJECTED,
            "Invalid units (400)",
        ),
        (httpx.Response(401, json={"errorMessage": "Insufficient"}), ExecType.REJECTED, "(401)"),
        (httpx.Response(429, json={"errorMessage": "Too many"}), ExecType.REJECTED, "Too many (429)"),
        (httpx.Response(429, text="slow down"), ExecType.UNKNOWN, "429"),
        (httpx.Response(403, text="<html>a proxy</html>"), ExecType.UNKNOWN, "403"),
        (httpx.Response(408, json={"errorMessage": "Timeout"}), ExecType.UNKNOWN, "408"),
        (httpx.Response(500, json={"errorMessage": "Internal"}), ExecType.UNKNOWN, "500"),
        (httpx.Response(503, json={"errorMessage": "Maintenance"}), ExecType.UNKNOWN, "503"),
        (httpx.Response(302, headers={"location": "/elsewhere"}), ExecType.UNKNOWN, "302"),
        (httpx.Response(201, json={}), ExecType.UNKNOWN, "does not say to what"),
        (httpx.Response(201, text="{"), ExecType.UNKNOWN, "nothing that makes sense"),
        (httpx.Response(201, text="[]"), ExecType.UNKNOWN, "nothing that makes sense"),
        (httpx.ReadTimeout("late"), ExecType.UNKNOWN, "ReadTimeout"),
        (httpx.ConnectError("refused"), ExecType.UNKNOWN, "ConnectError"),
        (httpx.RemoteProtocolError("cut"), ExecType.UNKNOWN, "RemoteProtocolError"),
    ],
    ids=str,
)
async def test_only_what_the_venue_says_itself_is_an_answer(
    broker_of: Callable[..., Any], answer: Any, kind: ExecType, reason: str
) -> None:
    venue = Venue(answer)
    async with broker_of(venue) as bench:
        await bench.hear(PlaceOrder("test", ORDER))
        (report,) = await settled(bench)
        assert report.kind is kind
        assert reason in report.reason
        assert len(venue.posted) == 1


async def test_an_answer_that_takes_too_long_is_none(broker_of: Callable[..., Any]) -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        del request
        await asyncio.sleep(60)  # noqa: TID251 - the machine's time
        raise AssertionError

    async with broker_of(slow) as bench:
        await bench.hear(PlaceOrder("test", ORDER))
        (report,) = await settled(bench)
        assert (report.kind, report.reason) == (ExecType.UNKNOWN, "no answer: the time is over")


async def test_an_order_is_not_sent_twice(broker_of: Callable[..., Any]) -> None:
    venue = Venue(httpx.ReadTimeout("late"))
    async with broker_of(venue, request_timeout_s=0.1) as bench:
        await bench.hear(PlaceOrder("test", ORDER))
        await settled(bench)
        await bench.hear(PlaceOrder("test", ORDER))
        reports = await settled(bench)
        assert len(venue.posted) == 1
        assert {each.kind for each in reports} == {ExecType.UNKNOWN}


async def test_an_order_that_awaits_an_answer_when_its_broker_starts_anew_is_unknown(
    broker_of: Callable[..., Any],
) -> None:
    forever = asyncio.Event()

    async def silent(request: httpx.Request) -> httpx.Response:
        await forever.wait()
        raise httpx.ReadTimeout("late", request=request)

    async with broker_of(silent, request_timeout_s=5) as bench:
        await bench.hear(PlaceOrder("test", ORDER))
        record = OrderRecord(ORDER)
        record.advance(OrderStatus.SUBMITTED, ORDER.created_at)
        bench.answers[RecallOrders] = OrdersRecalled((record,))
        await bench.restart()
        (report,) = bench.published(ExecutionReport)
        assert (report.kind, report.client_order_id) == (ExecType.UNKNOWN, ORDER.client_order_id)


async def test_orders_of_a_replay_do_not_go_to_a_real_venue(broker_of: Callable[..., Any]) -> None:
    with pytest.raises(Refused, match="market time is not the present"):
        async with broker_of(Venue(AssertionError()), url=None, stream_url=None):
            pass


async def test_contracts_of_several_units_are_refused(broker_of: Callable[..., Any]) -> None:
    contract = msgspec.structs.replace(EUR_USD, multiplier=Decimal(100))
    with pytest.raises(Refused, match="has a multiplier"):
        async with broker_of(Venue(AssertionError()), contract):
            pass


@pytest.mark.usefixtures("open_file")
async def test_a_token_that_others_can_read_is_refused(broker_of: Callable[..., Any]) -> None:
    with pytest.raises(Refused, match="mode 0644") as refused:
        async with broker_of(Venue(AssertionError())):
            pass
    assert "secret" not in str(refused.value)


async def test_orders_are_sent_beside_each_other_and_those_of_one_in_turn(
    broker_of: Callable[..., Any],
) -> None:
    under_way, most = 0, 0

    async def venue(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        if request.method == "GET":
            raise httpx.ConnectError("nothing is told")
        under_way, most = under_way + 1, max(most, under_way + 1)
        await asyncio.sleep(0.02)  # noqa: TID251 - the machine's time
        under_way -= 1
        return httpx.Response(429, json={"errorMessage": "no"})

    async with broker_of(venue) as bench:
        for number in range(8):
            order = msgspec.structs.replace(ORDER, client_order_id=f"test-{number}")
            await bench.hear(PlaceOrder("test", ApprovedOrder.of(order)))
        await settled(bench)
        assert most == 8
