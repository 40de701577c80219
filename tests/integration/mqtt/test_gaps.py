"""What a broker forgets when it is killed: a subscriber sees it by the numbers, and fetches it over HTTP."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actors.mqtt.actor import Mqtt
from actors.mqtt.cursor import read_cursor
from actors.mqtt.params import MqttAssignment, MqttParams
from bus import pause
from lts.domain.order_flow import OrderChanged
from lts.domain.order_status import OrderStatus
from tests.api import NOW, Scene, scene
from tests.brokers import MOSQUITTO, Subscriber, broker

pytestmark = [
    pytest.mark.requirement("INT-4.5", "LTS-003"),
    pytest.mark.skipif(not MOSQUITTO, reason="Mosquitto is not installed"),
]
TOPIC = "lts/v1/lts/portfolio/main/order"
SETTINGS = "allow_anonymous true\nautosave_interval 0\n"


async def happen(api: Scene, cursor: Path, count: int) -> None:
    """Have so much journalled, and acknowledged by the broker."""
    last = 0
    for number in range(count):
        changed = OrderChanged("main", f"main-SP500-{number}", OrderStatus.ACCEPTED, NOW)
        last = api.archive.write(changed, "main")
    async with asyncio.timeout(10):
        while (read_cursor(cursor, "lts") or 0) < last:
            await pause(0.02)


async def heard(subscriber: Subscriber, count: int) -> dict[int, Any]:
    found = [(await asyncio.to_thread(subscriber.next))[1] for _ in range(count)]
    return {each["seq"]: each["body"] for each in found}


async def test_what_a_killed_broker_forgot_is_a_gap_that_http_fills(tmp_path: Path) -> None:
    cursor = tmp_path / "mqtt.cursor"
    async with scene() as api:
        with broker(tmp_path, SETTINGS) as found:
            subscriber = Subscriber(found.port, TOPIC, name="keeper")
            told = MqttAssignment(("main",), str(cursor))
            api.bus.spawn(Mqtt, MqttParams("127.0.0.1", found.port), name="mqtt", assignment=told)
            mqtt: Any = api.bus.cells["mqtt"].actor
            await api.bus.started()
            async with asyncio.timeout(10):
                while read_cursor(cursor, "lts") is None:
                    await pause(0.02)
            await happen(api, cursor, 5)
            has = await heard(subscriber, 5)
            subscriber.client.loop_stop()
            subscriber.client.disconnect()
            await happen(api, cursor, 7)
            await asyncio.to_thread(found.end, kill=True)
            await asyncio.to_thread(found.begin)
            again = Subscriber(found.port, TOPIC, name="keeper")
            async with asyncio.timeout(10):
                while mqtt.bridge.report().connections < 2:
                    await pause(0.02)
            await happen(api, cursor, 3)
            has |= await heard(again, 3)
            again.close()
        last = max(seq for seq in range(1, 16) if set(range(1, seq + 1)) <= has.keys())
        assert last == 5
        assert min(seq for seq in has if seq > last) == 13
        answer = await api.get(f"/events?after={last}", "alice")
        fetched = {each["seq"]: each["body"] for each in answer.json()["items"]}
    assert {seq: body for seq, body in fetched.items() if seq in has} == {
        seq: body for seq, body in has.items() if seq > last
    }
    assert sorted({**has, **fetched}) == list(range(1, 16))
