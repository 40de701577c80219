"""The disk: what survives a loss of power, and what was left by a process that did not survive."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def sync_file(path: Path) -> None:
    """Have the content of a file on disk. Blocks."""
    _sync(path, os.O_RDONLY)


def sync_directory(path: Path) -> None:
    """Have the names in a directory on disk. Blocks."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


@contextmanager
def marked(path: Path) -> Iterator[None]:
    """Mark a file or a directory as this process's, for as long as it lives."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # there are file systems without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def is_abandoned(path: Path) -> bool:
    """Whether no process marks it as its own any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def readable(path: Path) -> str:
    """Return a path as a text that can be stored, whatever bytes are in it."""
    return os.fsencode(path.absolute()).decode(errors="backslashreplace")
