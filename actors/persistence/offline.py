"""Offline: a state directory that no node works with, for as long as this process holds it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from actors.persistence import lock
from actors.persistence.engine import make_engine
from actors.persistence.storage import Storage
from actors.persistence.troubles import sentence
from lts.refusal import Refused

PATIENCE = 3_600.0
"""Seconds that one statement may take where nobody waits for it: sorting a large table is one."""


@asynccontextmanager
async def sole_engine(storage: Storage) -> AsyncIterator[AsyncEngine]:
    """An engine for a database that no node works with; its file is made if need be.

    Raises Refused if a node does, and for whatever the driver reports.
    """
    engine = make_engine(storage.address, pool_size=3, statement_timeout=PATIENCE)
    try:
        with lock.held(storage.state_dir), told(engine):
            if storage.file:
                yield engine
            else:
                holding = await _reach(engine)
                try:
                    await lock.hold(holding)
                    yield engine
                finally:
                    await holding.close()
    finally:
        await engine.dispose()


async def _reach(engine: AsyncEngine) -> AsyncConnection:
    try:
        return await engine.connect()
    except OSError as error:  # which later ones are about files
        raise Refused(sentence(error, engine.url)) from None


@contextmanager
def told(engine: AsyncEngine) -> Iterator[None]:
    """Turn what the driver reports into one sentence."""
    try:
        yield
    except SQLAlchemyError as error:
        raise Refused(sentence(error, engine.url)) from None
