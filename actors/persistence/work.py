"""What waits to be written, and who writes it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Dialect, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import UpdateBase

from actors.persistence.auditing import AuditTrail
from actors.persistence.insertion import Prepared, Stored, insertion, prepared


class Batch:
    """One transaction of the writer lane, on either engine: what is to be written is sent at once.

    Args:
        connection: of the writer.
        trail: takes down what changes.
        at: system time, in UTC nanoseconds.
    """

    def __init__(self, connection: AsyncConnection, trail: AuditTrail, at: int) -> None:
        self.trail = trail
        self.at = at
        self.rows = 0
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        """The engine's."""
        return self._connection.dialect

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Begin, and commit at the end; nothing is left of it if anything is raised."""
        async with self._connection.begin():
            yield

    async def sent(self) -> AsyncConnection:
        """Return the connection, for reading and for the ORM, with all on it that was written so far."""
        return self._connection

    async def execute(self, statement: Any, rows: Sequence[Stored]) -> None:
        """Execute a statement for each of the rows, in one go."""
        if rows:
            await (await self.sent()).execute(statement, rows)
            self.rows += len(rows)

    async def insert(self, table: Table, rows: Sequence[Stored]) -> None:
        """Insert rows, whole ones, in one go."""
        if rows:
            await self._send(insertion(table, self.dialect), rows)

    async def change(self, update: UpdateBase, rows: Sequence[Stored]) -> None:
        """Execute an update, which is made once and kept, for each of the rows, in one go."""
        if rows:
            await self._send(prepared(update, self.dialect), rows)

    async def check(self, query: str, objection: Callable[[Any], str]) -> None:
        """Have something looked at before the commit.

        Args:
            query: finds one value, or nothing.
            objection: what is said of the value, or of None; empty if there is nothing to say.

        Raises:
            Impossible: there is, here or at the end of the transaction.
        """
        if objected := objection(await self.scalar(query)):
            raise Impossible(objected)

    async def scalar(self, query: str) -> Any:
        """Return the one value that a query finds, None if it finds nothing."""
        return await (await self.sent()).scalar(text(query))

    async def _send(self, statement: Prepared, rows: Sequence[Stored]) -> None:
        """Hand a statement to the driver."""
        self.rows += len(rows)
        await self._connection.exec_driver_sql(statement.text, statement.parameters(rows))


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
