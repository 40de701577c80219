"""Backups: everything that is stored, in one encrypted and signed file that either engine can restore."""

import fcntl
import os
import re
from asyncio import to_thread
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence.archive import Archive, ArchiveWriter
from actors.persistence.engine import make_engine
from actors.persistence.lines import LineWriter, Unfit
from actors.persistence.manifest import FORMAT, Manifest, TableSum, lts_version
from actors.persistence.sequences import sequences
from actors.persistence.snapshot import Snapshot, pages, snapshot
from actors.persistence.storage import Storage
from actors.persistence.troubles import sentence, where
from bus.clock import SECOND, SystemClock
from lts.refusal import Refused
from lts.security.node_key import NodeKey, NodeKeys

DIRECTORY = "backups"
"""Where backups are kept, in the state directory."""
PATIENCE = 3_600.0
"""Seconds that one statement may take: sorting a large table is one."""
NOT_IN_STEP = "the audit does not end where its head file says: run `lts db verify`"

_NAME = re.compile(r"lts-(\d{8}T\d{6}\.\d{6})Z\.backup")
_TIME = "%Y%m%dT%H%M%S.%f"
_DRAFT = ".lts-{}.backup.new"


class Backup(msgspec.Struct, frozen=True):
    """A backup that was made, and read again to prove it."""

    path: Path
    size: int
    """Bytes."""
    manifest: Manifest
    trouble: str
    """What is wrong with what was backed up, as far as that shows; empty if nothing."""


async def back_up(storage: Storage, to: Path | None = None) -> Backup:
    """Make a backup of what is stored, whether or not a node goes on working with it.

    It only reads, in one transaction and on a connection of its own, so that no writer waits for it,
    and it holds no more than a page of rows. Under its name the file is whole, was read again, and is
    on disk; until then it is a hidden draft.

    Args:
        storage: what to back up; its node key seals the file.
        to: a directory that is there, or the name of a file that is not; else `backups` in the state
            directory, which is made.

    Raises:
        Refused: it cannot be read or written, or is not as LTS leaves it.
    """
    node_keys = storage.node_keys(create=False).keys
    created_at = SystemClock().now()
    target = _target(storage, to, created_at)
    engine = make_engine(storage.address, pool_size=2, statement_timeout=PATIENCE, create=False)
    try:
        with _draft(target.parent) as (draft, file):
            async with snapshot(engine, storage.head) as taken:
                manifest = await _write(taken, file, node_keys.current, created_at)
            size = await to_thread(_settle, file)
            await to_thread(_prove, draft, node_keys)
            _publish(draft, target)
    except (SQLAlchemyError, Unfit) as error:
        raise Refused(_unreadable(error, engine)) from None
    except OSError as error:
        raise Refused(f"{target}: the backup cannot be written: {error.strerror}; name another place") from None
    finally:
        await engine.dispose()
    return Backup(target, size, manifest, "" if taken.fits else NOT_IN_STEP)


def backups(directory: Path) -> dict[Path, int]:
    """Return the backups in a directory that have the name of their time, the oldest first, with that time.

    It is in UTC nanoseconds. Raises Refused if the directory cannot be read.
    """
    try:
        names = sorted(path.name for path in directory.iterdir()) if directory.exists() else []
    except OSError as error:
        raise Refused(f"{directory}: cannot be read: {error.strerror}; name a directory of backups") from None
    found = {name: match for name in names if (match := _NAME.fullmatch(name))}
    return {directory / name: _nanoseconds(match[1]) for name, match in found.items()}


def prune(directory: Path, keep: int) -> tuple[Path, ...]:
    """Delete all but the latest backups in a directory, and drafts of processes that are gone.

    Returns the backups that were deleted. Only what has the name that `back_up` gives is looked at.
    Raises Refused if one cannot be deleted, and ValueError unless at least one is to be kept.
    """
    if keep < 1:
        raise ValueError(f"at least one backup is to be kept, not {keep}")
    old = tuple(backups(directory))[:-keep]
    try:
        for path in (*old, *filter(_is_abandoned, directory.glob(_DRAFT.format("*")))):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise Refused(f"{directory}: an old backup cannot be deleted: {error.strerror}") from None
    return old


async def _write(taken: Snapshot, file: BinaryIO, node_key: NodeKey, created_at: int) -> Manifest:
    draft = Manifest(
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
        tables={plan.name: TableSum() for plan in taken.plans},
    )
    archive = ArchiveWriter(file, node_key, draft)
    for plan in taken.plans:
        archive.begin(plan.name, tuple(plan.columns))
        writer = LineWriter(plan)
        async for page in pages(taken.connection, plan):
            await to_thread(lambda page=page, writer=writer: archive.add(writer.lines(page), len(page)))
    return await to_thread(archive.finish)


def _target(storage: Storage, to: Path | None, created_at: int) -> Path:
    """Return the file that the backup will be."""
    target = storage.state_dir / DIRECTORY if to is None else to
    try:
        if to is None:
            target.mkdir(mode=0o700, exist_ok=True)
        if target.is_dir():
            target /= f"lts-{_written(created_at)}Z.backup"
        there = target.exists()
    except OSError as error:
        raise Refused(f"{target}: the backup cannot be written: {error.strerror}; name another place") from None
    if there:
        raise Refused(f"{target}: is there already; name another file, or a directory")
    return target


@contextmanager
def _draft(directory: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file for nobody else, locked while this process has it; it is gone afterwards."""
    path = directory / _DRAFT.format(token_hex(8))
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
        try:
            with suppress(OSError):  # there are file systems without locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path, file
        finally:
            path.unlink(missing_ok=True)


def _is_abandoned(draft: Path) -> bool:
    """Whether no process has this draft any more."""
    try:
        with draft.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _settle(file: BinaryIO) -> int:
    """Have all of it on disk, and return how many bytes that are."""
    file.flush()
    os.fsync(file.fileno())
    return os.fstat(file.fileno()).st_size


def _prove(path: Path, node_keys: NodeKeys) -> None:
    """Read what was written, as a restore would."""
    with closing(Archive(path, node_keys)) as archive:
        archive.check()


def _publish(draft: Path, target: Path) -> None:
    """Give the file its name, so that it has it after a crash too."""
    if target.exists():
        raise Refused(f"{target}: is there already; name another file, or a directory")
    draft.rename(target)
    sync_directory(target.parent)


def sync_directory(directory: Path) -> None:
    """Have the names in a directory on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unreadable(error: Exception, engine: AsyncEngine) -> str:
    if isinstance(error, Unfit):
        return f"{where(engine.url)} cannot be backed up, as {error}: run `lts db verify`, or restore a backup"
    return sentence(error, engine.url)


def _written(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).replace(microsecond=at % SECOND // 1000).strftime(_TIME)


def _nanoseconds(written: str) -> int:
    at = datetime.strptime(written, _TIME).replace(tzinfo=UTC)
    return round(at.timestamp()) * SECOND
