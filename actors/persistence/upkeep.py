"""Upkeep: what is done to a storage while no node works with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from actors.persistence import archival, schema
from actors.persistence.backup import back_up
from actors.persistence.engine import make_engine
from actors.persistence.offline import PATIENCE, sole_engine, told
from actors.persistence.reads import record_alone
from actors.persistence.retention import Retention
from actors.persistence.storage import Opened, Storage, opened
from actors.persistence.units import Units
from actors.persistence.verify import verify
from actors.persistence.work import Scribe, Steps, Work
from actors.persistence.writer import Writer
from lts.domain.units import RecordRead
from lts.refusal import Refused

_LAST_WRITE = 60.0
"""Seconds in which the last seal is written."""


class Migrated(msgspec.Struct, frozen=True):
    """How a schema was moved."""

    place: str
    before: str | None
    """The revision; None if there was nothing."""
    after: str
    backup: Path | None
    """What was made beforehand; None if there was nothing to lose."""


class Retained(msgspec.Struct, frozen=True):
    """What a retention left."""

    place: str
    dropped: int
    """Audit rows that were dropped."""
    dropped_through: int
    """The last of them, or of those before."""


class Archived(msgspec.Struct, frozen=True):
    """What an archival moved, and where to."""

    place: str
    file: Path | None
    """None if there was nothing to be archived."""
    orders: int
    rows: dict[str, int]
    """By table."""


Write = Callable[[Scribe, Any], Awaitable[None]]


async def migrate(storage: Storage, who: str, to: str | None = None, *, back: bool = False) -> Migrated:
    """Bring a database to a revision, the latest by default; one that holds anything is backed up first.

    A new database is made, with a node key if there is none.

    Args:
        storage: which.
        who: in whose name the backup is recorded.
        to: the revision.
        back: whether it may go back, which drops what came with the later revisions.

    Raises:
        Refused: it must not or cannot be, or a node works with the storage.
    """
    known = schema.revisions()
    after = to or known[-1]
    if after not in known:
        raise Refused(f"there is no revision {after!r}; name one from {known[0]} to {known[-1]}")
    async with sole_engine(storage) as engine:
        before = await schema.current(engine)
        if before == after:
            return Migrated(storage.place, before, after, None)
        goes_back = before is not None and known.index(before) > known.index(after)
        if goes_back and not back:
            raise Refused(
                f"{storage.place}: going back from revision {before} to {after} drops what came in between; "
                "add --yes if that is meant"
            )
        keys = storage.node_keys(create=before is None).keys

        async def record(read: RecordRead) -> None:
            await record_alone(engine, storage, read, who, keys)

        kept = None if before is None else (await back_up(storage, record=record)).path
        await (schema.downgrade if goes_back else schema.upgrade)(engine, after)
        return Migrated(storage.place, before, after, kept)


async def retain(storage: Storage, before: int, who: str) -> Retained:
    """Drop the part of the audit that was sealed before a time (UTC nanoseconds), and nothing else.

    Its seals stay, and the last image of whatever still exists is audited anew, by `who`.

    Raises:
        Refused: the audit is not as it was sealed, it cannot be written, or a node works with the storage.
    """
    await _check(storage)
    async with _lane(storage, who) as (own, write):
        with told(own.engine):
            async with own.engine.connect() as connection:
                retention = await Retention.plan(connection, own.keys, own.sealer, before)
        was = retention.dropped_through
        while not retention.finished:
            await write(retention, None)
        return Retained(storage.place, retention.dropped_through - was, retention.dropped_through)


async def archive(storage: Storage, before: int, who: str, to: Path | None = None) -> Archived:
    """Move the oldest orders, as far as they ended before a market time (UTC nanoseconds), into a file.

    All that became of them goes with them, and is deleted only when the file is on disk and was read
    again; a balance snapshot stands for it. Broken off at any point, it can simply be done again: what is
    in the file and not yet deleted is then in the next one too.

    Args:
        storage: which.
        before: the time.
        who: in whose name all of it is audited.
        to: a directory, or a new file whose name ends with `.archive`; else `archives` in the state
            directory.

    Raises:
        Refused: what is stored is not as LTS wrote it, the file cannot be written, or a node works with the
            storage.
    """
    await _check(storage)
    async with _lane(storage, who) as (own, write):
        units = Units(lambda: own.keys.sealing)

        async def record(read: RecordRead) -> None:
            await write(units, (read,))

        planned = await _plan(storage, before)
        if not planned.steps:
            return Archived(storage.place, None, 0, {})
        made = await back_up(storage, to, record=record, place=archival.PLACE, choice=planned.choice)
        for step in planned.steps:
            await write(Steps(), partial(archival.put_away, step))
    rows = {name: table.rows for name, table in made.manifest.tables.items()}
    return Archived(storage.place, made.path, len(planned.orders), rows)


async def _plan(storage: Storage, before: int) -> archival.Plan:
    """Prove all that is stored, and return what of it can be archived."""
    engine = make_engine(storage.address, pool_size=2, statement_timeout=PATIENCE, create=False)
    try:
        with told(engine):
            report = await verify(engine, storage.node_keys(create=False).keys, storage.head)
            if not report.ok:
                raise Refused(f"nothing was archived: {report.findings[0]}; run `lts db verify`")
            async with engine.connect() as connection:
                return await archival.plan(connection, before)
    finally:
        await engine.dispose()


async def _check(storage: Storage) -> None:
    """Raise Refused unless the tables are there, and those of this version."""
    engine = storage.engine(create=False)
    try:
        await schema.check(engine)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _lane(storage: Storage, who: str) -> AsyncIterator[tuple[Opened, Write]]:
    """A storage that is this process's own, and what writes a piece of work and waits until it is on disk."""
    async with opened(storage) as own:
        writer = Writer(own.connection, own.trail, own.sealer, lambda _: None)

        async def write(scribe: Scribe, content: Any) -> None:
            written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            done = partial(written.set_result, None)
            writer.put(Work(content, scribe, who, 0, done, partial(_refuse, written), fleeting=True))
            await written

        running = asyncio.ensure_future(writer.run())
        try:
            yield own, write
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await writer.close(_LAST_WRITE)


def _refuse(written: asyncio.Future[None], reason: str) -> None:
    written.set_exception(Refused(reason))
