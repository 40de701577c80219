"""Rolling up: samples are counted in their minutes, hours and days, and thinned out with age.

A sample that is counted moves from one resolution to another, in the transaction that counts it: so
none is counted twice, whatever is repeated, and one that comes late is counted like any other. What
an interval becomes is read from the intervals below it, as long as all that it counts is still there;
when some of that is dropped already, a late sample is added to what the interval was, and its first
and last value stay.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
)

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

Counted = dict[tuple[str, int], Measured]
"""By series and the beginning of an interval."""


async def roll_up(unit: Unit, command: RollUp) -> None:
    """Count the oldest samples that are not counted, and drop what is too old, in 14 statements at most."""
    known = list(await unit.batch.connection.scalars(_series()))
    samples = await _take(unit, known, command.before)
    if samples:
        for below, resolution in _LEVELS:
            await _count(unit, samples, below, resolution)
    for resolution, seconds in KEPT.items():
        await _drop(unit, known, resolution, command.before - seconds * SECOND)


async def _take(unit: Unit, known: Sequence[str], before: int) -> list[tuple[str, Measured]]:
    """Take the oldest samples out of those to be counted; all are of one hour, oldest first."""
    columns, connection = STATISTICS.c, unit.batch.connection
    waiting = and_(columns.series.in_(known), columns.resolution == SAMPLE, columns.at < before)
    oldest = await connection.scalar(select(func.min(columns.at)).where(waiting))
    if oldest is None:
        return []
    soon = and_(waiting, columns.at < _interval(oldest, HOUR) + HOUR * SECOND)
    wanted = select(*_KEY).where(soon).order_by(columns.at, columns.series).limit(AT_ONCE)
    move = STATISTICS.update().where(tuple_(*_KEY).in_(wanted)).values(resolution=COUNTED)
    moved = await connection.execute(move.returning(columns.series, columns.at, columns.first))
    samples = [(row.series, Measured.once(row.at, row.first)) for row in moved]
    unit.batch.rows += len(samples)
    return sorted(samples, key=lambda sample: sample[1].at)


async def _count(unit: Unit, samples: Sequence[tuple[str, Measured]], below: int, resolution: int) -> None:
    """Count samples in their intervals of one resolution."""
    new = _folded(samples, resolution)
    begin, end = samples[0][1].at, samples[-1][1].at
    values = {
        "series": sorted({series for series, _ in samples}),
        "begin": _interval(begin, resolution),
        "end": _interval(end, resolution) + resolution * SECOND,
    }
    connection = unit.batch.connection
    before = _measured(await connection.execute(_there(resolution), values))
    whole = _measured(await connection.execute(_fold(below, resolution), values))
    await put(
        unit,
        resolution,
        [(key[0], _sum(before.get(key), each, whole[key])) for key, each in new.items()],
    )


def _sum(before: Measured | None, new: Measured, whole: Measured) -> Measured:
    """Return what an interval is: the whole of what is below it, if that is everything that it counts."""
    if before is None or whole.samples == before.samples + new.samples:
        return whole
    both = before.then(new)
    return msgspec.structs.replace(both, last=before.last)


async def _drop(unit: Unit, known: Sequence[str], resolution: int, before: int) -> None:
    columns = STATISTICS.c
    old = and_(columns.series.in_(known), columns.resolution == resolution, columns.at < before)
    oldest = select(*_KEY).where(old).limit(DROPPED_AT_ONCE)
    gone = await unit.batch.connection.execute(STATISTICS.delete().where(tuple_(*_KEY).in_(oldest)))
    unit.batch.rows += gone.rowcount


def _folded(samples: Sequence[tuple[str, Measured]], resolution: int) -> Counted:
    """Return samples by the interval that they belong to; they are sorted by time."""
    folded: Counted = {}
    for series, sample in samples:
        begin = _interval(sample.at, resolution)
        known = folded.get((series, begin))
        folded[series, begin] = known.then(sample) if known else Measured.once(begin, sample.first)
    return folded


def _interval(at: int, resolution: int) -> int:
    """Return when the interval began that an instant is in."""
    return at - at % (resolution * SECOND)


def _measured(rows: Iterable[Any]) -> Counted:
    return {(row.series, row.at): Measured(*row[1:]) for row in rows}


@cache
def _series() -> Select[Any]:
    """Return a query for the names of all series, which goes from name to name through the index."""
    series = STATISTICS.c.series
    names = select(func.min(series).label("series")).cte("names", recursive=True)
    following = select(func.min(series)).where(series > names.c.series).scalar_subquery()
    names = names.union_all(select(following).select_from(names).where(names.c.series.is_not(None)))
    return select(names.c.series).where(names.c.series.is_not(None))


@cache
def _there(resolution: int) -> Select[Any]:
    """Return a query for the intervals of some series from `begin` until `end`."""
    columns = STATISTICS.c
    measured = [columns[name] for name in Measured.__struct_fields__]
    return select(columns.series, *measured).where(*_wanted(resolution))


@cache
def _fold(below: int, resolution: int) -> Select[Any]:
    """Return a query for what those intervals are by what is below them."""
    columns, opening, closing = STATISTICS.c, STATISTICS.alias(), STATISTICS.alias()
    begin = (columns.at - columns.at % literal_column(str(resolution * SECOND))).label("begin")
    folded = (
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
        .where(*_wanted(below))
        .group_by(columns.series, begin)
        .subquery()
    )
    its = folded.c
    return (
        select(
            its.series,
            its.begin.label("at"),
            its.samples,
            opening.c.first,
            its.lowest,
            its.highest,
            closing.c.last,
            its.total,
        )
        .select_from(folded)
        .join(opening, _is(opening, its.series, below, its.opened))
        .join(closing, _is(closing, its.series, below, its.closed))
    )


def _wanted(resolution: int) -> tuple[ColumnElement[bool], ...]:
    columns = STATISTICS.c
    return (
        columns.series.in_(bindparam("series", expanding=True)),
        columns.resolution == literal_column(str(resolution)),
        columns.at >= bindparam("begin"),
        columns.at < bindparam("end"),
    )


def _is(row: FromClause, series: Any, resolution: int, at: Any) -> ColumnElement[bool]:
    return and_(row.c.series == series, row.c.resolution == literal_column(str(resolution)), row.c.at == at)
