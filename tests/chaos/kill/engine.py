"""A PostgreSQL database for one run: a given one, or one on a server that comes with the tests."""

import asyncio
import importlib
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any


@contextmanager
def postgresql(*, wanted: bool, given: str = "") -> Iterator[str]:
    """The URL of an empty database; empty if none is wanted. As root, the server runs as another user."""
    if given or not wanted:
        yield given
        return
    directory = Path(mkdtemp(prefix="lts-kill-postgresql-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver: Any = importlib.import_module("pgserver")
        server = pgserver.get_server(directory)
        url = str(server.get_uri())
        asyncio.run(_execute(url, "CREATE DATABASE kills"))
        try:
            yield url.replace("/postgres?", "/kills?").replace(":@", "@")  # which is no password
        finally:
            server.cleanup()
            shutil.rmtree(directory, ignore_errors=True)


async def _execute(url: str, statement: str) -> None:
    asyncpg: Any = importlib.import_module("asyncpg")  # which has no types
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
