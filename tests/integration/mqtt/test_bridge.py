"""The bridge between a bus and a real broker: what is told, and what becomes of it when the broker goes."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from queue import Empty
from threading import Thread
from typing import Any

import msgspec
import pytest

from actors.mqtt.actor import Mqtt
from actors.mqtt.cursor import read_cursor
from actors.mqtt.params import MqttAssignment, MqttParams
from bus import SECOND, Actor, Bus, ChildProcess, Event, LiveDriver, on, pause
from lts.domain.bridge import BridgeReported, BridgeState
from lts.domain.event_listings import WIRE, EventsGone, EventsListed, JournalledEvent, ListEvents
from lts.domain.market import Bar, Quote, Trade
from lts.domain.risk import TradingState, TradingStateChanged
from lts.domain.signals import SignalRaised
from tests.brokers import MOSQUITTO, PASSWD, Broker, Subscriber, broker, free_port

pytestmark = [pytest.mark.requirement("INT-4.5"), pytest.mark.timeout(60)]
NOW = 1_577_836_800 * SECOND


class Publish(Event):
    """Has the house publish an event."""

    event: Any


class House(Actor[None]):
    """Plays the journal, and whoever publishes."""

    publishes = (Quote, Bar, Trade, SignalRaised, TradingStateChanged)

    events: list[JournalledEvent]
    reports: list[BridgeReported]
    first = 1

    async def lifespan(self) -> Any:
        self.events, self.reports = [], []
        yield

    @on
    def pass_on(self, told: Publish) -> None:
        self.publish(told.event)

    @on
    def note(self, report: BridgeReported) -> None:
        self.reports.append(report)

    @on
    def list(self, wanted: ListEvents) -> EventsListed | EventsGone:
        last = self.events[-1].seq if self.events else 0
        after = last if wanted.after is None else wanted.after
        if after < self.first - 1:
            return EventsGone(self.first - 1, "not kept")
        found = tuple(each for each in self.events if each.seq > after)[: wanted.limit]
        return EventsListed(found, found[-1].seq if found else last, last)

    def happen(self, count: int) -> None:
        """Have so much happen that is journalled; every third number is of something else."""
        for _ in range(count):
            seq = (self.events[-1].seq if self.events else 0) + 3
            changed = TradingStateChanged("portfolio:main", TradingState.HALTED, f"{seq}", NOW + seq, "ann")
            described = WIRE.describe(changed)
            self.events.append(JournalledEvent(seq, NOW + seq, "main", described["type"], described["body"]))
        self.publish(changed)


class Node:
    def __init__(self, bus: Bus, house: House) -> None:
        self.bus, self.house = bus, house

    def publish(self, event: Event) -> None:
        self.house.publish(event)

    async def stands(self, state: BridgeState, within: float = 10.0) -> BridgeReported:
        reports = self.house.reports
        found = await until(lambda: [each for each in reports if each.state is state], within)
        told: BridgeReported = found[-1]
        return told


async def until(look: Callable[[], Any], within: float = 10.0) -> Any:
    async with asyncio.timeout(within):
        while not (found := look()):
            await pause(0.01)
    return found


@asynccontextmanager
async def node(
    port: int, directory: Path, home: ChildProcess | None = None, **params: Any
) -> AsyncIterator[Node]:
    bus = Bus(LiveDriver())
    house: Any = bus.spawn(House, None, name="house").actor
    told = MqttAssignment(("main",), str(directory / "mqtt.cursor"))
    usual = MqttParams("127.0.0.1", port, node="n/1", timeout_s=2.0)
    bus.spawn(Mqtt, msgspec.structs.replace(usual, **params), name="mqtt", assignment=told, home=home)
    running = asyncio.create_task(bus.run())
    await bus.started()
    try:
        yield Node(bus, house)
    finally:
        await bus.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture(params=["mosquitto", "pypi"])
def a_broker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "mosquitto" and not MOSQUITTO:
        pytest.skip("Mosquitto is not installed")
    with broker(tmp_path, mosquitto=request.param == "mosquitto") as found:
        yield found


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    if not MOSQUITTO:
        pytest.skip("Mosquitto is not installed")
    with broker(tmp_path) as found:
        yield found


def users(directory: Path) -> Path:
    """The file of a broker's users: lts alone."""
    file = directory / "users"
    subprocess.run([PASSWD, "-b", "-c", str(file), "lts", "right"], check=True)
    return file


