"""The snapshot: everything that is stored, as of one instant, while others go on writing."""

from asyncio import to_thread
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import column, inspect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from actors.persistence import schema
from actors.persistence.archive import PAGE
from actors.persistence.blueprint import VERSION_TABLE, TablePlan, blueprint_of
from actors.persistence.head import Head, read_head
from actors.persistence.lines import LineWriter
from actors.persistence.manifest import TableSum, in_step
from actors.persistence.pages import stored_seal, untyped
from actors.persistence.seals import NO_HASH, Seal
from actors.persistence.troubles import where
from bus.clock import pause
from lts.refusal import Refused

_ATTEMPTS = 40
_REST = 0.05
"""Seconds between two attempts to find the head file and the database in step: a seal takes less."""


class Snapshot:
    """A read transaction that has begun, and the head file that belongs to what it sees."""

    def __init__(
        self, connection: AsyncConnection, revision: str, plans: tuple[TablePlan, ...], head: Head | None
    ) -> None:
        self.connection = connection
        self.revision = revision
        self.plans = plans
        self.head = head
        self.last_seal: Seal | None = None
        self.last_seq = 0

    @property
    def seal_hash(self) -> str:
        """The hash of the last seal, in hex."""
        return seal_hash(self.last_seal)

    @property
    def fits(self) -> bool:
        """Whether the audit ends where the head file says."""
        return in_step(self.head, self.seal_hash, self.last_seq)

    async def look(self) -> None:
        """Take note of where the audit ends."""
        self.last_seal = await last_seal(self.connection)
        query = untyped("audit_log", ["seq"]).order_by(column("seq").desc()).limit(1)
        self.last_seq = await self.connection.scalar(query) or 0
        if self.last_seal:  # a retention may have dropped all rows
            self.last_seq = max(self.last_seq, self.last_seal.last_seq)


@asynccontextmanager
async def snapshot(engine: AsyncEngine, head_path: Path) -> AsyncIterator[Snapshot]:
    """Take a snapshot, and hold it.

    The head file is rewritten with every seal. It is read before the transaction begins; should a seal
    come in between, another transaction begins.

    Raises:
        Refused: there is nothing in the database, or something else than there should be.
        SQLAlchemyError: the database cannot be read.
    """
    revision = await schema.current(engine)
    if revision is None:
        raise Refused(f"{where(engine.url)} is empty: there is nothing to back up")
    plans = await blueprint_of(revision)
    async with engine.connect() as connection:
        for attempt in range(_ATTEMPTS):
            taken = Snapshot(connection, revision, plans, await to_thread(_head, head_path))
            if any(plan.name == "audit_seal" for plan in plans):
                await taken.look()
            if taken.fits or attempt == _ATTEMPTS - 1:
                break
            await connection.rollback()
            await pause(_REST)
        await _check(taken, where(engine.url))
        yield taken


async def pages(connection: AsyncConnection, plan: TablePlan) -> AsyncIterator[Sequence[Sequence[Any]]]:
    """Yield the rows of a table in the order of its key, as the driver has them."""
    query = plan.query(connection.dialect.name).execution_options(yield_per=PAGE)
    async with connection.stream(query) as rows:
        async for page in rows.partitions():
            yield page


async def sums(connection: AsyncConnection, plans: Sequence[TablePlan]) -> dict[str, TableSum]:
    """Return what proves the rows of each table: the same for the same rows in any database."""
    found = {}
    for plan in plans:
        writer, rows, digest = LineWriter(plan), 0, sha256()
        async for page in pages(connection, plan):
            digest.update(await to_thread(writer.lines, page))
            rows += len(page)
        found[plan.name] = TableSum(rows, digest.hexdigest())
    return found


async def last_seal(connection: AsyncConnection) -> Seal | None:
    """Return the last seal of the audit; ValueError if it is none that LTS wrote."""
    query = untyped("audit_seal", Seal.__struct_fields__).order_by(column("number").desc()).limit(1)
    row: Any = (await connection.execute(query)).first()
    return row and stored_seal(row)


def seal_hash(seal: Seal | None) -> str:
    """Return the hash of a seal in hex; that of none before the first."""
    return (seal.hash if seal else NO_HASH).hex()


def _head(path: Path) -> Head | None:
    try:
        return read_head(path)
    except ValueError:  # so the snapshot and the head file do not fit
        return None


async def _check(taken: Snapshot, name: str) -> None:
    """Raise Refused unless the tables are those of the revision, with all their columns."""
    connection = taken.connection
    if await connection.scalar(untyped(VERSION_TABLE, ["version_num"])) != taken.revision:
        raise Refused(f"{name} is being migrated: wait for that")
    wanted = {plan.name: set(plan.columns) for plan in taken.plans}
    found = await connection.run_sync(
        lambda inner: {
            table: {each["name"] for each in columns}
            for (_, table), columns in inspect(inner).get_multi_columns().items()
        }
    )
    found.pop(VERSION_TABLE, None)
    if found != wanted:
        differs = min(name for name in found | wanted if found.get(name) != wanted.get(name))
        raise Refused(
            f"{name} was changed since revision {taken.revision} (table {differs}): undo that, "
            "or restore a backup"
        )
