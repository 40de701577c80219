"""The series of the statistics, in sessions that can only read."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence.repositories.statistics import COUNTED, STATISTICS
from lts.domain.statistics import DAY, HOUR, MINUTE, SAMPLE, Measured, RecallStatistics

_STORED_AT = {SAMPLE: (SAMPLE, COUNTED), MINUTE: (MINUTE,), HOUR: (HOUR,), DAY: (DAY,)}


async def recall_statistics(engine: AsyncEngine, wanted: RecallStatistics) -> tuple[Measured, ...]:
    """Return what a series measured, oldest first."""
    columns = STATISTICS.c
    query = (
        select(*[columns[name] for name in Measured.__struct_fields__])
        .where(columns.series == wanted.series, columns.resolution.in_(_STORED_AT.get(wanted.resolution, ())))
        .where(columns.at >= wanted.since, columns.at < wanted.until)
        .order_by(columns.at)
    )
    async with engine.connect() as connection:
        return tuple(Measured(*row) for row in await connection.execute(query))