async def heard(subscriber: Subscriber, topic: str) -> Any:
    return await asyncio.to_thread(subscriber.until, topic)


async def test_market_data_signals_and_the_journal_reach_a_plain_subscriber(
    a_broker: Broker, tmp_path: Path
) -> None:
    subscriber = Subscriber(a_broker.port, "lts/v1/#")
    async with node(a_broker.port, tmp_path) as lts:
        await lts.stands(BridgeState.CONNECTED)
        lts.publish(Quote("BTC/USD", NOW, 1.0, 2.0, 3.0, 4.0))
        quote = await heard(subscriber, "lts/v1/n%2F1/market/BTC%2FUSD/quote")
        assert quote["schema"] == "Quote/1"
        assert (quote["seq"], quote["at"], quote["time"]) == (1, NOW, "2020-01-01T00:00:00.000000000Z")
        assert quote["body"]["bid"] == 1.0
        lts.publish(SignalRaised("main", "BTC/USD", 1.0, "a cross"))
        signal = await heard(subscriber, "lts/v1/n%2F1/portfolio/main/signal")
        assert signal["body"]["reason"] == "a cross"
        lts.house.happen(3)
        seen = [await heard(subscriber, "lts/v1/n%2F1/system/trading-state") for _ in range(3)]
        assert [each["seq"] for each in seen] == [3, 6, 9]
        assert seen[0]["body"] == lts.house.events[0].body
    offline = await heard(subscriber, "lts/v1/n%2F1/system/status")
    while offline["state"] != "offline":
        offline = await heard(subscriber, "lts/v1/n%2F1/system/status")
    assert offline["reason"] == "stopped"
    subscriber.close()


async def test_whoever_comes_later_finds_the_status_and_the_last_quote(
    a_broker: Broker, tmp_path: Path
) -> None:
    async with node(a_broker.port, tmp_path) as lts:
        lts.publish(Quote("SP500", NOW, 1.0, 2.0, 3.0, 4.0))
        await lts.stands(BridgeState.CONNECTED)
        await pause(0.3)
        late = Subscriber(a_broker.port, "lts/v1/#")
        found = dict([await asyncio.to_thread(late.next) for _ in range(2)])
        assert found["lts/v1/n%2F1/system/status"]["state"] == "online"
        assert found["lts/v1/n%2F1/market/SP500/quote"]["body"]["ask"] == 2.0
        late.close()


async def test_what_is_not_allowed_is_not_told(a_broker: Broker, tmp_path: Path) -> None:
    subscriber = Subscriber(a_broker.port, "lts/v1/#")
    async with node(a_broker.port, tmp_path, publish=("bars",)) as lts:
        await lts.stands(BridgeState.CONNECTED)
        lts.publish(Quote("SP500", NOW, 1.0, 2.0, 3.0, 4.0))
        lts.house.happen(2)
        lts.publish(Bar("SP500", NOW, NOW + 1, 1.0, 3.0, 0.5, 2.0, 10.0))
        await heard(subscriber, "lts/v1/n%2F1/market/SP500/bar")
        await pause(0.2)
        assert {topic for topic, _ in subscriber.all()} <= {"lts/v1/n%2F1/system/status"}
    subscriber.close()


async def test_batches_have_every_trade_once_in_order(a_broker: Broker, tmp_path: Path) -> None:
    subscriber = Subscriber(a_broker.port, "lts/v1/n%2F1/batch/trades")
    async with node(a_broker.port, tmp_path, batch=("trades",)) as lts:
        await lts.stands(BridgeState.CONNECTED)
        for number in range(5_000):
            lts.publish(Trade("SP500", NOW + number, 1.0, 1.0))
        told: list[int] = []
        messages = 0
        while len(told) < 5_000:
            batch = await heard(subscriber, "lts/v1/n%2F1/batch/trades")
            told += [each["seq"] for each in batch["updates"]]
            messages += 1
    assert told == list(range(1, 5_001))
    assert messages <= 50
    subscriber.close()


