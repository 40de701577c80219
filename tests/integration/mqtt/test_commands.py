"""Commands through a real broker: the doors are those of HTTP, and nothing counts twice or unsigned."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from actors.mqtt.actor import Mqtt
from actors.mqtt.params import MqttAssignment, MqttParams
from bus import AskError, pause
from lts.domain.order_entry import SubmitOrder
from lts.domain.risk import SetTradingState
from tests.api import PARAMS, Scene, scene
from tests.brokers import MOSQUITTO, Broker, Subscriber, broker
from tests.commander import EXAMPLES, Client, signed

pytestmark = [pytest.mark.requirement("INT-012", "INT-021", "INT-4.1"), pytest.mark.timeout(60)]

ROOT = "lts/v1/here"
SECRET = Ed25519PrivateKey.from_private_bytes(bytes(32))
ORDER = {
    "portfolio": "main",
    "idempotency_key": "a-key",
    "instrument": "SP500",
    "side": "buy",
    "quantity": "10",
}


@pytest.fixture(params=["mosquitto", "pypi"])
def a_broker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "mosquitto" and not MOSQUITTO:
        pytest.skip("Mosquitto is not installed")
    with broker(tmp_path, mosquitto=request.param == "mosquitto") as found:
        yield found


@pytest.fixture
def one_broker(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path) as found:
        yield found


class Room:
    """A node with its API and its bridge, and what comes and goes at its broker."""

    def __init__(self, scene: Scene, port: int) -> None:
        self.scene, self.port = scene, port
        self.mqtt: Any = scene.bus.cells["mqtt"].actor
        scene.registry.public_keys["alice"] = SECRET.public_key().public_bytes_raw()
        self.subscriber = Subscriber(port, f"{ROOT}/reply/test")
        self.client = self.subscriber.client

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.mqtt.bridge.report().commands)

    def put(self, name: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic, properties.CorrelationData = f"{ROOT}/reply/test", b"c"
        self.client.publish(f"{ROOT}/command/{name}", payload, qos, retain, properties=properties)

    def signed(self, name: str, fields: Any, **how: Any) -> bytes:
        way: dict[str, Any] = {"response_topic": f"{ROOT}/reply/test", "correlation": b"c"}
        told = {"topic": f"{ROOT}/command/{name}", "key": "alice", "body": json.dumps(fields).encode()}
        return signed(SECRET, **told | way | how)

    async def answer(self) -> Any:
        return (await asyncio.to_thread(self.subscriber.next))[1]

    async def ask(self, name: str, fields: Any, **how: Any) -> Any:
        self.put(name, self.signed(name, fields, **how))
        return await self.answer()

    async def connected(self, within: float = 10) -> None:
        async with asyncio.timeout(within):
            while self.mqtt.bridge.state.value == "connected":  # it has yet to notice
                await pause(0.01)
            while self.mqtt.bridge.state.value != "connected":
                await pause(0.01)

    async def counted(self, outcome: str, count: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.counts.get(outcome, 0) < count:
                await pause(0.01)


@asynccontextmanager
async def node(port: int, directory: Path, **params: Any) -> AsyncIterator[Room]:
    async with scene(PARAMS) as found:
        told = MqttParams("127.0.0.1", port, node="here", publish=("alerts",), commands=True, **params)
        where = MqttAssignment((), str(directory / "mqtt.cursor"))
        mqtt: Any = found.bus.spawn(Mqtt, told, name="mqtt", assignment=where).actor
        await found.bus.started()
        async with asyncio.timeout(10):
            while mqtt.bridge.state.value != "connected":
                await pause(0.01)
        room = Room(found, port)
        try:
            yield room
        finally:
            room.subscriber.close()
            assert not found.bus.vitals().failures


@pytest.fixture
async def room(one_broker: Broker, tmp_path: Path) -> AsyncIterator[Room]:
    async with node(one_broker.port, tmp_path) as found:
        yield found


async def test_the_example_for_people_commands_a_node(a_broker: Broker, tmp_path: Path) -> None:
    async with node(a_broker.port, tmp_path) as room:
        client = await asyncio.to_thread(Client, "here", "alice", SECRET, port=a_broker.port)
        pong = await asyncio.to_thread(client.command, "ping")
        assert (pong["status"], pong["result"]["user"], pong["node"]) == (200, "alice", "here")
        taken = await asyncio.to_thread(client.command, "submit", ORDER)
        assert taken["result"] == {"id": "main-SP500-000001", "portfolio": "main", "status": "submitted"}
        assert taken["headers"]["location"] == "/api/v1/orders/main-SP500-000001"
        (asked,) = room.scene.traders.asked
        assert isinstance(asked, SubmitOrder)
        assert (asked.portfolio, asked.who) == ("main", "alice")
        assert asked.request is not None
        assert asked.request.name == ("alice", "a-key")
        halt = {"scope": "portfolio:main", "state": "halted", "reason": "enough"}
        assert (await asyncio.to_thread(client.command, "set-trading-state", halt))["status"] == 200
        mine = await asyncio.to_thread(client.command, "get", {"resource": "portfolios"})
        assert [each["name"] for each in mine["result"]["items"]] == ["main"]
        client.close()
        assert room.counts == {"taken": 4}


async def test_what_is_refused_is_told_as_over_http_and_counted_by_reason(room: Room) -> None:
    payload = room.signed("submit", ORDER)
    room.put("submit", payload)
    assert (await room.answer())["status"] == 201
    room.put("submit", payload)
    replayed = await room.answer()
    http = await room.scene.ask_signed("GET", "/api/v1/me", "bob", headers={})
    assert http.status_code == 200
    assert replayed["problem"]["type"] == "urn:lts:problem:replayed"
    assert (replayed["status"], replayed["problem"]["title"]) == (
        401,
        "The signed request is too old, or was seen before",
    )
    stale = await room.ask("submit", ORDER, created=1)
    assert stale["problem"]["status"] == 401
    others = await room.ask("submit", ORDER | {"portfolio": "other"})
    nobodys = await room.ask("submit", ORDER | {"portfolio": "none"})
    assert others["problem"]["type"] == nobodys["problem"]["type"] == "urn:lts:problem:not-found"
    assert (await room.ask("get", {"resource": "health"}))["problem"]["status"] == 403
    assert (await room.ask("ping", {}, key="nobody"))["problem"]["type"] == "urn:lts:problem:unauthenticated"
    room.put("submit", payload.replace(b'"10"', b'"99"'))
    assert (await room.answer())["problem"]["type"] == "urn:lts:problem:bad-signature"
    assert (await room.ask("explode", {}))["problem"]["status"] == 404
    room.put("submit", b"\x00" * 70_000)
    assert (await room.answer())["problem"]["status"] == 413
    room.put("submit", b"\xff")
    malformed = await room.answer()
    assert malformed["problem"]["type"] == "urn:lts:problem:malformed"
    assert malformed["correlation"] == "c"
    assert len(room.scene.traders.asked) == 1
    assert room.counts == {
        "taken": 1,
        "duplicated": 1,
        "stale": 1,
        "not-found": 2,
        "not-permitted": 1,
        "unknown-key": 1,
        "bad-signature": 1,
        "unknown-name": 1,
        "oversized": 1,
        "malformed": 1,
    }
    metrics = (await room.scene.ask("GET", "/metrics", "ada")).text
    assert "lts_mqtt_connected 1" in metrics


async def test_one_order_under_one_key_also_when_it_comes_by_both_ways(room: Room) -> None:
    assert (await room.ask("submit", ORDER))["status"] == 201
    body = {name: value for name, value in ORDER.items() if name not in {"portfolio", "idempotency_key"}}
    how = {"json": body, "headers": {"Idempotency-Key": "a-key"}}
    assert (await room.scene.ask("POST", "/api/v1/portfolios/main/orders", "alice", **how)).is_success
    by_mqtt, by_http = (each.request for each in room.scene.traders.asked)
    assert by_mqtt == by_http


async def test_a_retained_command_never_counts(tmp_path: Path) -> None:
    if not MOSQUITTO:
        pytest.skip("Mosquitto is not installed")
    for protocol in ("5", "3.1.1"):
        (tmp_path / protocol).mkdir()
        with broker(tmp_path / protocol) as found:
            early = Subscriber(found.port, "none")
            payload = signed(
                SECRET, topic=f"{ROOT}/command/submit", key="alice", body=json.dumps(ORDER).encode()
            )
            early.client.publish(f"{ROOT}/command/submit", payload, 1, retain=True).wait_for_publish(5)
            async with node(found.port, tmp_path / protocol, protocol=protocol) as room:
                if protocol == "5":  # a share gets nothing of what is kept, and sees the flag on what is new
                    room.put("submit", room.signed("submit", ORDER), retain=True)
                await room.counted("retained")
                assert not room.scene.traders.asked
            early.close()


async def test_with_3_1_1_the_payload_says_where_the_answer_goes(one_broker: Broker, tmp_path: Path) -> None:
    if not one_broker.mosquitto:
        pytest.skip("that broker speaks one protocol on a port")
    async with node(one_broker.port, tmp_path, protocol="3.1.1") as room:
        told = json.loads(room.signed("ping", {})) | {
            "response_topic": f"{ROOT}/reply/test",
            "correlation": "c",
        }
        room.client.publish(f"{ROOT}/command/ping", json.dumps(told), 1)
        pong = await room.answer()
        assert (pong["result"]["user"], pong["correlation"]) == ("alice", "c")


async def test_a_flood_is_refused_while_what_takes_risk_away_finds_room(
    one_broker: Broker, tmp_path: Path
) -> None:
    async with node(one_broker.port, tmp_path, commands_per_s=4) as room:
        for _ in range(20):
            room.put("ping", room.signed("ping", {}))
        await room.counted("busy", 17)
        assert room.counts["taken"] <= 3
        for _ in range(20):
            assert (await room.answer())["status"] in {200, 429}
        assert (await room.ask("cancel-all", {"portfolio": "main"}))["status"] == 202


async def test_who_carries_commands_out_may_be_gone(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(*_: Any) -> Any:
        raise AskError("gone")

    monkeypatch.setattr(room.mqtt.bridge._commands, "_ask", ask)
    assert (await room.ask("ping", {}))["problem"]["type"] == "urn:lts:problem:unavailable"


async def test_commands_are_taken_again_after_the_broker_was_away(a_broker: Broker, tmp_path: Path) -> None:
    async with node(a_broker.port, tmp_path) as room:
        assert (await room.ask("ping", {}))["status"] == 200
        room.subscriber.close()
        await asyncio.to_thread(a_broker.end, kill=True)
        await asyncio.to_thread(a_broker.begin)
        room.subscriber = await asyncio.to_thread(Subscriber, a_broker.port, f"{ROOT}/reply/test")
        room.client = room.subscriber.client
        async with asyncio.timeout(10):
            while room.mqtt.bridge.state.value != "connected":
                await pause(0.01)
        assert (await room.ask("ping", {}))["status"] == 200


async def test_over_restarts_of_the_broker_no_command_counts_twice(tmp_path: Path) -> None:
    if not MOSQUITTO:
        pytest.skip("Mosquitto is not installed")
    with broker(tmp_path) as found:
        async with node(found.port, tmp_path, commands_per_s=1_000) as room:
            sender = Subscriber(found.port, "none", name="sender")
            for number in range(120):
                order = ORDER | {"idempotency_key": f"{number}"}
                topic, body = f"{ROOT}/command/submit", json.dumps(order).encode()
                sender.client.publish(topic, signed(SECRET, topic=topic, key="alice", body=body), 1)
                if number % 40 == 20:
                    await asyncio.to_thread(found.end)
                    await asyncio.to_thread(found.begin)
                    await room.connected()
            sender.client.publish(topic, b"the last", 1)
            await room.counted("malformed")
            asked = [each.request for each in room.scene.traders.asked if isinstance(each, SubmitOrder)]
            keys = [each.key for each in asked if each is not None]
            assert len(keys) == len(set(keys)) == room.counts["taken"] > 40
            assert room.counts.keys() <= {"taken", "duplicated", "malformed"}
            sender.close()


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve a client of MQTT 5 that may tell and not hear: its subscriptions are not authorized."""
    while head := await reader.read(1):
        size = (await reader.readexactly(1))[0]
        if size & 0x80:
            size = (size & 0x7F) | (await reader.readexactly(1))[0] << 7
        body = await reader.readexactly(size)
        match head[0] >> 4:
            case 1:
                writer.write(bytes((0x20, 3, 0, 0, 0)))
            case 3:
                place = 2 + int.from_bytes(body[:2], "big")
                writer.write(bytes((0x40, 2)) + body[place : place + 2])
            case 8:
                writer.write(bytes((0x90, 4)) + body[:2] + bytes((0, 0x87)))
    writer.close()
    await writer.wait_closed()


