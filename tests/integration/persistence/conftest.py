"""Databases on demand, on both engines: a file, and a PostgreSQL that comes with the tests.

`LTS_TEST_PG_URL` names another server, whose user may make databases. Where neither can be had, the
PostgreSQL variants are skipped, saying why.
"""

import asyncio
import importlib
import os
import shutil
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from actors.persistence import guard, schema
from actors.persistence.engine import make_engine

_numbers = count(1)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server, in the form that libpq takes."""
    if given := os.environ.get("LTS_TEST_PG_URL"):
        yield make_url(given).set(drivername="postgresql").render_as_string(hide_password=False)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pgserver: Any = importlib.import_module("pgserver")
            server = pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
    except Exception as error:  # noqa: BLE001  # whatever keeps a server from starting here
        pytest.skip(f"there is no PostgreSQL: set LTS_TEST_PG_URL, or install pgserver ({error})")
    server.psql("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET synchronous_commit = off;")
    server.psql("SELECT pg_reload_conf();")
    yield server.get_uri()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server.cleanup()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables, to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_prepare(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql: str) -> Iterator[str]:
    """The name of a database with all tables, to copy."""
    name = f"lts_template_{os.getpid()}"
    asyncio.run(_execute(postgresql, f"CREATE DATABASE {name}"))
    asyncio.run(_prepare(_named(postgresql, name)))
    yield name
    asyncio.run(_execute(postgresql, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The engine that a test runs on; it runs once on each."""
    return str(request.param)


@pytest.fixture
def empty_database(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'lts.db'}"
    else:
        with _a_copy(request.getfixturevalue("postgresql"), "template1") as url:
            yield url


@pytest.fixture
def database(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables, and nothing in them."""
    if backend == "sqlite":
        path = tmp_path / "lts.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        template = request.getfixturevalue("postgresql_template")
        with _a_copy(request.getfixturevalue("postgresql"), template) as url:
            yield url


@pytest.fixture
async def engine_at() -> AsyncIterator[Callable[..., AsyncEngine]]:
    """Makes the engine of a URL, and disposes of it at the end."""
    made: list[AsyncEngine] = []

    def make(url: str, **options: Any) -> AsyncEngine:
        made.append(make_engine(url, **options))
        return made[-1]

    yield make
    for engine in made:
        await engine.dispose()


@pytest.fixture
def engine(database: str, engine_at: Callable[..., AsyncEngine]) -> AsyncEngine:
    """The engine of a database with all tables."""
    return engine_at(database)


@pytest.fixture
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of that engine, with a unit open."""
    async with engine.connect() as connection:
        with guard.unit(connection):
            yield connection


async def _prepare(url: str) -> None:
    engine = make_engine(url)
    await schema.prepare(engine)
    await engine.dispose()


@contextmanager
def _a_copy(server: str, template: str) -> Iterator[str]:
    name = f"lts_{os.getpid()}_{next(_numbers)}"
    asyncio.run(_execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    yield _named(server, name)
    asyncio.run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(statement)
    await connection.close()


def _named(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)
