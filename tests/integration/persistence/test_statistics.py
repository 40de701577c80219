"""Statistics in the database: kept as sampled, rolled up into minutes, hours and days, thinned out."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count, groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from actors.persistence.actor import Persistence
from actors.persistence.repositories.roll_up import KEPT
from actors.persistence.storage import Storage
from lts.domain.statistics import (
    AT_ONCE,
    DAY,
    HOUR,
    MINUTE,
    SAMPLE,
    Measured,
    RecallStatistics,
)
from lts.domain.units import Command, KeepSamples, Perform, Performed, RollUp
from lts.testing import Bench

pytestmark = pytest.mark.requirement("INT-9.2", "INT-5.1")

SECOND = 1_000_000_000
BEGIN = 1_577_836_800 * SECOND  # 2020-01-01T00:00Z
FOREVER = 2**62
EQUITY = "portfolio/main/equity"

Samples = Sequence[tuple[int, float]]
"""Seconds after the beginning, and what was measured."""


class Statistics:
    """The statistics of a node that runs."""

    def __init__(self, bench: Bench[Persistence]) -> None:
        self.bench = bench

    async def perform(self, *commands: Command) -> None:
        """Carry out a unit."""
        assert await self.bench.ask(Perform(commands, "statistics")) == Performed()

    async def keep(self, samples: Samples, series: str = EQUITY) -> None:
        """Keep samples of one series."""
        await self.perform(*[KeepSamples(BEGIN + at * SECOND, {series: value}) for at, value in samples])

    async def roll_up(self, before: int, times: int = 1) -> None:
        """Roll up, as often as that."""
        await self.perform(*[RollUp(BEGIN + before * SECOND)] * times)

    async def at(self, resolution: int, series: str = EQUITY) -> tuple[Measured, ...]:
        """Return all of a series at one resolution."""
        return await self.between(0, FOREVER, resolution, series)

    async def between(
        self, since: int, until: int, resolution: int, series: str = EQUITY
    ) -> tuple[Measured, ...]:
        """Return a part of a series."""
        return (await self.bench.ask(RecallStatistics(series, resolution, since, until))).measured


@pytest.fixture
def running(database: str, tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[Statistics]]:
    """Runs a node over the database, as often as is wanted."""
    storage = Storage(tmp_path, database)
    storage.node_keys(create=True)

    @asynccontextmanager
    async def run() -> AsyncIterator[Statistics]:
        async with Bench(Persistence, storage) as bench:
            yield Statistics(bench)

    return run


@pytest.fixture
async def statistics(
    running: Callable[[], AbstractAsyncContextManager[Statistics]],
) -> AsyncIterator[Statistics]:
    """The statistics of a node that runs."""
    async with running() as statistics:
        yield statistics


def folded(samples: Iterable[tuple[int, float]], resolution: int) -> tuple[Measured, ...]:
    """What samples are at a resolution, by the definition of it."""
    parts = groupby(sorted(samples), key=lambda sample: sample[0] // resolution * resolution)
    return tuple(_interval(BEGIN + begin * SECOND, [value for _, value in part]) for begin, part in parts)


def _interval(at: int, values: list[float]) -> Measured:
    return Measured(at, len(values), values[0], min(values), max(values), values[-1], sum(values))


async def test_a_sample_is_there_as_it_was_taken_before_and_after_it_is_rolled_up(
    statistics: Statistics,
) -> None:
    await statistics.keep([(5, 1.5), (65, 2.5)])
    taken = (Measured.once(BEGIN + 5 * SECOND, 1.5), Measured.once(BEGIN + 65 * SECOND, 2.5))
    assert await statistics.at(SAMPLE) == taken
    assert await statistics.at(MINUTE) == ()
    await statistics.roll_up(120)
    assert await statistics.at(SAMPLE) == taken


async def test_samples_are_rolled_up_into_minutes_hours_and_days(statistics: Statistics) -> None:
    samples = [(0, 5.0), (10, 3.0), (59, 4.0), (60, 7.0), (HOUR, 1.0), (DAY - 1, 2.0), (DAY, 9.0)]
    await statistics.keep(samples)
    await statistics.roll_up(DAY + 1, times=4)  # one for each of the hours
    for resolution in (MINUTE, HOUR, DAY):
        assert await statistics.at(resolution) == folded(samples, resolution)
    day, _ = await statistics.at(DAY)
    assert day == Measured(BEGIN, 6, first=5.0, lowest=1.0, highest=7.0, last=2.0, total=22.0)


async def test_only_what_was_taken_before_is_rolled_up(statistics: Statistics) -> None:
    await statistics.keep([(0, 1.0), (60, 2.0)])
    await statistics.roll_up(60)
    assert await statistics.at(MINUTE) == folded([(0, 1.0)], MINUTE)


async def test_rolling_up_twice_changes_nothing(statistics: Statistics) -> None:
    await statistics.keep([(at, float(at)) for at in range(0, 300, 20)])
    await statistics.roll_up(300)
    once = [await statistics.at(resolution) for resolution in (SAMPLE, MINUTE, HOUR, DAY)]
    await statistics.roll_up(300, times=3)
    assert [await statistics.at(resolution) for resolution in (SAMPLE, MINUTE, HOUR, DAY)] == once


async def test_a_late_sample_is_counted_where_it_belongs(statistics: Statistics) -> None:
    early = [(20, 2.0), (40, 4.0), (100, 5.0)]
    await statistics.keep(early)
    await statistics.roll_up(HOUR)
    late = [(30, 9.0), (10, 1.0), (70, 0.5)]
    await statistics.keep(late)
    await statistics.roll_up(HOUR)
    for resolution in (MINUTE, HOUR, DAY):
        assert await statistics.at(resolution) == folded(early + late, resolution)


async def test_one_that_is_so_late_that_its_minute_has_no_samples_any_more_is_counted_all_the_same(
    statistics: Statistics,
) -> None:
    await statistics.keep([(20, 2.0), (40, 4.0)])
    await statistics.roll_up(3 * DAY, times=2)
    assert await statistics.at(SAMPLE) == ()
    await statistics.keep([(10, 9.0), (50, 1.0)])
    await statistics.roll_up(3 * DAY)
    begin, end = 2.0, 4.0
    for resolution in (MINUTE, HOUR, DAY):
        assert await statistics.at(resolution) == (Measured(BEGIN, 4, begin, 1.0, 9.0, end, 16.0),)


async def test_a_sample_of_an_instant_takes_the_place_of_another_until_that_is_rolled_up(
    statistics: Statistics,
) -> None:
    await statistics.keep([(5, 1.0)])
    await statistics.keep([(5, 2.0)])
    await statistics.roll_up(60)
    await statistics.keep([(5, 3.0)])
    await statistics.roll_up(60)
    assert await statistics.at(SAMPLE) == (Measured.once(BEGIN + 5 * SECOND, 2.0),)
    assert await statistics.at(MINUTE) == folded([(5, 2.0)], MINUTE)


async def test_samples_are_dropped_after_a_day_and_minutes_after_thirty_and_nothing_before_it_is_counted(
    statistics: Statistics,
) -> None:
    samples = [(0, 1.0), (HOUR, 2.0)]
    await statistics.keep(samples)
    await statistics.roll_up(1)  # counts the first of them alone
    await statistics.roll_up(1 + DAY, times=2)  # counts the other, then drops
    assert [each.at for each in await statistics.at(SAMPLE)] == [BEGIN + HOUR * SECOND]
    await statistics.roll_up(1 + HOUR + 30 * DAY, times=2)
    assert await statistics.at(SAMPLE) == ()
    assert await statistics.at(MINUTE) == ()
    for resolution in (HOUR, DAY):
        assert await statistics.at(resolution) == folded(samples, resolution)
    assert {1: DAY, MINUTE: 30 * DAY} == KEPT


async def test_series_are_kept_apart(statistics: Statistics) -> None:
    for at in range(3):
        values = {f"system/{number}": float(number + at) for number in range(3)}
        await statistics.perform(KeepSamples(BEGIN + at * SECOND, values))
    await statistics.roll_up(60)
    for number in range(3):
        samples = [(at, float(number + at)) for at in range(3)]
        assert await statistics.at(HOUR, f"system/{number}") == folded(samples, HOUR)


async def test_a_part_of_a_series_is_what_was_measured_from_one_time_on_and_before_another(
    statistics: Statistics,
) -> None:
    await statistics.keep([(0, 1.0), (60, 2.0), (120, 3.0)])
    await statistics.roll_up(180)
    part = await statistics.between(BEGIN + 60 * SECOND, BEGIN + 120 * SECOND, MINUTE)
    assert part == folded([(60, 2.0)], MINUTE)
    assert await statistics.at(MINUTE, "there is no such series") == ()
    assert await statistics.at(1) == ()


async def test_a_unit_rolls_up_a_bounded_number_of_samples_in_a_fixed_number_of_statements(
    statistics: Statistics,
) -> None:
    statements: list[str] = []
    event.listen(
        statistics.bench.actor.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_: statements.append(statement),
    )
    counts = []
    for samples in (1, AT_ONCE + 1):
        values = {f"many/{number}": 1.0 for number in range(samples)}
        await statistics.perform(KeepSamples(BEGIN + samples * SECOND, values))
        statements.clear()
        await statistics.roll_up(HOUR)
        counts.append(len([each for each in statements if "statistics" in each]))
    assert counts == [8, 8]
    assert await statistics.at(MINUTE, f"many/{AT_ONCE - 1}") != ()
    left = [number for number in range(AT_ONCE + 1) if not await statistics.at(MINUTE, f"many/{number}")]
    assert len(left) == 1
    await statistics.roll_up(HOUR)
    assert await statistics.at(MINUTE, f"many/{left[0]}") != ()


async def test_a_node_that_is_started_again_goes_on_where_it_was(
    running: Callable[[], AbstractAsyncContextManager[Statistics]],
) -> None:
    samples = [(at, float(at % 7)) for at in range(0, 240, 15)]
    for part in (samples[:5], samples[5:9], samples[9:]):
        async with running() as statistics:
            await statistics.keep(part)
            await statistics.roll_up(part[-1][0])
    async with running() as statistics:
        await statistics.roll_up(HOUR)
        for resolution in (MINUTE, HOUR, DAY):
            assert await statistics.at(resolution) == folded(samples, resolution)


NAMES = count(1)
WITHIN_HOURS = st.integers(0, 3 * HOUR)
WITHIN_DAYS = st.integers(0, 3 * DAY)
VALUES = st.integers(-1_000, 1_000).map(float)  # whose sums are exact


def rounds(times: st.SearchStrategy[int]) -> st.SearchStrategy[list[tuple[dict[int, float], int]]]:
    """Samples that come in any order, no two of one instant; after some of them it is rolled up."""
    taken = st.dictionaries(times, VALUES, min_size=1, max_size=12)
    return st.lists(st.tuples(taken, times), min_size=1, max_size=5).map(_one_an_instant)


def _one_an_instant(drawn: list[tuple[dict[int, float], int]]) -> list[tuple[dict[int, float], int]]:
    seen: set[int] = set()
    kept = []
    for taken, before in drawn:
        kept.append(({at: value for at, value in taken.items() if at not in seen}, before))
        seen |= taken.keys()
    return kept


async def played(
    statistics: Statistics, drawn: list[tuple[dict[int, float], int]], series: str, end: int
) -> list[tuple[int, float]]:
    """Keep and roll up what is drawn, all of it at the end, and return it."""
    samples = [sample for taken, _ in drawn for sample in taken.items()]
    for taken, before in drawn:
        await statistics.keep(list(taken.items()), series)
        await statistics.roll_up(before)
    await statistics.roll_up(end, times=len(samples) + 1)
    return samples


SAME_DATABASE = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SAME_DATABASE
@given(drawn=rounds(WITHIN_HOURS))
async def test_what_is_rolled_up_is_the_fold_of_the_samples_in_whatever_order_they_come(
    statistics: Statistics, drawn: list[tuple[dict[int, float], int]]
) -> None:
    series = f"drawn/{next(NAMES)}"
    samples = await played(statistics, drawn, series, 3 * HOUR + 1)
    for resolution in (MINUTE, HOUR, DAY):
        assert await statistics.at(resolution, series) == folded(samples, resolution)


@SAME_DATABASE
@given(drawn=rounds(WITHIN_DAYS))
async def test_no_sample_is_lost_or_counted_twice_when_others_have_been_dropped(
    statistics: Statistics, drawn: list[tuple[dict[int, float], int]]
) -> None:
    series = f"dropped/{next(NAMES)}"
    samples = await played(statistics, drawn, series, 3 * DAY + 1)
    for resolution in (MINUTE, HOUR, DAY):
        found = await statistics.at(resolution, series)
        assert list(map(_without_order, found)) == list(map(_without_order, folded(samples, resolution)))


def _without_order(measured: Measured) -> tuple[int, int, float, float, float]:
    return (measured.at, measured.samples, measured.lowest, measured.highest, measured.total)
