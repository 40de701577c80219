"""What waits to be written, and who writes it."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import UpdateBase

from actors.persistence.auditing import AuditTrail
from actors.persistence.insertion import Prepared, Stored, insertion, prepared


@dataclass(slots=True)
class Batch:
    """One transaction of the writer lane."""

    connection: AsyncConnection
    trail: AuditTrail
    at: int
    """System time, in UTC nanoseconds."""
    rows: int = 0

    async def execute(self, statement: Any, rows: Sequence[Stored]) -> None:
        """Execute a statement for each of the rows, in one go."""
        if rows:
            await self.connection.execute(statement, rows)
            self.rows += len(rows)

    async def insert(self, table: Table, rows: Sequence[Stored]) -> None:
        """Insert rows, whole ones, in one go."""
        if rows:
            await self._send(insertion(table, self.connection.dialect), rows)

    async def change(self, update: UpdateBase, rows: Sequence[Stored]) -> None:
        """Execute an update, which is made once and kept, for each of the rows, in one go."""
        if rows:
            await self._send(prepared(update, self.connection.dialect), rows)

    async def scalar(self, query: str) -> Any:
        """Return the one value that a query finds, None if it finds nothing; SQLite is gone to once."""
        if self.connection.dialect.name != "sqlite":
            return await self.connection.scalar(text(query))
        driver: Any = (await self.connection.get_raw_connection()).driver_connection
        rows = await driver.execute_fetchall(query)
        return rows[0][0] if rows else None

    async def _send(self, statement: Prepared, rows: Sequence[Stored]) -> None:
        """Hand a statement to the driver.

        SQLite's works in a thread of its own, where Core would go three times for one statement:
        the way there is most of what an order that is written alone waits for.
        """
        parameters = statement.parameters(rows)
        self.rows += len(rows)
        if self.connection.dialect.name != "sqlite":
            await self.connection.exec_driver_sql(statement.text, parameters)
            return
        driver: Any = (await self.connection.get_raw_connection()).driver_connection
        try:
            await driver.executemany(statement.text, parameters)
        except sqlite3.Error as error:
            raise DBAPIError.instance(statement.text, None, error, sqlite3.Error) from error


def _nothing(*_: Any) -> None:
    """Nobody wants to know."""


@dataclass(slots=True)
class Work:
    """A piece of work: all of it is committed, or nothing."""

    content: Any
    scribe: "Scribe"
    who: str
    cause: int
    done: Callable[[], None] = _nothing
    """Called after the commit."""
    refused: Callable[[str], None] = _nothing
    """Called with the reason when it cannot be committed, whatever is tried."""
    patient: bool = False
    """Whether it may wait for company rather than be written at once."""
    fleeting: bool = False
    """Whether it is refused rather than kept waiting while nothing can be stored."""
    precious: bool = False
    """Whether it waits for as long as it takes rather than be refused for what is not its own fault."""


class Scribe(Protocol):
    """Writes one sort of work, and remembers what it wrote only once it is committed."""

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Write consecutive pieces of work; raise if any of them is impossible."""

    def settle(self) -> None:
        """Take note that all that was written is committed."""

    def forget(self) -> None:
        """Take note that nothing of what was written was committed."""


class Steps:
    """The scribe of upkeep: each piece of work is a function of this package that is given the batch."""

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Take each step."""
        for work in works:
            await work.content(batch, work)

    def settle(self) -> None:
        """Remember nothing: whoever has a step taken hears of it by `done`."""

    def forget(self) -> None:
        """Forget nothing, for the same reason."""


class Marks:
    """The scribe of what only marks a place in the lane: there is nothing to write."""

    async def write(self, batch: Batch, works: Sequence[Work]) -> None:
        """Write nothing."""

    def settle(self) -> None:
        """Remember nothing."""

    def forget(self) -> None:
        """Forget nothing."""


class Impossible(Exception):
    """A piece of work that contradicts what is stored; the sentence says how."""
