"""A stopwatch that is fair on a noisy machine: all in turn, round after round, beside a bare call."""

import gc
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from statistics import mean, median
from time import perf_counter_ns

Measure = Callable[[], Awaitable[float]]
"""Measures something once: nanoseconds a unit."""

SIZES = (10, 100, 1_000, 10_000)
"""Portfolios of the systems that are measured as they grow."""
CALLS = 500_000
"""Bare calls that are timed at once: some tens of milliseconds."""


class Callee:
    """Somebody with a method that does nothing."""

    def hear(self, message: object) -> None:
        """Take the message, and no more."""


def bare_call(calls: int = CALLS) -> float:
    """Nanoseconds that a bare call of a bound method takes, in a loop."""
    hear = Callee().hear
    began = perf_counter_ns()
    for _ in range(calls):
        hear(None)
    return (perf_counter_ns() - began) / calls


@contextmanager
def settled() -> Generator[None, None, None]:
    """Garbage collected, and the collector kept away from all that was there before."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class Readings:
    """What was read off the stopwatch, round by round."""

    def __init__(self) -> None:
        self.calls: list[float] = []
        self.took: defaultdict[str, list[float]] = defaultdict(list)
        self.ratios: defaultdict[str, list[float]] = defaultdict(list)

    @property
    def call_ns(self) -> float:
        """Nanoseconds of a bare call."""
        return round(median(self.calls), 1)

    def ns(self, name: str) -> float:
        """Nanoseconds a unit: the median of all rounds."""
        return median(self.took[name])

    def per_s(self, name: str) -> int:
        """Units a second."""
        return round(1e9 / self.ns(name))

    def ratio(self, name: str) -> float:
        """How many bare calls a unit costs: the median of the ratios of each round."""
        return round(median(self.ratios[name]), 2)


async def in_turn(measures: Mapping[str, Measure], rounds: int, *, warm_up: bool = False) -> Readings:
    """Measure everything once a round, each between two bare calls.

    Args:
        measures: what to measure, by name.
        rounds: how often.
        warm_up: whether a round that does not count comes first.
    """
    if warm_up:
        await in_turn(measures, 1)
    readings = Readings()
    for _ in range(rounds):
        with settled():
            before = bare_call()
            for name, measure in measures.items():
                took = await measure()
                after = bare_call()
                readings.calls += (before, after)
                readings.took[name].append(took)
                readings.ratios[name].append(took / mean((before, after)))
                before = after
    return readings
