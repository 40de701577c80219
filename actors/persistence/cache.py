"""Rows that are needed again and again: what is committed, and on top of it what a batch has staged."""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from sqlalchemy import Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.insertion import Stored
from actors.persistence.work import Batch

SLICE = 500
"""Keys in one query, at most."""


class RowCache:
    """Rows of a table by some of its columns.

    Args:
        table: whose rows.
        by: the columns of the key; one column is a key of itself, several are a tuple.
        lasting: whether a committed row is worth keeping.
    """

    def __init__(self, table: Table, *by: str, lasting: Callable[[Stored], bool] = lambda _: True) -> None:
        self.hits = self.misses = 0
        self._table = table
        self._columns = [table.c[name] for name in by]
        self._key: Callable[[Stored], Any] = itemgetter(*by)
        self._lasting = lasting
        self._committed: dict[Any, Stored] = {}
        self._staged: dict[Any, Stored] = {}

    async def fetch(self, batch: Batch, keys: Iterable[Any]) -> None:
        """Read the rows that are not known yet, in one query for hundreds of them.

        What is read counts as staged: another unit of the same batch may have put it there.
        """
        wanted = set(keys)
        missing = sorted(key for key in wanted if key not in self._committed and key not in self._staged)
        self.hits += len(wanted) - len(missing)
        self.misses += len(missing)
        for start in range(0, len(missing), SLICE):
            await self._read(await batch.sent(), missing[start : start + SLICE])

    def get(self, key: Any) -> Stored | None:
        """Return a row that was fetched or staged, None if there is none."""
        return self._staged.get(key) or self._committed.get(key)

    def stage(self, row: Stored) -> None:
        """Take note of a row as the batch leaves it."""
        self._staged[self._key(row)] = row

    def settle(self) -> None:
        """Take note that what was staged is committed."""
        for key, row in self._staged.items():
            if self._lasting(row):
                self._committed[key] = row
            else:
                self._committed.pop(key, None)
        self._staged.clear()

    def forget(self) -> None:
        """Drop what was staged."""
        self._staged.clear()

    async def _read(self, connection: AsyncConnection, keys: list[Any]) -> None:
        column = self._columns[0] if len(self._columns) == 1 else tuple_(*self._columns)
        for found in await connection.execute(select(self._table).where(column.in_(keys))):
            self.stage(dict(found._mapping))  # noqa: SLF001 - the public view of a row, despite its name
