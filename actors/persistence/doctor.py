"""The doctor: examines a node's storage, whether or not the node is running, and alters nothing."""

import os
import stat
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory
from typing import Literal

import msgspec
from sqlalchemy import column, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import schema
from actors.persistence.archive import Archive
from actors.persistence.drill import drill
from actors.persistence.engine import make_engine
from actors.persistence.head import write_head
from actors.persistence.keyring import DataKeys
from actors.persistence.offline import PATIENCE
from actors.persistence.pages import untyped
from actors.persistence.resume import resume
from actors.persistence.shelf import DIRECTORY, backups
from actors.persistence.snapshot import snapshot
from actors.persistence.storage import Storage
from actors.persistence.troubles import sentence
from actors.persistence.verify import verify
from bus.clock import SECOND, SystemClock
from lts.refusal import Refused

Status = Literal["ok", "warning", "failure"]
Seen = tuple[Status, str]

_HOUR = 3_600 * SECOND
_MEGABYTE = 1_000_000
_LEAST_ROOM, _LITTLE_ROOM = 100 * _MEGABYTE, 1_000 * _MEGABYTE
_COPIES = 2
"""How often the database should fit into the room that is left, for a backup or a restore."""


class Check(msgspec.Struct, frozen=True):
    """What was looked at, and what was seen."""

    name: str
    status: Status
    sentence: str


@dataclass(frozen=True, slots=True)
class _Patient:
    """What is examined."""

    storage: Storage
    engine: AsyncEngine
    now: int
    shelf: Path
    oldest_backup_h: float


async def examine(
    storage: Storage, *, deep: bool = False, shelf: Path | None = None, oldest_backup_h: float = 48.0
) -> list[Check]:
    """Return what there is to say of a storage; without a database that can be used, that is less.

    Args:
        storage: which.
        deep: verify all of it as well, prove the latest backup, and hold a restore drill.
        shelf: the directory of its backups; else `backups` in the state directory.
        oldest_backup_h: hours after which the latest backup is old.
    """
    engine = make_engine(storage.address, pool_size=2, statement_timeout=PATIENCE, create=False)
    directory = shelf or storage.state_dir / DIRECTORY
    patient = _Patient(storage, engine, SystemClock().now(), directory, oldest_backup_h)
    try:
        checks = [await _look(name, look, patient) for name, look in _OUTSIDE.items()]
        if checks[-1].status == "ok":
            inside = _INSIDE | (_DEEP if deep else {})
            checks += [await _look(name, look, patient) for name, look in inside.items()]
    finally:
        await engine.dispose()
    return checks


async def _look(name: str, look: Callable[[_Patient], Awaitable[Seen]], patient: _Patient) -> Check:
    try:
        status, said = await look(patient)
    except Refused as refused:
        return Check(name, "failure", str(refused))
    except SQLAlchemyError as error:
        return Check(name, "failure", sentence(error, patient.engine.url))
    except OSError as error:
        return Check(name, "failure", f"{error.filename or name}: {error.strerror or error}")
    return Check(name, status, said)


async def _state_directory(patient: _Patient) -> Seen:
    directory = patient.storage.state_dir
    if not directory.is_dir():
        raise Refused(f"{directory}: there is no such directory; name another, or run `lts init`")
    for path in (directory, *sorted(directory.iterdir())):
        seen = path.lstat()
        mode = stat.S_IMODE(seen.st_mode)
        if seen.st_uid not in {0, os.geteuid()}:
            return "failure", f"{path} belongs to user {seen.st_uid}, not to the one who runs LTS"
        if mode & 0o022 and not stat.S_ISLNK(seen.st_mode):
            return "failure", f"{path} has mode {mode:04o}, so others can change it; chmod go-w {path}"
        if mode & 0o055 and path in {directory, patient.storage.file, patient.storage.head}:
            return "warning", f"{path} has mode {mode:04o}, so others can read it; chmod go-rwx {path}"
    return "ok", f"{directory}, for its user alone"


async def _node_key(patient: _Patient) -> Seen:
    found = patient.storage.node_keys(create=False)
    said = f"{found.keys.current.id}, in {found.source}"
    if "variable" in found.source:
        return "warning", f"{said}: for development alone"
    return "ok", said


async def _disk(patient: _Patient) -> Seen:
    free = disk_usage(patient.storage.state_dir).free
    file = patient.storage.file
    size = file.stat().st_size if file and file.exists() else 0
    said = (
        f"{_megabytes(free)} free, the database takes {_megabytes(size)}"
        if file
        else f"{_megabytes(free)} free"
    )
    if free < _LEAST_ROOM:
        return "failure", f"{said}: make room at once"
    if free < max(_LITTLE_ROOM, _COPIES * size):
        return "warning", f"{said}: too little for a restore beside it, make room"
    return "ok", said


