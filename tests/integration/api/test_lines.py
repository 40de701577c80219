"""The stream as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from actors.api.stream import lines
from bus import pause
from lts.domain.access import AccessChanged
from lts.domain.market import Quote, Trade
from lts.domain.order_flow import OrderFilled
from lts.domain.order_status import OrderStatus
from tests.api import NOW, Scene, fill_of

pytestmark = pytest.mark.requirement("INT-014", "INT-024", "INT-025")

PATH = "/api/v1/stream/events"


def as_(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{who}"}


async def events(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Yield what is told, each with its id."""
    fields: dict[str, str] = {}
    async with asyncio.timeout(5):
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
            elif "data" in fields:
                yield {**json.loads(fields["data"]), "id": fields.get("id")}
                fields = {}


async def test_a_script_reads_what_is_so_and_then_what_happens(api: Scene) -> None:
    await api.publish(Quote("SP500", NOW, 1.0, 2.0, 3.0, 4.0))
    wanted = {"subscribe": "quotes:SP500,fills:main"}
    async with api.client.stream("GET", PATH, params=wanted, headers=as_("alice")) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        told = events(answer)
        heard = [await anext(told) for _ in range(3)]
        assert [each["type"] for each in heard] == ["snapshot", "subscribed", "subscribed"]
        filled = OrderFilled("main", fill_of("main"), OrderStatus.FILLED)
        number = api.archive.write(filled, "main")
        await api.publish(filled)
        event = await anext(told)
        assert (event["id"], event["seq"], event["topic"]) == (str(number), number, "fills")
        await api.publish(AccessChanged("alice"))
        assert [each["reason"] async for each in told] == ["access-ended"]
    assert not len(api.api.port.streams)


async def test_a_script_that_comes_back_misses_nothing_of_what_is_journalled(api: Scene) -> None:
    filled = OrderFilled("main", fill_of("main"), OrderStatus.FILLED)
    first, second = api.archive.write(filled, "main"), api.archive.write(filled, "main")
    params = {"subscribe": "fills", "once": "true"}
    headers = {**as_("alice"), "Last-Event-ID": str(first)}
    async with api.client.stream("GET", PATH, params=params, headers=headers) as answer:
        heard = [each async for each in events(answer)]
    assert [(each["type"], each["id"]) for each in heard] == [("event", str(second)), ("subscribed", None)]
    assert not len(api.api.port.streams)


async def test_what_cannot_be_followed_is_refused_before_it_begins(api: Scene) -> None:
    for query, status in (
        ("", 422),
        ("?subscribe=shouts", 404),
        ("?subscribe=fills:other", 404),
        ("?subscribe=alerts", 403),
        ("?subscribe=fills&after=-1", 422),
        ("?subscribe=%00", 422),
    ):
        answer = await api.client.get(PATH + query, headers=as_("alice"))
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    answer = await api.client.get(f"{PATH}?subscribe=bars", headers={**as_("alice"), "Last-Event-ID": "x"})
    assert answer.status_code == 422


async def test_a_script_that_takes_nothing_is_cut_off(api: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "STALL_S", 0.3)
    reading, writing = await asyncio.open_connection(*api.api.service.url[7:].split(":"), limit=1_024)
    head = f"GET {PATH}?subscribe=trades HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer token-of-alice"
    writing.write(f"{head}\r\n\r\n".encode())
    await reading.readline()
    for sent in range(900):
        await api.publish(Trade("SP500", NOW, 1.0, 1.0, f"{'x' * 50_000}{sent}"))
        await pause(0.005)
        if sent > 5 and not len(api.api.port.streams):
            break
    assert not len(api.api.port.streams)
    writing.close()
