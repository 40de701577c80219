"""The cursor: up to which number of the journal the broker has it, in a file: a restart goes on there."""

import os
from pathlib import Path

import msgspec


class Cursor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the events of a node have come."""

    node: str
    through: int


def read_cursor(path: Path, node: str) -> int | None:
    """Return how far the events of this node have come; None if nothing was told yet. Blocks.

    Raises:
        ValueError: there is a file, and it cannot be read as a cursor.
    """
    try:
        cursor = msgspec.json.decode(path.read_bytes(), type=Cursor)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(f"{path} cannot be read as a cursor: {error}; take it away to begin anew") from None
    return cursor.through if cursor.node == node else None


def write_cursor(path: Path, node: str, through: int) -> None:
    """Replace the file, so that at every instant the one or the other is whole on disk. Blocks."""
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(Cursor(node, through)))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