async def test_what_is_limited_comes_at_its_pace_and_nothing_of_the_journal_is_lost(
    a_broker: Broker, tmp_path: Path
) -> None:
    subscriber = Subscriber(a_broker.port, "lts/v1/#")
    rates = {"quotes": 5.0, "trading-states": 20.0}
    async with node(a_broker.port, tmp_path, rates=rates) as lts:
        await lts.stands(BridgeState.CONNECTED)
        for number in range(100):
            lts.publish(Quote("SP500", NOW, 1.0 + number, 200.0, 3.0, 4.0))
        begun = lts.bus.system.now()
        lts.house.happen(10)
        states = [await heard(subscriber, "lts/v1/n%2F1/system/trading-state") for _ in range(10)]
        assert [each["seq"] for each in states] == [3 * each for each in range(1, 11)]
        assert lts.bus.system.now() - begun > 0.4 * SECOND
    quotes = [told["body"]["bid"] for topic, told in subscriber.all() if topic.endswith("/quote")]
    assert len(quotes) <= 5
    subscriber.close()


async def test_messagepack_says_what_it_is(a_broker: Broker, tmp_path: Path) -> None:
    subscriber = Subscriber(a_broker.port, "lts/v1/n%2F1/market/#")
    async with node(a_broker.port, tmp_path, msgpack=("trades",)) as lts:
        await lts.stands(BridgeState.CONNECTED)
        lts.publish(Trade("SP500", NOW, 1.5, 1.0))
        message = await asyncio.to_thread(subscriber.heard.get, timeout=10)
    properties: Any = message.properties
    assert properties.ContentType == "application/msgpack"
    assert msgspec.msgpack.decode(message.payload)["body"]["price"] == 1.5
    subscriber.close()


async def test_a_restart_of_the_node_goes_on_behind_what_the_broker_has(
    a_broker: Broker, tmp_path: Path
) -> None:
    subscriber = Subscriber(a_broker.port, "lts/v1/n%2F1/system/trading-state")
    async with node(a_broker.port, tmp_path) as lts:
        await lts.stands(BridgeState.CONNECTED)
        lts.house.happen(5)
        await until(lambda: read_cursor(tmp_path / "mqtt.cursor", "n/1") == 15)
        kept = list(lts.house.events)
    async with node(a_broker.port, tmp_path) as lts:
        lts.house.events = kept
        lts.house.happen(2)
        seen = [(await asyncio.to_thread(subscriber.next))[1]["seq"] for _ in range(7)]
        assert seen == [3, 6, 9, 12, 15, 18, 21]
    subscriber.close()


async def test_nothing_is_lost_over_restarts_of_the_broker_and_of_the_node(
    mosquitto: Broker, tmp_path: Path
) -> None:
    subscriber = Subscriber(mosquitto.port, "lts/v1/n%2F1/system/trading-state", name="keeper")
    kept: list[JournalledEvent] = []
    for _ in range(2):
        async with node(mosquitto.port, tmp_path) as lts:
            lts.house.events = kept
            await lts.stands(BridgeState.CONNECTED)
            for _ in range(3):
                lts.house.happen(40)
                await asyncio.to_thread(mosquitto.end)
                lts.house.happen(40)
                await asyncio.to_thread(mosquitto.begin)
                await lts.stands(BridgeState.CONNECTED)
                lts.house.happen(40)
            await until(lambda: read_cursor(tmp_path / "mqtt.cursor", "n/1") == kept[-1].seq, 20)
    wanted = {each.seq: each.body for each in kept}
    found: dict[int, Any] = {}
    with suppress(Empty):
        while found.keys() != wanted.keys():
            told = (await asyncio.to_thread(subscriber.next, 5))[1]
            found[told["seq"]] = told["body"]
    assert len(wanted) == 720
    assert found == wanted
    subscriber.close()


