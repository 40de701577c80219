"""The disk: what is on it survives a loss of power."""

import os
from pathlib import Path


def sync_file(path: Path) -> None:
    """Have the content of a file on disk. Blocks."""
    _sync(path, os.O_RDONLY)


def sync_directory(path: Path) -> None:
    """Have the names in a directory on disk. Blocks."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
