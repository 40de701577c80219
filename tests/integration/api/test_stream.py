"""The stream, read by real clients over real sockets."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from actors.api.params import ApiLimits
from actors.api.stream import socket as door
from bus import Pressure, PressureChanged, pause
from lts.domain.access import AccessChanged
from lts.domain.fills import Fill
from lts.domain.market import Quote, Trade
from lts.domain.order_flow import OrderFilled
from lts.domain.order_status import OrderStatus
from lts.domain.positions import Position, PositionChanged
from lts.domain.risk import LimitBreached, TradingState
from tests.api import NOW, Scene, fill_of

pytestmark = pytest.mark.requirement("INT-014", "INT-024", "INT-025")


@asynccontextmanager
async def stream(api: Scene, who: str, **how: Any) -> AsyncGenerator[ClientConnection, None]:
    """Open a stream as somebody."""
    ticket = (await api.ask("POST", "/api/v1/auth/stream-ticket", who)).json()["ticket"]
    async with websockets.connect(address(api, ticket), close_timeout=0.2, **how) as it:
        yield it


def address(api: Scene, ticket: str, path: str = "/api/v1/stream") -> str:
    return f"{api.api.service.url.replace('http', 'ws')}{path}?ticket={ticket}"


async def told(it: ClientConnection) -> dict[str, Any]:
    """The next message."""
    async with asyncio.timeout(5):
        message: dict[str, Any] = json.loads(await it.recv())
        return message


async def follow(it: ClientConnection, topic: str, *keys: str, **more: Any) -> list[dict[str, Any]]:
    """Subscribe; return all that is told up to the answer."""
    await it.send(json.dumps({"type": "subscribe", "topic": topic, "keys": keys, **more}))
    heard = [await told(it)]
    while heard[-1]["type"] not in {"subscribed", "refused", "gone"}:
        heard.append(await told(it))
    return heard


async def end_of(it: ClientConnection) -> tuple[dict[str, Any], int]:
    """The last words of a stream, and the code that it is closed with."""
    last: dict[str, Any] = {}
    try:
        while True:
            last = await told(it)
    except websockets.ConnectionClosed as closed:
        return last, closed.rcvd.code if closed.rcvd else 0


def fill(portfolio: str, number: int) -> OrderFilled:
    one: Fill = fill_of(portfolio)
    return OrderFilled(portfolio, one, OrderStatus(f"{'partially_' if number else ''}filled"))


async def test_quotes_come_as_they_are_now_and_then_as_they_change(api: Scene) -> None:
    await api.publish(Quote("SP500", NOW, 1.0, 2.0, 3.0, 4.0))
    async with stream(api, "vera") as it:
        snapshot, answer = await follow(it, "quotes", "SP500", id="q")
        assert (snapshot["type"], snapshot["seq"], snapshot["data"]["bid"]) == ("snapshot", 1, 1.0)
        assert answer == {"type": "subscribed", "id": "q", "topic": "quotes", "keys": ["SP500"]}
        await api.publish(Quote("SP500", NOW, 1.5, 2.0, 3.0, 4.0))
        await api.publish(Quote("BTC/USD", NOW, 1.0, 2.0, 3.0, 4.0))
        event = await told(it)
        assert (event["type"], event["key"], event["seq"], event["data"]["bid"]) == ("event", "SP500", 2, 1.5)
        await it.send('{"type": "unsubscribe", "topic": "quotes"}')
        assert (await follow(it, "trades", "SP500"))[-1]["type"] == "subscribed"
        await api.publish(Quote("SP500", NOW, 9.0, 2.0, 3.0, 4.0))
        await api.publish(Trade("SP500", NOW, 7.0, 1.0))
        assert (await told(it))["data"]["price"] == 7.0


async def test_what_is_journalled_is_told_by_its_number_and_resumed_by_it(api: Scene) -> None:
    first = api.archive.write(fill("main", 0), "main")
    async with stream(api, "alice") as it:
        assert len(await follow(it, "fills", "main")) == 1
        api.archive.write(fill("other", 0), "other")
        second = api.archive.write(fill("main", 1), "main")
        await api.publish(fill("main", 1))
        event = await told(it)
        assert (event["seq"], event["data"]["type"]) == (second, "OrderFilled/1")
        assert event["data"]["body"]["fill"]["price"] == "2.50"
    third = api.archive.write(fill("main", 2), "main")
    async with stream(api, "alice") as it:
        *missed, _ = await follow(it, "fills", "main", after=first)
        assert [each["seq"] for each in missed] == [second, third]
        fourth = api.archive.write(fill("main", 3), "main")
        await api.publish(fill("main", 3))
        assert (await told(it))["seq"] == fourth


async def test_who_has_what_is_not_kept_any_more_is_told_where_to_begin(api: Scene) -> None:
    api.archive.begin = 10
    async with stream(api, "alice") as it:
        for number in (3, 11, 2**62):
            (gone,) = await follow(it, "fills", "main", after=number)
            assert (gone["type"], gone["begin"]) == ("gone", 10)
        assert (await follow(it, "fills", "main", after=10))[-1]["type"] == "subscribed"


async def test_orders_positions_and_accounts_begin_with_what_is_so(api: Scene) -> None:
    async with stream(api, "alice") as it:
        orders = await follow(it, "orders", "main")
        assert orders[0]["data"][0]["id"] == "main-SP500-000001"
        (held, _) = await follow(it, "positions")
        assert (held["key"], held["data"][0]["quantity"]) == ("main", "30")
        (account, _) = await follow(it, "account", "main")
        assert account["data"]["equity"] == "1010.5"
        await api.publish(PositionChanged("main", Position("main", "SP500"), fill_of("main").price, NOW))
        changed = await told(it)
        assert (changed["topic"], changed["data"]["quantity"]) == ("positions", "0")


async def test_a_reader_gets_nothing_of_what_is_others_and_all_are_told_the_same(api: Scene) -> None:
    async with stream(api, "bob") as it:
        for topic, keys in (
            ("fills", ["main"]),
            ("account", ["main"]),
            ("fills", ["nobodys"]),
            ("quotes", ["X"]),
        ):
            (answer,) = await follow(it, topic, *keys)
            assert (answer["type"], answer["problem"]) == ("refused", "not-found")
        (answer,) = await follow(it, "alerts")
        assert answer["problem"] == "forbidden"
        assert (await follow(it, "fills"))[-1]["keys"] == ["other"]


async def test_who_follows_what_is_others_has_it_recorded_or_does_not_follow(api: Scene) -> None:
    async with stream(api, "ada") as it:
        assert (await follow(it, "fills", "main", "adas"))[-1]["type"] == "subscribed"
        (performed,) = api.house.recorded
        assert [(each.subject, each.key) for each in performed.commands] == [("stream of fills", ("main",))]
        api.house.recording = False
        assert (await follow(it, "fills", "main"))[-1]["problem"] == "unavailable"


async def test_alerts_are_told_to_those_who_look_after_the_system(api: Scene) -> None:
    async with stream(api, "ada") as it:
        await follow(it, "alerts")
        await api.publish(LimitBreached("user:bob", TradingState.REDUCING, "too much lost", NOW))
        data = {"type": "LimitBreached/1", "about": "user:bob", "reason": "too much lost"}
        assert (await told(it))["data"] == data


async def test_what_is_no_message_is_refused_and_the_stream_goes_on(api: Scene) -> None:
    bad = ("", "[]", "{", '{"type":"shout"}', '{"type":"subscribe"}', '{"type":"subscribe","topic":1}')
    async with stream(api, "alice") as it:
        for message in (*bad, b"\xff", f'{{"type":{"[" * 20_000}'):
            await it.send(message)
            assert (await told(it))["problem"] == "malformed"
        assert (await follow(it, "bars"))[-1]["type"] == "subscribed"


async def test_a_ticket_lets_one_stream_in(api: Scene) -> None:
    ticket = (await api.ask("POST", "/api/v1/auth/stream-ticket", "alice")).json()["ticket"]
    async with websockets.connect(address(api, ticket)):
        for bad in (ticket, "", "nonsense", f"{ticket}&ticket={ticket}"):
            assert await refusal(address(api, bad)) == (401, "unauthenticated")
    assert await refusal(address(api, ticket, "/api/v1/elsewhere")) == (404, "not-found")


@pytest.mark.parametrize(
    "left_out", ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
)
async def test_what_is_no_handshake_is_answered_by_a_problem(api: Scene, left_out: str) -> None:
    head = [
        "GET /api/v1/stream HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    head.remove(left_out)
    port = int(api.api.service.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(("\r\n".join(head) + "\r\n\r\n").encode())
    async with asyncio.timeout(5):
        answered, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answered
    assert b"x-content-type-options: nosniff" in answered.lower()
    assert json.loads(body)["type"] == "urn:lts:problem:malformed"
    assert json.loads(body)["correlation_id"].encode() in answered


async def test_who_has_too_many_streams_is_told_when_to_come_again(api: Scene) -> None:
    tickets = [
        (await api.ask("POST", "/api/v1/auth/stream-ticket", "alice")).json()["ticket"] for _ in range(2)
    ]
    api.api.port.streams._limits = ApiLimits(streams=3, streams_each=1)
    async with websockets.connect(address(api, tickets[0])):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(address(api, tickets[1]))
    answer = refused.value.response
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_pages_of_other_sites_and_other_hosts_are_not_let_in(api: Scene) -> None:
    ticket = (await api.ask("POST", "/api/v1/auth/stream-ticket", "alice")).json()["ticket"]
    url = address(api, ticket)
    assert await refusal(url, origin="https://evil.example") == (403, "forbidden")
    port = int(api.api.service.url.rpartition(":")[2])
    evil = url.replace("127.0.0.1", "evil.example")
    assert await refusal(evil, host="127.0.0.1", port=port) == (421, "misdirected")
    async with websockets.connect(url, origin=api.api.service.url) as it:
        assert (await follow(it, "bars"))[-1]["type"] == "subscribed"


async def test_no_stream_is_opened_while_there_is_too_much_to_do(api: Scene) -> None:
    ticket = (await api.ask("POST", "/api/v1/auth/stream-ticket", "alice")).json()["ticket"]
    await api.publish(PressureChanged("desk", Pressure.HARD, 100))
    assert await refusal(address(api, ticket)) == (503, "unavailable")


async def test_a_stream_ends_within_a_second_when_its_user_is_shut_out(api: Scene) -> None:
    async with stream(api, "alice") as it, stream(api, "bob") as other:
        await follow(it, "bars")
        began = time.monotonic()
        await api.publish(AccessChanged("alice"))
        last, code = await end_of(it)
        assert (last["reason"], code) == ("access-ended", 4401)
        assert time.monotonic() - began < 1
        assert (await follow(other, "bars"))[-1]["type"] == "subscribed"


async def test_a_stream_outlives_the_token_that_it_began_with_only_by_another_ticket(
    api: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "PING_S", 0.1)
    api.registry.expires_at = api.api.system.now() + 1_000_000_000
    async with stream(api, "alice") as it, stream(api, "bob") as other:
        api.registry.expires_at += 3_600_000_000_000
        api.api.port.identities.forget(AccessChanged("alice"))
        ticket = (await api.ask("POST", "/api/v1/auth/stream-ticket", "alice")).json()["ticket"]
        await it.send(json.dumps({"type": "renew", "ticket": ticket}))
        assert await told(it) == {"type": "renewed"}
        last, code = await end_of(other)
        assert (last["reason"], code) == ("access-expired", 4402)
        await it.send(json.dumps({"type": "renew", "ticket": ticket}))
        assert (await told(it))["problem"] == "unauthenticated"


async def test_who_answers_no_ping_is_dropped(api: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "PING_S", 0.05)
    async with stream(api, "alice") as it, stream(api, "bob") as healthy:
        it.transport.pause_reading()
        await pause(0.4)
        assert len(api.api.port.streams) == 1
        it.transport.resume_reading()
        last, code = await end_of(it)
        assert (last["reason"], code) == ("silent", 4410)
        assert (await follow(healthy, "bars"))[-1]["type"] == "subscribed"


async def test_who_takes_nothing_is_dropped_and_others_do_not_notice(
    api: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "STALL_S", 0.3)
    async with stream(api, "alice") as it, stream(api, "bob", max_queue=None) as healthy:
        await follow(it, "trades", "SP500")
        await follow(healthy, "trades", "SP500")
        it.transport.pause_reading()
        padding, sent = "x" * 50_000, 0
        while len(api.api.port.streams) == 2 and sent < 900:
            sent += 1
            await api.publish(Trade("SP500", NOW, 1.0, 1.0, f"{padding}{sent}"))
            await pause(0.005)
        assert len(api.api.port.streams) == 1
        assert [(await told(healthy))["seq"] for _ in range(sent)] == list(range(1, sent + 1))
        it.transport.resume_reading()
        last, code = await end_of(it)
        assert (last["reason"], code) in {("stalled", 4409), ("too-slow", 4408)}


async def test_all_streams_end_in_good_order_when_the_api_stops(api: Scene) -> None:
    async with stream(api, "alice") as it:
        await follow(it, "bars")
        began = time.monotonic()
        await api.bus.stop()
        last, code = await end_of(it)
        assert (last["reason"], code) == ("stopping", 1001)
        assert time.monotonic() - began < 3


async def refusal(url: str, **how: Any) -> tuple[int, str]:
    """How a stream is refused: the status, and the last part of the problem's type."""
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(url, **how)
    answer = refused.value.response
    assert answer.body is not None
    return answer.status_code, json.loads(answer.body)["type"].rpartition(":")[2]