async def test_a_killed_broker_is_found_again_within_five_seconds(a_broker: Broker, tmp_path: Path) -> None:
    async with node(a_broker.port, tmp_path) as lts:
        await lts.stands(BridgeState.CONNECTED)
        a_broker.end(kill=True)
        lost = await lts.stands(BridgeState.LOST)
        assert "is not reached" in lost.trouble
        lts.house.reports.clear()
        await pause(1)
        a_broker.begin()
        await lts.stands(BridgeState.CONNECTED, 5)


async def test_a_broker_that_accepts_and_reads_nothing_costs_only_what_is_the_latest(tmp_path: Path) -> None:
    def accept() -> None:
        with suppress(OSError):
            while True:
                stalled.append(server.accept()[0])
                stalled[-1].sendall(bytes((0x20, 3, 0, 0, 0)))  # CONNACK of MQTT 5

    stalled: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    accepting = Thread(target=accept)
    accepting.start()
    async with node(port, tmp_path, timeout_s=0.5, buffer=200) as lts:
        for number in range(1_000):
            lts.publish(Quote("SP500", NOW + number, 1.0, 2.0, 3.0, 4.0))
            lts.publish(Trade("SP500", NOW + number, 1.0, 1.0))
            await pause(0)
        report = (await lts.stands(BridgeState.LOST)).trouble
        assert "does not answer within 0.5 s" in report
        mqtt: Any = lts.bus.cells["mqtt"].actor
        told = mqtt.bridge.report()
        assert told.waiting <= 200 + 200 + 1
        assert told.conflated >= 900
        assert told.dropped >= 700
    server.shutdown(socket.SHUT_RDWR)
    accepting.join()
    for each in [server, *stalled]:
        each.close()


async def test_an_unreachable_broker_is_one_sentence_and_is_tried_again(tmp_path: Path) -> None:
    async with node(free_port(), tmp_path) as lts:
        lost = await lts.stands(BridgeState.LOST)
        assert "Connection refused" in lost.trouble
        assert "\n" not in lost.trouble
        assert not lts.bus.vitals().failures


async def test_a_wrong_password_is_tried_again_and_a_right_one_is_found_without_a_restart(
    tmp_path: Path,
) -> None:
    if not MOSQUITTO:
        pytest.skip("Mosquitto is not installed")
    word = tmp_path / "word"
    word.write_text("wrong")
    word.chmod(0o600)
    with broker(tmp_path, f"allow_anonymous false\npassword_file {users(tmp_path)}\n") as found:
        async with node(found.port, tmp_path, user="lts", password_file=str(word)) as lts:
            lost = await lts.stands(BridgeState.LOST)
            assert "user and password_file" in lost.trouble
            assert not lts.bus.vitals().failures
            word.write_text("right")
            connected = await lts.stands(BridgeState.CONNECTED)
            assert (connected.trouble, connected.connections) == ("", 1)


async def test_events_that_are_not_kept_any_more_are_an_alert_and_the_rest_is_told(
    a_broker: Broker, tmp_path: Path
) -> None:
    subscriber = Subscriber(a_broker.port, "lts/v1/n%2F1/system/+")
    async with node(a_broker.port, tmp_path) as lts:
        await lts.stands(BridgeState.CONNECTED)
        await until(lambda: read_cursor(tmp_path / "mqtt.cursor", "n/1") == 0)
        lts.house.first = 7
        lts.house.happen(3)
        root = "lts/v1/n%2F1/system/"
        found: dict[str, Any] = {}
        while {f"{root}alert", f"{root}trading-state"} - found.keys():
            topic, told = await asyncio.to_thread(subscriber.next)
            found[topic] = told
        assert found[f"{root}alert"]["body"]["type"] == "EventsGone/1"
        assert found[f"{root}trading-state"]["seq"] == 9
    subscriber.close()


async def test_in_a_process_of_its_own_it_does_the_same(a_broker: Broker, tmp_path: Path) -> None:
    subscriber = Subscriber(a_broker.port, "lts/v1/#")
    async with node(a_broker.port, tmp_path, ChildProcess()) as lts:
        await lts.stands(BridgeState.CONNECTED)
        lts.house.happen(1)
        assert (await heard(subscriber, "lts/v1/n%2F1/system/trading-state"))["seq"] == 3
    subscriber.close()
