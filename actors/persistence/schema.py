"""The schema: brought up to date by migrations, and compared with what the rows say it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, String, column, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import guard
from actors.persistence.fingerprint import drift_of
from actors.persistence.troubles import sentence, where
from lts.refusal import Refused

_REVISIONS = Path(__file__).parent / "migrations" / "versions"
_VERSION_TABLE = "alembic_version"
_TOLD = 3  # differences in one sentence


def head() -> str:
    """Return the revision that this version of LTS works with."""
    return revisions()[-1]


@cache
def revisions() -> tuple[str, ...]:
    """Return all revisions, the first one first; each follows on the one before, as their files are named."""
    return tuple(sorted(file.name[1:5] for file in _REVISIONS.glob("v[0-9]*.py")))


async def current(engine: AsyncEngine) -> str | None:
    """Return the revision of a database, None if it is empty; raise Refused if it is not one of ours."""
    async with _told(engine), engine.connect() as connection:
        return await connection.run_sync(_revision)


async def upgrade(engine: AsyncEngine, revision: str = "head") -> None:
    """Bring a database, empty or older, up to a revision, in one transaction; or raise Refused."""
    await _migrate(engine, "upgrade", revision)


async def downgrade(engine: AsyncEngine, revision: str) -> None:
    """Take a database back to a revision ("base": empty), in one transaction; what it drops is lost."""
    await _migrate(engine, "downgrade", revision)


async def check(engine: AsyncEngine) -> None:
    """Raise Refused, saying what to do, unless the database is exactly what this version works with."""
    async with _told(engine), engine.connect() as connection:
        await connection.run_sync(_check)


async def prepare(engine: AsyncEngine) -> None:
    """Make the tables in an empty database, and check any other."""
    if await current(engine) is None:
        await upgrade(engine)
    await check(engine)


def build(connection: Connection, revision: str) -> None:
    """Make the tables of a revision in an empty database, within the transaction that has begun."""
    from actors.persistence import migrate  # noqa: PLC0415 - it brings Alembic, which a start does without

    migrate.upgrade(connection, revision)


async def _migrate(engine: AsyncEngine, way: Literal["upgrade", "downgrade"], revision: str) -> None:
    from actors.persistence import migrate  # noqa: PLC0415 - the same

    async with _told(engine), engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                await connection.run_sync(_revision)  # refuses what is not ours
                await connection.run_sync(getattr(migrate, way), revision)


def _check(connection: Connection) -> None:
    name, found, wanted = _name(connection), _revision(connection), head()
    if found is None:
        raise Refused(f"{name} is empty: make its tables with `lts db upgrade`")
    if found != wanted:
        raise Refused(f"{name} is at revision {found}, and LTS works with {wanted}: run `lts db upgrade`")
    if differences := drift_of(connection):
        told = "; ".join(differences[:_TOLD] + ["and more"] * (len(differences) > _TOLD))
        raise Refused(f"{name} was changed since revision {found} ({told}): undo that, or restore a backup")


def _revision(connection: Connection) -> str | None:
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    name = _name(connection)
    if _VERSION_TABLE not in tables:
        raise Refused(f"{name} holds tables of something else: name an empty database, or none")
    number = column("version_num", String)
    found = connection.scalars(select(number).select_from(table(_VERSION_TABLE, number))).all()
    if unknown := sorted(set(found) - set(revisions())):
        raise Refused(
            f"{name} was made by another version of LTS, which has a revision {', '.join(unknown)}: "
            "use that version, or restore a backup made with this one"
        )
    if not found and tables != {_VERSION_TABLE}:
        raise Refused(f"{name} holds tables and no revision: restore a backup, or name an empty database")
    return found[0] if found else None


def _name(connection: Connection) -> str:
    return where(connection.engine.url)


@asynccontextmanager
async def _told(engine: AsyncEngine) -> AsyncIterator[None]:
    """Turn what the driver reports into one sentence."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise Refused(sentence(error, engine.url)) from error
