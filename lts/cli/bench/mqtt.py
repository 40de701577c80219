"""What the MQTT bridge does: messages beside bare aiomqtt, batches, and the way to a subscriber."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

import msgspec

from actors.mqtt.actor import Mqtt
from actors.mqtt.bare import Ear, ear, latencies, publish
from actors.mqtt.params import MqttAssignment, MqttParams
from bus import Actor, Bus, Event, LiveDriver, on, pause
from lts.cli.bench.broker import Found, a_broker, listening
from lts.cli.bench.rounds import bare_call, settled
from lts.domain.bridge import BridgeState
from lts.domain.event_listings import EventsListed, ListEvents
from lts.domain.market import Quote, Trade
from lts.refusal import Refused

IN_FLIGHT = 50
BURST = 250
"""Updates that are published before others have their turn."""
LONGEST_S = 60.0
LATENCIES = 200
LOOKED_S = 0.002
"""Between looks at whether all was taken."""


class SpeedReport(msgspec.Struct, frozen=True):
    """Messages one way at one quality of service, and what bare aiomqtt does in the same run."""

    per_s: int
    aiomqtt_per_s: int
    ratio_to_aiomqtt: float


class WayReport(msgspec.Struct, frozen=True):
    """Messages one way: the slower of QoS 0 and 1, and each of them."""

    per_s: int
    qos_0: SpeedReport
    qos_1: SpeedReport


class LatencyReport(msgspec.Struct, frozen=True):
    """From the bus to a subscriber, and from a bare publish to the same."""

    p50_ms: float
    bare_p50_ms: float
    added_p50_ms: float


class MqttReport(msgspec.Struct, frozen=True):
    """What the bridge does on this machine, with this broker."""

    call_ns: float
    broker: str
    out: WayReport
    ratio_to_aiomqtt: float
    """The least of all that is measured."""
    batched_updates_per_s: int
    latency: LatencyReport


class House(Actor[None]):
    """Publishes market data, and has nothing in its journal."""

    publishes = (Quote, Trade)

    @on
    def list(self, _: ListEvents) -> EventsListed:
        """Answer that nothing is journalled."""
        return EventsListed((), 0, 0)


class Bridged(msgspec.Struct, frozen=True):
    """A bus whose bridge is connected."""

    house: House
    mqtt: Any

    async def tell(self, events: Iterator[Event], messages: int) -> float:
        """Nanoseconds a message, until the broker has taken what was published."""
        bridge = self.mqtt.bridge
        wanted = bridge.report().sent + messages
        began = perf_counter_ns()
        await self.publish(events)
        async with asyncio.timeout(LONGEST_S):
            while bridge.report().sent < wanted:
                await pause(LOOKED_S)
        return (perf_counter_ns() - began) / messages

    async def tell_many(self, events: Iterator[Event], count: int, heard: Ear) -> float:
        """Nanoseconds an update, until a subscriber has had all, many in one message."""
        began = perf_counter_ns()
        await self.publish(events)
        at, told = began, 0
        while told < count:
            at, payload = await heard.next(LONGEST_S)
            told += payload.count(b'"seq":')
        return (at - began) / count

    async def publish(self, events: Iterator[Event]) -> None:
        """Publish events in bursts, with turns for others between them."""
        publish = self.house.publish
        for count, event in enumerate(events, 1):
            publish(event)
            if not count % BURST:
                await pause(0)


def quotes(count: int) -> Iterator[Quote]:
    """Yield quotes of so many instruments: none takes the place of another."""
    for number in range(count):
        yield Quote(f"I{number}", number, 7199.5, 7200.0, 1.0, 2.0)


def trades(count: int) -> Iterator[Trade]:
    """Yield trades of one instrument."""
    for number in range(count):
        yield Trade("BTC/USD", number, 7200.0, 0.25)


async def measure_mqtt(rounds: int, messages: int, broker: str = "") -> MqttReport:
    """Measure so many messages a round at each quality of service, and ten times as many in batches."""
    rounds_of: dict[str, list[float]] = {name: [] for name in ("qos_0", "qos_1", "bare_0", "bare_1", "batch")}
    told, bare, calls = [], [], []
    with a_broker(broker) as found:
        await listening(found)
        for measured in range(rounds + 1):
            with settled():
                calls.append(bare_call())
                took = await _speeds(found, messages)
                took["batch"] = await _batches(found, 10 * messages)
            bare += await latencies(found.host, found.port, LATENCIES)
            told += await _latencies(found, LATENCIES)
            if measured:  # the first is to warm up
                for name, ns in took.items():
                    rounds_of[name].append(ns)
            else:
                told, bare = [], []
    out = WayReport(0, *(_speed(rounds_of[f"qos_{qos}"], rounds_of[f"bare_{qos}"]) for qos in (0, 1)))
    slower = min(out.qos_0.per_s, out.qos_1.per_s)
    return MqttReport(
        call_ns=round(median(calls), 1),
        broker=found.name,
        out=msgspec.structs.replace(out, per_s=slower),
        ratio_to_aiomqtt=min(out.qos_0.ratio_to_aiomqtt, out.qos_1.ratio_to_aiomqtt),
        batched_updates_per_s=round(1e9 / median(rounds_of["batch"])),
        latency=_latency(told, bare),
    )


async def _speeds(found: Found, messages: int) -> dict[str, float]:
    """Nanoseconds a message: bare and ours in turn."""
    where = (found.host, found.port)
    took = {"bare_0": await publish(*where, 0, messages, IN_FLIGHT)}
    async with _bridged(found, messages) as ours:
        took["qos_0"] = await ours.tell(quotes(messages), messages)
        took["bare_1"] = await publish(*where, 1, messages, IN_FLIGHT)
        took["qos_1"] = await ours.tell(trades(messages), messages)
    return took


async def _batches(found: Found, updates: int) -> float:
    topic = "lts/v1/bench/batch/trades"
    async with (
        ear(found.host, found.port, topic) as heard,
        _bridged(found, updates, batch=("trades",)) as ours,
    ):
        return await ours.tell_many(trades(updates), updates, heard)


async def _latencies(found: Found, times: int) -> list[int]:
    """Nanoseconds from the bus to a bare subscriber, one by one."""
    took = []
    async with (
        ear(found.host, found.port, "lts/v1/bench/market/+/quote") as heard,
        _bridged(found, 100) as ours,
    ):
        for quote in quotes(times):
            began = perf_counter_ns()
            ours.house.publish(quote)
            at, _ = await heard.next()
            took.append(at - began)
    return took


@asynccontextmanager
async def _bridged(found: Found, buffer: int, **settings: Any) -> AsyncGenerator[Bridged, None]:
    """A bus with a bridge that is connected to a broker."""
    params = MqttParams(
        found.host, found.port, node="bench", in_flight=IN_FLIGHT, buffer=buffer, retain=False, **settings
    )
    bus = Bus(LiveDriver())
    house: Any = bus.spawn(House, None, name="house").actor
    with TemporaryDirectory() as directory:
        told = MqttAssignment((), str(Path(directory) / "mqtt.cursor"))
        mqtt: Any = bus.spawn(Mqtt, params, name="mqtt", assignment=told).actor
        running = asyncio.create_task(bus.run())
        await bus.started()
        try:
            async with asyncio.timeout(LONGEST_S):
                while mqtt.bridge.state is not BridgeState.CONNECTED:
                    if mqtt.bridge.state is BridgeState.LOST:
                        raise Refused(mqtt.bridge.trouble)
                    await pause(LOOKED_S)
            yield Bridged(house, mqtt)
        finally:
            await bus.stop()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _speed(ours: list[float], theirs: list[float]) -> SpeedReport:
    ratio = median(bare / told for told, bare in zip(ours, theirs, strict=True))
    return SpeedReport(round(1e9 / median(ours)), round(1e9 / median(theirs)), round(ratio, 3))


def _latency(ours: list[int], theirs: list[int]) -> LatencyReport:
    told, bare = median(ours) / 1e6, median(theirs) / 1e6
    return LatencyReport(round(told, 3), round(bare, 3), round(told - bare, 3))
