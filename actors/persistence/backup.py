"""Backups: everything that is stored, in one encrypted and signed file that either engine can restore."""

import os
from asyncio import to_thread
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence.archive import Archive, ArchiveWriter
from actors.persistence.disk import readable
from actors.persistence.engine import make_engine
from actors.persistence.lines import LineWriter
from actors.persistence.manifest import FORMAT, Manifest, TableSum, lts_version
from actors.persistence.offline import PATIENCE
from actors.persistence.reads import Record
from actors.persistence.sequences import sequences
from actors.persistence.shelf import DIRECTORY, SUFFIX, backup_name, draft, publish
from actors.persistence.snapshot import Snapshot, pages, snapshot
from actors.persistence.storage import Storage
from actors.persistence.troubles import sentence, where
from bus.clock import SystemClock
from lts.domain.units import RecordRead
from lts.refusal import Refused
from lts.security.node_key import NodeKey, NodeKeys


class Backup(msgspec.Struct, frozen=True):
    """A backup that was made, and read again to prove it."""

    path: Path
    size: int
    """Bytes."""
    manifest: Manifest


Choice = Mapping[str, Callable[[Any], bool]]
"""By table, which of its rows are wanted."""


async def back_up(
    storage: Storage,
    to: Path | None = None,
    *,
    record: Record,
    place: tuple[str, str] = (DIRECTORY, SUFFIX),
    choice: Choice | None = None,
) -> Backup:
    """Make a backup of what is stored, whether or not a node goes on working with it.

    It only reads, in one transaction and on a connection of its own, so that no writer waits for it,
    and it holds no more than a page of rows. Under its name the file is whole, was read again, and is
    on disk; until then it is a hidden draft.

    Args:
        storage: what to back up; its node key seals the file.
        to: a directory, which is made if it is absent, or a new file whose name has the ending; else the
            directory of the place.
        record: has it recorded that all is read, and what into, before the first row is.
        place: a directory in the state directory, and how names of files end.
        choice: what of it; all, if it is None.

    Raises:
        Refused: it cannot be recorded, read or written, or is not as LTS leaves it.
    """
    node_keys = storage.node_keys(create=False).keys
    created_at = SystemClock().now()
    target = _target(storage.state_dir / place[0] if to is None else to, place[1], created_at)
    engine = make_engine(storage.address, pool_size=2, statement_timeout=PATIENCE, create=False)
    try:
        with draft(target.parent) as (path, file):
            async with snapshot(engine, storage.head) as taken:
                await record(RecordRead("database", f"{target.suffix[1:]} to {readable(target)}"))
                manifest = await _write(taken, file, node_keys.current, created_at, choice)
            size = await to_thread(_settle, file)
            await to_thread(_prove, path, node_keys)
            publish(path, target)
    except (SQLAlchemyError, ValueError) as error:
        raise Refused(_unreadable(error, engine)) from None
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        await engine.dispose()
    return Backup(target, size, manifest)


async def _write(
    taken: Snapshot, file: BinaryIO, node_key: NodeKey, created_at: int, choice: Choice | None
) -> Manifest:
    plans = [plan for plan in taken.plans if choice is None or plan.name in choice]
    unsummed = Manifest(
        lts_backup=FORMAT,
        lts=lts_version(),
        node_key=node_key.id,
        created_at=created_at,
        database=taken.connection.dialect.name,
        revision=taken.revision,
        last_seq=taken.last_seq,
        seal=taken.last_seal.number if taken.last_seal else 0,
        seal_hash=taken.seal_hash,
        head=taken.head,
        sequences=await sequences(taken.connection),
        tables={plan.name: TableSum() for plan in plans},
    )
    archive = ArchiveWriter(file, node_key, unsummed)
    for plan in plans:
        archive.begin(plan.name, tuple(plan.columns))
        writer = LineWriter(plan)
        async for page in pages(taken.connection, plan):
            wanted = page if choice is None else [*filter(choice[plan.name], page)]
            await to_thread(_add, archive, writer, wanted)
    return await to_thread(archive.finish)


def _add(archive: ArchiveWriter, writer: LineWriter, page: Sequence[Sequence[Any]]) -> None:
    """Add rows; in a thread, so that a node goes on while they are packed and encrypted."""
    archive.add(writer.lines(page), len(page))


def _target(target: Path, suffix: str, created_at: int) -> Path:
    """Return the file that the backup will be."""
    try:
        if target.suffix != suffix:
            target.mkdir(mode=0o700, exist_ok=True)
            target /= backup_name(created_at, suffix)
        there = target.exists()
    except OSError as error:
        raise _unwritable(target, error) from None
    if there:
        raise Refused(f"{target}: is there already; name another file, or a directory")
    return target


def _settle(file: BinaryIO) -> int:
    """Have all of it on disk, and return how many bytes that are."""
    file.flush()
    os.fsync(file.fileno())
    return os.fstat(file.fileno()).st_size


def _prove(path: Path, node_keys: NodeKeys) -> None:
    """Read what was written, as a restore would."""
    with closing(Archive(path, node_keys)) as archive:
        archive.check()


def _unreadable(error: Exception, engine: AsyncEngine) -> str:
    if isinstance(error, SQLAlchemyError):
        return sentence(error, engine.url)
    return f"{where(engine.url)} cannot be backed up, as {error}: run `lts db verify`, or restore a backup"


def _unwritable(target: Path, error: OSError) -> Refused:
    return Refused(f"{target}: the backup cannot be written: {error.strerror}; name another place")
