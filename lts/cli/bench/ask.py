"""What an answer costs: an actor that awaits asks one that answers at once, in a plain `def`.

Beside it stands the least that an answer through the event loop can cost: a future, and the
wake-up of whoever awaits it.
"""

import asyncio
from statistics import median, quantiles
from time import perf_counter_ns

import msgspec

from bus import Actor, Bus, Event, ReplayDriver, Request, on
from lts.cli.bench.rounds import bare_call, settled


class Sum(Request[int]):
    """Asks for a sum."""

    one: int
    other: int


class AskAway(Event):
    """Tells the asker to ask, so many times."""

    times: int


class Adder(Actor[None]):
    """Answers sums."""

    @on
    def add(self, wanted: Sum) -> int:
        """Answer at once."""
        return wanted.one + wanted.other


class Asker(Actor[None]):
    """Asks, and takes the time of each answer."""

    asks = (Sum,)
    took: list[int]
    """Nanoseconds of each answer."""

    @on
    async def ask_away(self, wanted: AskAway) -> None:
        """Ask one after the other."""
        question = Sum(1, 2)
        self.took = []
        for _ in range(wanted.times):
            began = perf_counter_ns()
            await self.ask(question)
            self.took.append(perf_counter_ns() - began)


class AskReport(msgspec.Struct, frozen=True):
    """What answers cost, in microseconds."""

    call_ns: float
    p50_us: float
    p99_us: float
    bare_future_p50_us: float


async def measure_ask(rounds: int, asks: int) -> AskReport:
    """Measure so many answers a round."""
    bus = Bus(ReplayDriver())
    bus.spawn(Adder, None, name="adder")
    asker = bus.spawn(Asker, None, name="asker").actor
    assert isinstance(asker, Asker)  # noqa: S101 - it was just spawned
    await answers(bus, asker, asks)
    calls, typical, slow, bare = [], [], [], []
    for _ in range(rounds):
        with settled():
            calls.append(bare_call())
            percentiles = quantiles(await answers(bus, asker, asks), n=100)
            bare.append(median(await wake_ups(asks)))
        typical.append(percentiles[49])
        slow.append(percentiles[98])
    await bus.stop()
    return AskReport(round(median(calls), 1), *(_microseconds(each) for each in (typical, slow, bare)))


async def answers(bus: Bus, asker: Asker, times: int) -> list[int]:
    """Nanoseconds of each of so many answers."""
    bus.dispatcher.publish(AskAway(times))
    await bus.started()
    return asker.took


async def wake_ups(times: int) -> list[int]:
    """Nanoseconds of each of so many futures, awaited until the event loop's next turn sets them."""
    loop = asyncio.get_running_loop()
    took = []
    for _ in range(times):
        began = perf_counter_ns()
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future
        took.append(perf_counter_ns() - began)
    return took


def _microseconds(rounds: list[float]) -> float:
    return round(median(rounds) / 1000, 2)
