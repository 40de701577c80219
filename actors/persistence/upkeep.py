"""Upkeep: what is done to a storage while no node works with it."""

import asyncio
from contextlib import suppress
from pathlib import Path

import msgspec

from actors.persistence import schema
from actors.persistence.backup import back_up
from actors.persistence.offline import sole_engine, told
from actors.persistence.retention import Retention
from actors.persistence.storage import Storage, opened
from actors.persistence.work import Work
from actors.persistence.writer import Writer
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


async def migrate(storage: Storage, to: str | None = None, *, back: bool = False) -> Migrated:
    """Bring a database to a revision, the latest by default; one that holds anything is backed up first.

    A new database is made, with a node key if there is none.

    Args:
        storage: which.
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
        storage.node_keys(create=before is None)
        kept = None if before is None else (await back_up(storage)).path
        await (schema.downgrade if goes_back else schema.upgrade)(engine, after)
        return Migrated(storage.place, before, after, kept)


async def retain(storage: Storage, before: int, who: str) -> Retained:
    """Drop the part of the audit that was sealed before a time (UTC nanoseconds), and nothing else.

    Its seals stay, and the last image of whatever still exists is audited anew, by `who`.

    Raises:
        Refused: the audit is not as it was sealed, it cannot be written, or a node works with the storage.
    """
    engine = storage.engine(create=False)
    try:
        await schema.check(engine)
    finally:
        await engine.dispose()
    async with opened(storage) as own:
        with told(own.engine):
            async with own.engine.connect() as connection:
                retention = await Retention.plan(connection, own.keys, own.sealer, before)
        was = retention.dropped_through
        writer = Writer(own.connection, own.trail, own.sealer, lambda _: None)
        running = asyncio.ensure_future(writer.run())
        try:
            while not retention.finished:
                await _written(writer, retention, who)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await writer.close(_LAST_WRITE)
        return Retained(storage.place, retention.dropped_through - was, retention.dropped_through)


async def _written(writer: Writer, retention: Retention, who: str) -> None:
    """Make the next step, and wait until it is on disk."""
    step: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    writer.put(
        Work(
            None,
            retention,
            who,
            0,
            done=lambda: step.set_result(None),
            refused=lambda reason: step.set_exception(Refused(reason)),
            fleeting=True,
        )
    )
    await step
