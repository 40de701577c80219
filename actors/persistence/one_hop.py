"""Transactions on SQLite in one hop: its driver works in a thread, and each way there and back has its price.

What is to be written gathers, and goes there together, between the BEGIN and the COMMIT. Where somebody
has to read first, or writes by the ORM, the transaction is begun as usual, and what gathers goes there in
as few hops as can be. An order that is written alone waits for one hop in the place of six.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.auditing import AuditTrail
from actors.persistence.engine import may_change
from actors.persistence.insertion import Prepared, Stored
from actors.persistence.work import Batch, Impossible

Step = Callable[[sqlite3.Connection], None]
"""One statement, executed in the driver's thread."""


class GatheringBatch(Batch):
    """A batch on SQLite: it sends nothing before it has to."""

    def __init__(self, connection: AsyncConnection, trail: AuditTrail, at: int) -> None:
        super().__init__(connection, trail, at)
        self._begun = False
        self._usual = AsyncExitStack()
        """Holds a transaction that was begun as usual."""
        self._gathered: list[Step] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Begin, and commit at the end; nothing is left of it if anything is raised."""
        async with self._usual:
            if not may_change(self._connection):
                await self.sent()
            yield
            await self._go(_each if self._begun else _whole)

    async def sent(self) -> AsyncConnection:
        """Return the connection, in a transaction that has begun, with all on it that was written so far."""
        if not self._begun:
            await self._usual.enter_async_context(self._connection.begin())
            self._begun = True
        await self._go(_each)
        return self._connection

    async def check(self, query: str, objection: Callable[[Any], str]) -> None:
        """Have something looked at on the way."""

        def look(connection: sqlite3.Connection) -> None:
            found = connection.execute(query).fetchone()
            if objected := objection(found and found[0]):
                raise Impossible(objected)

        self._gathered.append(look)

    async def _send(self, statement: Prepared, rows: Sequence[Stored]) -> None:
        sql, parameters = statement.text, statement.parameters(rows)
        self.rows += len(rows)
        self._gathered.append(lambda connection: _execute(connection, sql, parameters))

    async def _go(self, hop: "Callable[[sqlite3.Connection, Sequence[Step], Errand], None]") -> None:
        """Have the driver's thread do what has gathered; what nobody waits for any more is not committed."""
        if not self._gathered:
            return
        steps, self._gathered = self._gathered, []
        driver: Any = (await self._connection.get_raw_connection()).driver_connection
        errand = Errand()
        try:
            # Its public methods execute one statement each.
            await driver._execute(hop, driver._conn, steps, errand)  # noqa: SLF001
        except BaseException:
            errand.given_up = True
            raise


def batch_on(connection: AsyncConnection, trail: AuditTrail, at: int) -> Batch:
    """Return a batch as the engine is best served."""
    made = GatheringBatch if connection.dialect.name == "sqlite" else Batch
    return made(connection, trail, at)


class Errand:
    """Whether anybody waits for the thread."""

    __slots__ = ("given_up",)

    def __init__(self) -> None:
        self.given_up = False


class GivenUp(Exception):
    """Nobody waits any more."""


def _each(connection: sqlite3.Connection, steps: Sequence[Step], errand: Errand) -> None:
    for step in steps:
        if errand.given_up:
            raise GivenUp
        step(connection)


def _whole(connection: sqlite3.Connection, steps: Sequence[Step], errand: Errand) -> None:
    """Carry out a transaction from its begin to its end."""
    _execute(connection, "BEGIN IMMEDIATE")
    try:
        _each(connection, (*steps, _commit), errand)
    except BaseException:
        if connection.in_transaction:
            _execute(connection, "ROLLBACK")
        raise


def _commit(connection: sqlite3.Connection) -> None:
    _execute(connection, "COMMIT")


def _execute(
    connection: sqlite3.Connection, sql: str, parameters: Sequence[Sequence[Any]] | None = None
) -> None:
    """Execute a statement, for each of the parameters if there are any; raises what SQLAlchemy would."""
    try:
        if parameters is None:
            connection.execute(sql)
        else:
            connection.executemany(sql, parameters)
    except sqlite3.Error as error:
        raise DBAPIError.instance(sql, None, error, sqlite3.Error) from error