async def _shelf(patient: _Patient) -> Seen:
    found = backups(patient.shelf)
    if not found:
        return "warning", f"there is none in {patient.shelf}; make one with `lts db backup`"
    path, at = next(reversed(found.items()))
    with closing(Archive(path, patient.storage.node_keys(create=False).keys)):
        age = (patient.now - at) / _HOUR
    said = f"{len(found)} in {patient.shelf}, the latest {age:.1f} hours old"
    if age > patient.oldest_backup_h:
        return "warning", f"{said}; make one with `lts db backup`"
    return "ok", said


async def _database(patient: _Patient) -> Seen:
    await schema.check(patient.engine)
    return "ok", f"{patient.storage.place}, revision {schema.head()}"


async def _integrity(patient: _Patient) -> Seen:
    async with patient.engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            failures = text(
                "SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()"
            )
            if count := await connection.scalar(failures):
                return "failure", f"PostgreSQL has read {count} pages with a wrong checksum; restore a backup"
            return "ok", "PostgreSQL has read no page with a wrong checksum"
        found = [said for said in await connection.scalars(text("PRAGMA integrity_check")) if said != "ok"]
        lost = (await connection.execute(text("PRAGMA foreign_key_check"))).all()
    if found:
        return "failure", f"SQLite finds {found[0]}; restore a backup"
    if lost:
        return (
            "failure",
            f"{len(lost)} rows refer to rows that are gone, the first of {lost[0][0]}; restore a backup",
        )
    return "ok", "SQLite finds every page, index and reference in order"


async def _audit(patient: _Patient) -> Seen:
    """Do what a node does with the audit when it starts, on a copy of the head file."""
    node_keys = patient.storage.node_keys(create=False).keys
    async with snapshot(patient.engine, patient.storage.head) as taken:
        keys = await DataKeys.load(taken.connection, node_keys, patient.now)
        with TemporaryDirectory(prefix="lts-") as scratch:
            head = Path(scratch, "audit.head")
            if taken.head:
                write_head(head, taken.head)
            sealer = await resume(taken.connection, keys, head)
    if not sealer.last_seq:
        return "ok", "nothing was audited so far"
    open_rows = sealer.last_seq - sealer.sealed_through
    return (
        "ok",
        f"{sealer.number} seals up to row {sealer.sealed_through}, and {open_rows} rows behind the last",
    )


async def _clock(patient: _Patient) -> Seen:
    query = untyped("audit_log", ["at"]).order_by(column("seq").desc()).limit(1)
    async with patient.engine.connect() as connection:
        last = await connection.scalar(query) or 0
    ahead = (max(last, _written_at(Path(__file__))) - patient.now) / SECOND
    if ahead > 1:
        return "failure", f"the clock is {ahead:,.0f} seconds behind what was written last; set it"
    return "ok", "ahead of all that was written"


async def _verification(patient: _Patient) -> Seen:
    node_keys = patient.storage.node_keys(create=False).keys
    report = await verify(patient.engine, node_keys, patient.storage.head)
    if report.ok:
        return "ok", f"{report.rows} audit rows and {len(report.tables)} tables are as they were written"
    return "failure", f"{report.found} findings, the first: {report.findings[0]}; see `lts db verify`"


async def _latest_backup(patient: _Patient) -> Seen:
    found = backups(patient.shelf)
    if not found:
        return "warning", f"there is none in {patient.shelf}"
    path = next(reversed(found))
    with closing(Archive(path, patient.storage.node_keys(create=False).keys)) as archive:
        archive.check()
    return "ok", f"{path.name} is whole, with {archive.manifest.rows} rows"


async def _drill(patient: _Patient) -> Seen:
    report = await drill(patient.storage)
    if report.findings:
        return "failure", f"what was restored is not whole: {report.findings[0]}"
    return "ok", f"{report.rows} rows backed up, restored and verified in {report.seconds:.1f} seconds"


def _written_at(path: Path) -> int:
    return path.stat().st_mtime_ns


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:,.0f} MB"


_OUTSIDE = {
    "state directory": _state_directory,
    "node key": _node_key,
    "disk": _disk,
    "backups": _shelf,
    "database": _database,
}
_INSIDE = {"integrity": _integrity, "audit": _audit, "clock": _clock}
_DEEP = {"verification": _verification, "latest backup": _latest_backup, "restore drill": _drill}
