"""Statistics: samples as they are taken."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from actors.persistence.page import table_of
from actors.persistence.rows import StatisticRow
from actors.persistence.unit import Unit
from lts.domain.statistics import SAMPLE, Measured
from lts.domain.units import KeepSamples

STATISTICS = table_of(StatisticRow)
COUNTED = 1
"""The resolution at which a sample stands once it is counted in its minute."""

_KEY = ("series", "resolution", "at")
_INSERT: Mapping[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def keep_samples(unit: Unit, command: KeepSamples) -> None:
    """Keep one sample of each series, in the place of another of that instant unless that is counted."""
    at, columns = command.at, STATISTICS.c
    mine = (columns.series.in_(list(command.values)), columns.resolution == COUNTED, columns.at == at)
    counted = set(await (await unit.batch.sent()).scalars(select(columns.series).where(*mine)))
    taken = {
        series: Measured.once(at, value) for series, value in command.values.items() if series not in counted
    }
    await put(unit, SAMPLE, taken.items())


async def put(unit: Unit, resolution: int, measured: Iterable[tuple[str, Measured]]) -> None:
    """Write what series measured, in the place of what was there, in one statement."""
    rows = [
        {"series": series, "resolution": resolution, **msgspec.structs.asdict(each)}
        for series, each in measured
    ]
    await unit.batch.execute(_upsert(unit.batch.dialect.name), rows)


@cache
def _upsert(dialect: str) -> Any:
    insert = _INSERT[dialect](STATISTICS)
    others = [column.name for column in STATISTICS.c if column.name not in _KEY]
    return insert.on_conflict_do_update(
        index_elements=_KEY, set_={name: insert.excluded[name] for name in others}
    )
