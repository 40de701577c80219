"""What a delivery costs: one to one, one to ten, beside `asyncio.Queue`, and among 100,000 idle actors.

A spawned actor publishes prebuilt messages in bursts, and the dispatcher of its bus delivers each
burst in place, without a turn of the event loop. Keyed routes, capability check and causation are
on, as always. What `asyncio.Queue` is asked for is less: to hand the same bursts to one task.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from time import perf_counter_ns

import msgspec

from bus import Actor, Bus, Event, ReplayDriver, on, pause
from lts.cli.bench.memory import resident_bytes
from lts.cli.bench.rounds import Measure, in_turn

BURST = 256
FAN = 10
FEW = 10
LIMIT = 1_000_000
STOP_WITHIN = 600.0


class Ping(Event, key="to", gc=False):
    """A message for those with one key."""

    to: str
    number: int


class Listener(Actor[None]):
    """Hears pings, and does nothing about them."""

    @on
    def hear(self, ping: Ping) -> None:
        """Take the ping, and no more."""


class Teller(Actor[None]):
    """Publishes pings."""

    publishes = (Ping,)

    def tell(self, pings: Sequence[Ping]) -> None:
        """Publish a burst."""
        for ping in pings:
            self.publish(ping)


class Delivery(msgspec.Struct, frozen=True):
    """What a delivery costs."""

    per_s: int
    ratio_to_call: float


class Idle(msgspec.Struct, frozen=True):
    """What many actors that do nothing cost: resident memory, and the time to tell one of them something."""

    actors: int
    bytes_each: int
    publish_same_ratio: float
    publish_random_ratio: float


class BusReport(msgspec.Struct, frozen=True):
    """What deliveries cost."""

    call_ns: float
    tell: Delivery
    tell_burst_1: Delivery
    fanout: Delivery
    asyncio_queue: Delivery
    idle: Idle


async def measure_bus(rounds: int, bursts: int, actors: int) -> BusReport:
    """Measure deliveries: in each round so many bursts a kind, and so many idle actors."""
    one, ten = await bus_of(1, [key(0)]), await bus_of(FAN, [key(0)])
    few = await bus_of(FEW, [key(number) for number in range(FEW)])
    before = resident_bytes()
    many = await bus_of(actors, [key(number) for number in range(actors)])
    bytes_each = round((resident_bytes() - before) / actors)
    same, among_few = [ping(0)], [ping(number) for number in range(FEW)]
    anyone = [ping(number) for number in Random(1).sample(range(actors), actors)]  # noqa: S311 - no secret
    measures = {
        "tell": telling(one, in_bursts(same, bursts)),
        "fanout": telling(ten, in_bursts(same, bursts), FAN),
        "queue": queueing(in_bursts(same, bursts)),
        "burst of 1": telling(one, [same] * (bursts * BURST // 4)),
        "few": telling(few, in_bursts(among_few, bursts)),
        "same": telling(many, in_bursts(same, bursts)),
        "random": telling(many, in_bursts(anyone, max(bursts, actors // BURST))),
    }
    readings = await in_turn(measures, rounds, warm_up=True)
    for bus in (one, ten, few, many):
        await bus.stop(STOP_WITHIN)
    costs = {name: Delivery(readings.per_s(name), readings.ratio(name)) for name in measures}
    return BusReport(
        call_ns=readings.call_ns,
        tell=costs["tell"],
        tell_burst_1=costs["burst of 1"],
        fanout=costs["fanout"],
        asyncio_queue=costs["queue"],
        idle=Idle(actors, bytes_each, readings.between("same", "few"), readings.between("random", "few")),
    )


def key(number: int) -> str:
    """A key of its own for each number; asked again, an equal one that is another object, as in life."""
    return f"listener-{number}"


def ping(number: int) -> Ping:
    """A ping for the listener with a number."""
    return Ping(key(number), number)


def in_bursts(pings: Sequence[Ping], bursts: int) -> list[list[Ping]]:
    """Pings over and over, so many bursts of them."""
    return [
        [pings[place % len(pings)] for place in range(burst * BURST, (burst + 1) * BURST)]
        for burst in range(bursts)
    ]


async def bus_of(listeners: int, keys: Sequence[str]) -> Bus:
    """A bus with a teller and listeners, each of them scoped to one of the keys in turn."""
    bus = Bus(ReplayDriver())
    bus.spawn(Teller, None, name="teller")
    for number in range(listeners):
        scope = {"to": keys[number % len(keys)]}
        bus.spawn(Listener, None, name=f"listener/{number}", scope=scope)
    await bus.started()
    return bus


def telling(bus: Bus, bursts: Sequence[Sequence[Ping]], fan: int = 1) -> Measure:
    """Nanoseconds a delivery, from `publish` in the teller to the end of the listener's handler."""
    teller, dispatcher = bus.cells["teller"].actor, bus.dispatcher
    assert isinstance(teller, Teller)  # noqa: S101 - `bus_of` spawned it
    deliveries = fan * sum(map(len, bursts))

    async def measure() -> float:
        began = perf_counter_ns()
        for burst in bursts:
            teller.tell(burst)
            dispatcher.drain(LIMIT)
        return (perf_counter_ns() - began) / deliveries

    return measure


def queueing(bursts: Sequence[Sequence[Ping]]) -> Measure:
    """Nanoseconds a message that a task takes from an `asyncio.Queue` and hands to a method."""
    deliveries = sum(map(len, bursts))

    async def measure() -> float:
        queue: asyncio.Queue[Ping] = asyncio.Queue()
        consumer = asyncio.create_task(consume(queue))
        began = perf_counter_ns()
        for burst in bursts:
            for each in burst:
                queue.put_nowait(each)
            await pause(0)
        took = perf_counter_ns() - began
        consumer.cancel()
        with suppress(asyncio.CancelledError):
            await consumer
        return took / deliveries

    return measure


async def consume(queue: asyncio.Queue[Ping]) -> None:
    """Hand everything in a queue to a listener, without end."""
    hear = Listener().hear
    while True:
        hear(await queue.get())
