"""What a delivery costs: one to one, one to ten, and beside `asyncio.Queue`.

A spawned actor publishes prebuilt messages in bursts, and the dispatcher of its bus delivers each
burst in place, without a turn of the event loop. Keyed routes, capability check and causation are
on, as always. `asyncio.Queue` is asked for less: to hand the same bursts to one task.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter_ns

import msgspec

from bus import Bus, pause
from lts.cli.bench.idle import Idle, measure_idle
from lts.cli.bench.pings import BURST, LIMIT, Listener, Ping, Teller, bus_of, in_bursts, key, ping
from lts.cli.bench.rounds import Measure, in_turn

FAN = 10


class Delivery(msgspec.Struct, frozen=True):
    """What a delivery costs."""

    per_s: int
    ratio_to_call: float


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
    idle = await measure_idle(rounds, bursts, actors)  # first, while no memory lies free
    (one, to_one), (ten, to_ten) = await bus_of([key(0)]), await bus_of([key(0)] * FAN)
    full, single = in_bursts([ping(0)], bursts), in_bursts([ping(0)], bursts * BURST // 4, of=1)
    measures = {
        "tell": telling(one, to_one, full),
        "fanout": telling(ten, to_ten, full, FAN),
        "queue": queueing(full),
        "burst of 1": telling(one, to_one, single),
    }
    readings = await in_turn(measures, rounds, warm_up=True)
    for bus in (one, ten):
        await bus.stop()
    costs = {name: Delivery(readings.per_s(name), readings.ratio(name)) for name in measures}
    return BusReport(
        call_ns=readings.call_ns,
        tell=costs["tell"],
        tell_burst_1=costs["burst of 1"],
        fanout=costs["fanout"],
        asyncio_queue=costs["queue"],
        idle=idle,
    )


def telling(bus: Bus, teller: Teller, bursts: Sequence[Sequence[Ping]], fan: int = 1) -> Measure:
    """Nanoseconds a delivery, from `publish` in the teller to the end of the listener's handler."""
    dispatcher = bus.dispatcher
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
