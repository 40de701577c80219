"""The exchange: one database file takes the place of another, and at no instant is there none.

| step | what a crash behind it leaves |
|---|---|
| the old files get second names | the old database |
| a head file is written that fits the old audit as well as the new one | the old database |
| the new file takes the name of the old one | the new database |
| the new head file is written | the new database |
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from actors.persistence.disk import sync_directory
from actors.persistence.head import Head, write_head
from lts.refusal import Refused

_MARK = ".before-restore-"
_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database that is open, or was not closed."""


class Heads(msgspec.Struct, frozen=True):
    """What the head file is to say."""

    passing: Head | None
    """While the one database takes the place of the other; None leaves what is there."""
    final: Head | None
    """Afterwards; None takes it away."""


class Aside:
    """Files that are to be replaced, under second names.

    Args:
        time: what the second names end with.
    """

    def __init__(self, time: str) -> None:
        self._suffix = _MARK + time
        self._kept: dict[Path, Path] = {}
        self._absent: list[Path] = []

    @property
    def paths(self) -> tuple[Path, ...]:
        """The second names."""
        return tuple(self._kept.values())

    def keep(self, path: Path, ending: str = "") -> None:
        """Give a file a second name, and one whose name has an ending more; or note that there is none."""
        first = path.with_name(path.name + ending)
        if not first.exists():
            self._absent.append(first)
            return
        second = path.with_name(path.name + self._suffix + ending)
        os.link(first, second)
        self._kept[first] = second

    def put_back(self) -> None:
        """Have everything under its first name again, and only there."""
        for first, second in self._kept.items():
            second.replace(first)
            second.unlink(missing_ok=True)  # two names of one file stay when one replaces the other
        for first in self._absent:
            first.unlink(missing_ok=True)
        self._kept.clear()


def exchange(database: Path, new: Path, head: Path, heads: Heads, aside: Aside) -> None:
    """Put a new database into the place of the old one, if there is an old one.

    After an OSError all is as it was before.
    """
    try:
        aside.keep(database)
        for ending in _BESIDE:
            aside.keep(database, ending)
        aside.keep(head)
        sync_directory(database.parent)
        if heads.passing:
            write_head(head, heads.passing)
        for path in _beside(database):
            path.unlink(missing_ok=True)
        new.replace(database)
    except OSError:
        aside.put_back()
        raise
    sync_directory(database.parent)
    replace_head(head, heads.final)


def replace_head(path: Path, head: Head | None) -> None:
    """Write the head file, or delete it."""
    if head:
        write_head(path, head)
    else:
        path.unlink(missing_ok=True)


def place_of_new(database: Path) -> Path:
    """Return where a new database is made: beside the old one."""
    return database.with_name(f"{database.name}.restoring")


def clear(database: Path) -> None:
    """Delete what a restore has left that was broken off.

    That is a database which did not take the place of the old one, and second names of the old one.
    """
    new = place_of_new(database)
    for path in (new, *_beside(new)):
        path.unlink(missing_ok=True)
    for path in database.parent.glob(f"{database.name}{_MARK}*"):
        if database.exists() and path.samefile(database):
            path.unlink()


def fold(database: Path) -> None:
    """Have SQLite put all of a database into its one file, if it can still read it.

    Raises Refused if another process has it open, which would write beside the new one.
    """
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise Refused(f"{database}: another process has it open; stop that one") from None
        # Otherwise it is damaged: its files are kept as they are.


def _beside(database: Path) -> tuple[Path, ...]:
    return tuple(database.with_name(database.name + ending) for ending in _BESIDE)
