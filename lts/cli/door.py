"""The other side of the operator's door: commands to a node that is running."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import msgspec

from actors.door import PATIENCE, SOCKET, operator
from actors.persistence.reads import Record, record_offline
from actors.persistence.storage import Storage
from lts.cli.failure import Failed
from lts.domain.units import RecordRead
from lts.refusal import Refused


def through_the_door(state_dir: Path, command: str, arguments: dict[str, Any]) -> Any:
    """Return a running node's answer to a command, None if no node runs on this state directory.

    Raises Failed if the node does not carry it out.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        try:
            connection.connect(_short(state_dir / SOCKET))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise Failed(f"{state_dir / SOCKET}: the node cannot be reached: {error.strerror}") from None
        connection.sendall(msgspec.json.encode({"command": command, "arguments": arguments}) + b"\n")
        with connection.makefile("rb") as lines:
            line = lines.readline()
    if not line:
        raise Failed("the node ended before it answered; see its log, and run the command again")
    reply: dict[str, Any] = msgspec.json.decode(line)
    if "error" in reply:
        raise Failed(str(reply["error"]))
    return reply["answer"]


def recorder(storage: Storage) -> Record:
    """Return what has a read recorded: by the node that works with a storage, or, if none does, by itself.

    It raises Failed if the read cannot be recorded: then nothing must be given out.
    """

    async def record(read: RecordRead) -> None:
        try:
            reason = await _record(storage, read)
        except (Failed, Refused, OSError) as error:
            reason = str(error)
        if reason:
            raise Failed(f"nothing was read, as that cannot be recorded in the audit: {reason}")

    return record


def me() -> str:
    """Return in whose name the audit keeps what this process does itself."""
    return operator(os.geteuid())


async def _record(storage: Storage, read: RecordRead) -> str:
    """Record a read, and return why it cannot be; empty if it is on disk."""
    command = msgspec.to_builtins(read)
    answer = await asyncio.to_thread(through_the_door, storage.state_dir, "record-read", command)
    if answer is not None:
        return str(answer.get("reason", ""))
    await record_offline(storage, read, me(), storage.node_keys(create=False).keys)
    return ""


def _short(path: Path) -> str:
    """Return a path that a socket's address has room for: relative, if that is shorter."""
    absolute = path.absolute()
    try:
        relative = absolute.relative_to(Path.cwd())
    except ValueError:
        return str(absolute)
    return str(relative)
