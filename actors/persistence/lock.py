"""The lock of a state directory: one node writes to a database, and a second one is refused."""

import fcntl
import os
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from lts.refusal import Refused

FILE_NAME = "lts.lock"
_ADVISORY = 0x4C54530001
"""The number of the advisory lock in a PostgreSQL database: "LTS" and a one."""


class Lock:
    """Held for as long as the process lives, however it ends: the kernel lets go of it.

    Raises Refused if another process holds it, or the directory cannot be written.
    """

    def __init__(self, state_dir: Path) -> None:
        path = state_dir / FILE_NAME
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Refused(
                f"{state_dir}: cannot be used as the state directory: {error.strerror}; name another"
            ) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise Refused(
                f"{state_dir}: another process works with this state directory; stop it, or name another"
            ) from None

    def release(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


async def hold(connection: AsyncConnection) -> None:
    """Hold the lock of a database for as long as this connection lives, or raise Refused.

    A file is locked by its state directory. On PostgreSQL the server gives the lock to the connection:
    who loses that has to take it anew, and gets it only when all is over that the old one had begun.
    """
    if connection.dialect.name != "postgresql":
        return
    held = await connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": _ADVISORY})
    await connection.commit()
    if not held:
        raise Refused("another node works with this PostgreSQL database; stop it, or name another")
