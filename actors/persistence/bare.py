"""The same rows written bare, by SQLAlchemy Core alone: what `lts bench orders` compares the journal with."""

from time import perf_counter_ns

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import schema
from actors.persistence.guard import unit
from actors.persistence.insertion import Stored
from actors.persistence.page import table_of
from actors.persistence.rows import AuditRow, InstrumentRow, OrderRow, PortfolioRow, UserRow
from actors.persistence.storage import Storage

_REFERRED = (table_of(UserRow), table_of(InstrumentRow), table_of(PortfolioRow))
_ORDERS, _AUDIT = table_of(OrderRow), table_of(AuditRow)


class Bare:
    """An empty storage of the same schema, into which rows of a journal are copied.

    Args:
        journal: whose rows.
        copy: where they are written.
    """

    def __init__(self, journal: Storage, copy: Storage) -> None:
        self._journal: AsyncEngine = journal.engine(create=False)
        self._copy: AsyncEngine = copy.engine()
        self._copied = 0

    async def begin(self) -> None:
        """Make the tables, and copy what orders refer to."""
        await schema.prepare(self._copy)
        async with self._journal.connect() as source, self._copy.connect() as target:
            with unit(target):
                async with target.begin():
                    for table in _REFERRED:
                        rows = (await source.execute(select(table))).mappings()
                        await target.execute(table.insert(), [dict(row) for row in rows])

    async def nanoseconds(self, group: int) -> float:
        """Copy the orders that are new, with their audit rows, so many a commit; return the ns an order."""
        orders, audit = await self._new_rows()
        async with self._copy.connect() as connection:
            began = perf_counter_ns()
            for start in range(0, len(orders), group):
                with unit(connection):
                    async with connection.begin():
                        await connection.execute(_ORDERS.insert(), orders[start : start + group])
                        await connection.execute(_AUDIT.insert(), audit[start : start + group])
            return (perf_counter_ns() - began) / len(orders)

    async def close(self) -> None:
        """Let go of both."""
        await self._journal.dispose()
        await self._copy.dispose()

    async def _new_rows(self) -> tuple[list[Stored], list[Stored]]:
        told = select(_AUDIT).where(_AUDIT.c.entity == _ORDERS.name, _AUDIT.c.seq > self._copied)
        async with self._journal.connect() as connection:
            audit = [dict(row) for row in (await connection.execute(told)).mappings()]
            kept = select(_ORDERS).order_by(_ORDERS.c.client_order_id.desc()).limit(len(audit))
            orders = [dict(row) for row in (await connection.execute(kept)).mappings()]
        self._copied = max(row["seq"] for row in audit)
        return orders[::-1], audit
