"""What 100,000 actors cost that do nothing: their memory, and the time to tell one of them something.

Each is scoped to a key of its own. Bursts to the same one of them, to random ones, and to one of ten
on a bus of their own take turns, so that all three find the machine in the same state. Bytes are the
growth of the resident memory while the actors are spawned: cells, routes, names and keys included.
"""

from collections.abc import Sequence
from random import Random
from statistics import median
from time import perf_counter_ns

import msgspec

from bus import Bus
from lts.cli.bench.memory import resident_bytes
from lts.cli.bench.pings import BURST, LIMIT, Ping, Teller, bus_of, in_bursts, key, ping
from lts.cli.bench.rounds import settled

FEW = 10
STOP_WITHIN = 600.0
"""Seconds: a hundred thousand actors end one after the other."""


class Idle(msgspec.Struct, frozen=True):
    """What many idle actors cost."""

    actors: int
    bytes_each: int
    publish_same_ratio: float
    """Telling one and the same of them, to telling one of ten."""
    publish_random_ratio: float
    """Telling a random one of them, to telling one of ten."""


async def measure_idle(rounds: int, bursts: int, actors: int) -> Idle:
    """Measure so many idle actors by at least so many bursts a round, and enough for each of them."""
    few, few_teller = await bus_of([key(number) for number in range(FEW)])
    before = resident_bytes()
    many, teller = await bus_of([key(number) for number in range(actors)])
    bytes_each = round((resident_bytes() - before) / actors)
    bursts = max(bursts, actors // BURST)
    anyone = [ping(number) for number in Random(1).sample(range(actors), actors)]  # noqa: S311 - no secret
    one_of_ten = (few, few_teller, in_bursts([ping(number) for number in range(FEW)], bursts))
    same = (many, teller, in_bursts([ping(actors // 2)], bursts))
    random = (many, teller, in_bursts(anyone, bursts))
    taking_turns(one_of_ten, same, random)
    took = []
    for _ in range(rounds):
        with settled():
            took.append(taking_turns(one_of_ten, same, random))
    for bus in (few, many):
        await bus.stop(STOP_WITHIN)
    return Idle(
        actors,
        bytes_each,
        publish_same_ratio=round(median(same / ten for ten, same, _ in took), 2),
        publish_random_ratio=round(median(random / ten for ten, _, random in took), 2),
    )


def taking_turns(*tellings: tuple[Bus, Teller, Sequence[Sequence[Ping]]]) -> list[int]:
    """Nanoseconds of each telling, a burst of each after a burst of each."""
    took = [0] * len(tellings)
    buses = [(bus.dispatcher, teller) for bus, teller, _ in tellings]
    for turn in zip(*(bursts for _, _, bursts in tellings), strict=True):
        for place, burst in enumerate(turn):
            dispatcher, teller = buses[place]
            began = perf_counter_ns()
            teller.tell(burst)
            dispatcher.drain(LIMIT)
            took[place] += perf_counter_ns() - began
    return took
