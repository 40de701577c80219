"""The lock of a state directory: one node writes to a database, and a second one is refused."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from lts.refusal import Refused

FILE_NAME = "lts.lock"
_ADVISORY = 0x4C54530001
"""The number of the advisory lock in a PostgreSQL database: "LTS" and a one."""


@contextmanager
def held(state_dir: Path) -> Iterator[None]:
    """Hold a state directory, which is made if need be; however the process ends, the kernel lets go of it.

    Raises Refused if another process holds it, or it cannot be made or written.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(state_dir / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(
            f"{state_dir}: cannot be used as the state directory: {error.strerror}; name another"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(
                f"{state_dir}: another process works with this state directory; stop it, or name another"
            ) from None
        yield
    finally:
        os.close(descriptor)


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
