"""The operator's door: a UNIX socket in the state directory, for commands to a node that is running.

One connection carries one command, as a line of JSON, and its answer, as another. Only the user whose
node it is can open the socket (mode 0600), and whoever opens it is asked of the kernel as well: what is
audited is audited in the name that the kernel gives, whatever the command says.
"""

import asyncio
import os
import pwd
import socket
import struct
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from bus import Actor, AskError, Request
from lts.domain.reconciliation import ApproveAccount
from lts.domain.risk import SetTradingState
from lts.domain.storage import RotateKeys
from lts.domain.units import Perform, RecordRead
from lts.domain.users import AddUser, ChangeUser, ListUsers, SetPassword
from lts.refusal import Refused

SOCKET = "door.sock"
PATIENCE = 600.0
"""Seconds that a command may take: keys of a large database are rotated row by row."""
LONGEST = 65_536
"""Bytes of a command, at most."""
USERS = (AddUser, ListUsers, ChangeUser, SetPassword)
_PEER = struct.Struct("3i")

COMMANDS: Mapping[str, type[Request[Any] | RecordRead]] = {
    "rotate-keys": RotateKeys,
    "record-read": RecordRead,
    "set-trading-state": SetTradingState,
    "approve-account": ApproveAccount,
    "add-user": AddUser,
    "list-users": ListUsers,
    "change-user": ChangeUser,
    "set-password": SetPassword,
}
"""What can be commanded, by name; its fields are the arguments. What is no request is a unit of its own.

A field `who` is no argument: it is filled in with who opened the door.
"""


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What comes in by the door."""

    command: str
    arguments: dict[str, Any] = {}


class Door(Actor[Path]):
    """Lets commands in; `params` is the state directory."""

    asks = (*USERS, RotateKeys, Perform, SetTradingState, ApproveAccount)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Open the door, and take it away at the end."""
        path = self.params / SOCKET
        listening = _bound(path)
        server = await asyncio.start_unix_server(self._greet, sock=listening, limit=LONGEST)
        async with server:
            try:
                yield
            finally:
                path.unlink(missing_ok=True)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, whatever comes."""
        try:
            process, user = _peer(writer)
            if user not in {os.geteuid(), 0}:
                answer: dict[str, Any] = {"error": "only the user whose node this is may command it"}
            else:
                answer = await self._serve(reader, _name_of(process, user))
            writer.write(msgspec.json.encode(answer) + b"\n")
            await writer.drain()
        except OSError as error:
            self.log.info("a connection to the door broke off", reason=str(error))
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, who: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(5.0):
                line = await reader.readline()
            command = msgspec.json.decode(line, type=Command)
            wanted = COMMANDS.get(command.command)
            if wanted is None:
                return {"error": f"there is no command {command.command!r}; known: {', '.join(COMMANDS)}"}
            told = _told(command.arguments, wanted, who)
        except (TimeoutError, ValueError, msgspec.MsgspecError) as error:
            return {"error": f"this is no command: {error}"}
        self.log.info("command", command=command.command, who=who)
        request = Perform((told,), who) if isinstance(told, RecordRead) else told
        try:
            return {"answer": msgspec.to_builtins(await self.ask(request, within=PATIENCE))}
        except AskError as error:
            return {"error": str(error)}


def _told(arguments: dict[str, Any], wanted: type[Any], who: str) -> Any:
    """Return a command as a message, in the name of whoever opened the door; raises ValidationError."""
    if "who" not in wanted.__struct_fields__:
        return msgspec.convert(arguments, wanted)
    if "who" in arguments:
        raise msgspec.ValidationError("Object contains unknown field `who`")
    return msgspec.convert(arguments | {"who": who}, wanted)


def _bound(path: Path) -> socket.socket:
    """Return a listening socket at a path, which nobody else can open from the first moment on."""
    with suppress(FileNotFoundError):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    directory = os.open(path.parent, os.O_RDONLY)
    before = os.umask(0o177)
    try:
        # A socket's name has 108 bytes at most: through the descriptor, the directory's path can be any.
        listening.bind(f"/proc/self/fd/{directory}/{path.name}")
    except OSError as error:
        listening.close()
        raise Refused(f"{path}: the operator's door cannot be opened: {error.strerror}") from None
    finally:
        os.umask(before)
        os.close(directory)
    return listening


def operator(user: int) -> str:
    """Return in whose name the audit keeps what a user of this machine does."""
    try:
        return f"operator {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"operator {user}"


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int]:
    """Return the process that opened the other end, and its user, as the kernel has them."""
    connection = writer.get_extra_info("socket")
    process, user, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return process, user


def _name_of(process: int, user: int) -> str:
    """Return who that is: a process that this node has started is the system, any other an operator."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it is gone, or may not be seen
        return operator(user)
    _, parent = status.rpartition(")")[2].split()[:2]
    return "system" if int(parent) == os.getpid() else operator(user)