async def test_whoever_may_not_hear_commands_goes_on_and_says_so(tmp_path: Path) -> None:
    served: list[asyncio.Task[None]] = []
    server = await asyncio.start_server(
        lambda *streams: served.append(asyncio.create_task(deaf(*streams))), "127.0.0.1", 0
    )
    async with server, scene(PARAMS) as found:
        params = MqttParams("127.0.0.1", server.sockets[0].getsockname()[1], node="here", commands=True)
        where = MqttAssignment((), str(tmp_path / "mqtt.cursor"))
        mqtt: Any = found.bus.spawn(Mqtt, params, name="mqtt", assignment=where).actor
        await found.bus.started()
        async with asyncio.timeout(10):
            while mqtt.bridge.state.value != "connected":
                await pause(0.01)
        report = mqtt.bridge.report()
        assert "does not let this user hear commands" in report.trouble
        assert f"read {ROOT}/command/+" in report.trouble
    await asyncio.gather(*served)


async def test_two_nodes_of_one_name_carry_each_command_out_once(tmp_path: Path) -> None:
    if not MOSQUITTO:
        pytest.skip("Mosquitto is not installed")
    with broker(tmp_path) as found:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        async with (
            node(found.port, tmp_path / "a", client_id="one") as one,
            node(found.port, tmp_path / "b", client_id="two") as two,
        ):
            for number in range(20):
                await one.ask("submit", ORDER | {"idempotency_key": f"{number}"})
            taken = [each.counts.get("taken", 0) for each in (one, two)]
            assert sum(taken) == 20
            assert min(taken) > 0


