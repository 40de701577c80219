"""Rolling up: samples are counted in their minutes, hours and days, and thinned out with age.

A sample that is counted moves from one resolution to another, in the transaction that counts it: so
none is counted twice, whatever is repeated, and one that comes late is counted like any other. What
an interval becomes is read from the intervals below it, as long as all that it counts is still there;
when some of that is dropped already, a late sample is added to what the interval was, and its first
and last value stay.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Delete,
    FromClause,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.sql.dml import ReturningUpdate

from actors.persistence.repositories.statistics import COUNTED, STATISTICS, put
from actors.persistence.unit import Unit
from bus import SECOND
from lts.domain.statistics import AT_ONCE, DAY, HOUR, MINUTE, SAMPLE, Measured
from lts.domain.units import RollUp

KEPT = {COUNTED: DAY, MINUTE: 30 * DAY}
"""The seconds for which counted samples, and minutes, are kept."""
DROPPED_AT_ONCE = 2 * AT_ONCE

_LEVELS = ((COUNTED, MINUTE), (MINUTE, HOUR), (HOUR, DAY))
"""What is counted, and in what: each interval is made from those of the level below."""
_KEY = (STATISTICS.c.series, STATISTICS.c.resolution, STATISTICS.c.at)

_WIDTH = 1 + len(Measured.__struct_fields__)

Samples = Sequence[tuple[str, Measured]]
"""Each with the name of its series."""


async def roll_up(unit: Unit, command: RollUp) -> None:
    """Count the oldest samples that are not counted, in 8 statements; if there are none, drop what is old."""
    known = list(await (await unit.batch.sent()).scalars(_series()))
    if samples := await _take(unit, known, command.before):
        for below, resolution in _LEVELS:
            await _count(unit, samples, below, resolution)
        return
    for resolution, seconds in KEPT.items():
        await _drop(unit, known, resolution, command.before - seconds * SECOND)


async def _take(unit: Unit, known: Sequence[str], before: int) -> Samples:
    """Take the oldest samples out of those to be counted; all are of one hour, oldest first."""
    moved = await (await unit.batch.sent()).execute(_move(), {"known": known, "before": before})
    samples = [(row.series, Measured.once(row.at, row.first)) for row in moved]
    unit.batch.rows += len(samples)
    return sorted(samples, key=lambda sample: sample[1].at)


async def _count(unit: Unit, samples: Samples, below: int, resolution: int) -> None:
    """Count samples in their intervals of one resolution."""
    new, span = _folded(samples, resolution), resolution * SECOND
    begin, end = samples[0][1].at, samples[-1][1].at
    values = {
        "series": sorted({series for series, _ in samples}),
        "begin": begin - begin % span,
        "end": end - end % span + span,
    }
    found = await (await unit.batch.sent()).execute(_fold(below, resolution), values)
    summed = [
        (row.series, _sum(_before(row), new[row.series, row.at], Measured(*row[1:_WIDTH])))
        for row in found
        if (row.series, row.at) in new
    ]
    await put(unit, resolution, summed)


def _before(row: Any) -> Measured | None:
    """Return what an interval was, if it was there; it is the second half of a row."""
    return None if row[_WIDTH] is None else Measured(*row[_WIDTH:])


def _sum(before: Measured | None, new: Measured, whole: Measured) -> Measured:
    """Return what an interval is: the whole of what is below it, if that is everything that it counts."""
    if before is None or whole.samples == before.samples + new.samples:
        return whole
    both = before.then(new)
    return msgspec.structs.replace(both, last=before.last)


async def _drop(unit: Unit, known: Sequence[str], resolution: int, before: int) -> None:
    values = {"known": known, "before": before, "of": resolution}
    unit.batch.rows += (await (await unit.batch.sent()).execute(_remove(), values)).rowcount


def _folded(samples: Samples, resolution: int) -> dict[tuple[str, int], Measured]:
    """Return samples, sorted by time, by series and the beginning of their interval."""
    folded: dict[tuple[str, int], Measured] = {}
    for series, sample in samples:
        begin = sample.at - sample.at % (resolution * SECOND)
        known = folded.get((series, begin))
        folded[series, begin] = known.then(sample) if known else Measured.once(begin, sample.first)
    return folded


@cache
def _series() -> Select[Any]:
    """Return a query for the names of all series, which goes from name to name through the index."""
    series = STATISTICS.c.series
    names = select(func.min(series).label("series")).cte("names", recursive=True)
    following = select(func.min(series)).where(series > names.c.series).scalar_subquery()
    names = names.union_all(select(following).select_from(names).where(names.c.series.is_not(None)))
    return select(names.c.series).where(names.c.series.is_not(None))


@cache
def _move() -> ReturningUpdate[Any]:
    """Return a statement that moves the oldest samples to where they stand when they are counted."""
    columns = STATISTICS.c
    waiting = and_(*_old(), columns.resolution == SAMPLE)
    oldest = select(func.min(columns.at)).where(waiting).scalar_subquery()
    this_hour = columns.at < _interval(oldest, HOUR) + literal_column(str(HOUR * SECOND))
    wanted = select(*_KEY).where(waiting, this_hour).order_by(columns.at, columns.series).limit(AT_ONCE)
    move = STATISTICS.update().where(tuple_(*_KEY).in_(wanted)).values(resolution=COUNTED)
    return move.returning(columns.series, columns.at, columns.first)


@cache
def _remove() -> Delete:
    """Return a statement that removes rows that are too old, not all at once."""
    of = STATISTICS.c.resolution == bindparam("of")
    return STATISTICS.delete().where(
        tuple_(*_KEY).in_(select(*_KEY).where(*_old(), of).limit(DROPPED_AT_ONCE))
    )


def _old() -> tuple[ColumnElement[bool], ...]:
    """Return the condition that a row is of a known series, and `before` a time."""
    columns = STATISTICS.c
    return columns.series.in_(bindparam("known", expanding=True)), columns.at < bindparam("before")


@cache
def _fold(below: int, resolution: int) -> Select[Any]:
    """Return a query for intervals from `begin` until `end`: what is below them, and what they were."""
    columns, opening, closing = STATISTICS.c, STATISTICS.alias(), STATISTICS.alias()
    before = STATISTICS.alias()
    begin = _interval(columns.at, resolution).label("begin")
    its = (
        select(
            columns.series,
            begin,
            func.min(columns.at).label("opened"),
            func.max(columns.at).label("closed"),
            func.sum(columns.samples).label("samples"),
            func.min(columns.lowest).label("lowest"),
            func.max(columns.highest).label("highest"),
            func.sum(columns.total).label("total"),
        )
        .where(columns.series.in_(bindparam("series", expanding=True)))
        .where(columns.resolution == literal_column(str(below)))
        .where(columns.at >= bindparam("begin"), columns.at < bindparam("end"))
        .group_by(columns.series, begin)
        .subquery()
    )
    whole = (its.c.samples, opening.c.first, its.c.lowest, its.c.highest, closing.c.last, its.c.total)
    was = [before.c[name].label(f"before_{name}") for name in Measured.__struct_fields__]
    return (
        select(its.c.series, its.c.begin.label("at"), *whole, *was)
        .select_from(its)
        .join(opening, _is(opening, its.c.series, below, its.c.opened))
        .join(closing, _is(closing, its.c.series, below, its.c.closed))
        .outerjoin(before, _is(before, its.c.series, resolution, its.c.begin))
    )


def _interval(at: ColumnElement[int], resolution: int) -> ColumnElement[int]:
    """Return when the interval began that an instant is in."""
    return at - at % literal_column(str(resolution * SECOND))


def _is(row: FromClause, series: Any, resolution: int, at: Any) -> ColumnElement[bool]:
    return and_(row.c.series == series, row.c.resolution == literal_column(str(resolution)), row.c.at == at)
