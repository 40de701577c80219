"""The shelf: a directory of backups, named after their time."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from actors.persistence.disk import is_abandoned, marked, sync_directory
from bus.clock import SECOND
from lts.refusal import Refused

DIRECTORY = "backups"
"""Where backups are kept, in the state directory."""

SUFFIX = ".backup"
"""What the name of a backup ends with."""

_NAME = re.compile(r"lts-(\d{8}T\d{6}\.\d{6})Z\.backup")
_TIME = "%Y%m%dT%H%M%S.%f"
_DRAFT = ".lts-{}.backup.new"


def stamp(at: int) -> str:
    """Return a system time (UTC nanoseconds) as names of files have it: in order, and in microseconds."""
    moment = datetime.fromtimestamp(at // SECOND, UTC).replace(microsecond=at % SECOND // 1000)
    return moment.strftime(_TIME) + "Z"


def backup_name(at: int, suffix: str = SUFFIX) -> str:
    """Return the name of a backup that was made at this system time (UTC nanoseconds)."""
    return f"lts-{stamp(at)}{suffix}"


def backups(directory: Path) -> dict[Path, int]:
    """Return the backups that have the name of their time, the oldest first, with that time.

    It is a system time in UTC nanoseconds, whole seconds. Raises Refused if the directory cannot be read.
    """
    try:
        names = sorted(path.name for path in directory.iterdir()) if directory.exists() else []
    except OSError as error:
        raise Refused(f"{directory}: cannot be read: {error.strerror}; name a directory of backups") from None
    return {directory / name: _time(match[1]) for name in names if (match := _NAME.fullmatch(name))}


def prune(directory: Path, keep: int) -> tuple[Path, ...]:
    """Delete all but the latest backups, and the drafts of processes that are gone.

    Returns the backups that were deleted. What has another name than `back_up` gives is left alone.
    Raises Refused if one cannot be deleted, and ValueError unless at least one is to be kept.
    """
    if keep < 1:
        raise ValueError(f"at least one backup is to be kept, not {keep}")
    old = tuple(backups(directory))[:-keep]
    try:
        for path in (*old, *filter(is_abandoned, directory.glob(_DRAFT.format("*")))):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise Refused(f"{directory}: an old backup cannot be deleted: {error.strerror}") from None
    return old


@contextmanager
def draft(directory: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file that nobody else may read, marked as this process's; it is gone afterwards."""
    path = directory / _DRAFT.format(token_hex(8))
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
        try:
            with marked(path):
                yield path, file
        finally:
            path.unlink(missing_ok=True)


def publish(path: Path, target: Path) -> None:
    """Give a draft that is on disk its name, so that it has it after a crash too."""
    if target.exists():
        raise Refused(f"{target}: is there already; name another file, or a directory")
    path.rename(target)
    sync_directory(target.parent)


def _time(written: str) -> int:
    return int(datetime.strptime(written, _TIME).replace(tzinfo=UTC).timestamp()) * SECOND