async def printed(*command: str | Path, **env: str) -> Any:
    """Return what a command prints, as JSON."""
    process = await asyncio.create_subprocess_exec(
        *command, env={"PATH": "/usr/sbin:/usr/bin:/bin"} | env, stdout=subprocess.PIPE
    )
    told, _ = await asyncio.wait_for(process.communicate(), 20)
    return json.loads(told)


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "key.pem"
    path.write_bytes(SECRET.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(path)


async def test_the_example_is_a_command_as_well(room: Room, key_file: str) -> None:
    who = ("--port", str(room.port), "--node", "here", "--key", "alice", "--secret", key_file)
    told = await printed(sys.executable, EXAMPLES / "command.py", *who, "submit", json.dumps(ORDER))
    assert told["result"]["id"] == "main-SP500-000001"


@pytest.mark.skipif(not shutil.which("mosquitto_rr"), reason="the clients of Mosquitto are not installed")
async def test_the_example_for_the_shell_commands_a_node(room: Room, key_file: str) -> None:
    env = {"NODE": "here", "KEY": "alice", "SECRET": key_file, "BROKER": f"-p {room.port}"}
    told = await printed(EXAMPLES / "command.sh", "submit", json.dumps(ORDER), **env)
    assert told["result"]["id"] == "main-SP500-000001"


async def test_broken_commands_by_the_thousand_change_nothing_and_cost_no_memory(room: Room) -> None:
    whole = room.signed("submit", ORDER)
    for number in range(3_000):
        told = whole[: number % len(whole)] + token_hex(number % 3).encode()
        room.put("submit", told, qos=0)
    await room.counted("malformed", 500)
    assert not any(isinstance(each, SubmitOrder | SetTradingState) for each in room.scene.traders.asked)
    assert room.mqtt.bridge._commands._waiting.qsize() <= 256
