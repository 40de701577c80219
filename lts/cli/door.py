"""The other side of the operator's door: commands to a node that is running."""

import socket
from pathlib import Path
from typing import Any

import msgspec

from actors.door import PATIENCE, SOCKET
from lts.cli.failure import Failed


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


def _short(path: Path) -> str:
    """Return a path that a socket's address has room for: relative, if that is shorter."""
    absolute = path.absolute()
    try:
        relative = absolute.relative_to(Path.cwd())
    except ValueError:
        return str(absolute)
    return str(relative)
