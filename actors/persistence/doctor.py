"""The doctor: examines a node's storage, whether or not the node is running, and alters nothing."""

import os
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryDirectory
from typing import Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import schema
from actors.persistence.archive import Archive
from actors.persistence.drill import drill
from actors.persistence.engine import make_engine
from actors.persistence.head import write_head
from actors.persistence.keyring import DataKeys
from actors.persistence.lock import FILE_NAME, Lock
from actors.persistence.offline import PATIENCE
from actors.persistence.resume import resume
from actors.persistence.shelf import DIRECTORY, backups
from actors.persistence.snapshot import snapshot
from actors.persistence.storage import Storage
from actors.persistence.troubles import sentence
from actors.persistence.verify import verify
from bus.clock import SECOND, SystemClock
from lts.refusal import Refused

Status = Literal["ok", "warning", "failure"]

_HOUR = 3_600 * SECOND
_MEGABYTE = 1_000_000
_LEAST_ROOM, _LITTLE_ROOM = 100 * _MEGABYTE, 1_000 * _MEGABYTE
_COPIES = 2
"""How often the database should fit into the room that is left: a restore and a backup need it."""


class Check(msgspec.Struct, frozen=True):
    """What was looked at, and what was seen."""

    name: str
    status: Status
    sentence: str


async def examine(storage: Storage, *, deep: bool = False, oldest_backup_h: float = 48.0) -> tuple[Check, ...]:
    """Return what there is to say of a storage, in the order in which it matters.

    Args:
        storage: which.
        deep: verify all of it as well, prove the latest backup, and hold a restore drill.
        oldest_backup_h: hours after which the latest backup is old.
    """
    examination = _Examination(storage, oldest_backup_h)
    try:
        await examination.hold(deep=deep)
    finally:
        await examination.engine.dispose()
    return tuple(examination.checks)


class _Examination:
    """One look at everything."""

    def __init__(self, storage: Storage, oldest_backup_h: float) -> None:
        self.checks: list[Check] = []
        self.engine: AsyncEngine = make_engine(
            storage.address, pool_size=2, statement_timeout=PATIENCE, create=False
        )
        self._storage = storage
        self._oldest_backup_h = oldest_backup_h
        self._now = SystemClock().now()

    async def hold(self, *, deep: bool) -> None:
        await self._note("state directory", self._state_directory)
