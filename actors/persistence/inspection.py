"""Inspection: what can be asked of a storage from outside, while a node works with it or not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import schema, verify
from actors.persistence.engine import make_engine
from actors.persistence.offline import PATIENCE, told
from actors.persistence.storage import Storage
from actors.persistence.troubles import where
from lts.refusal import Refused


def latest_revision() -> str:
    """Return the revision that this version of LTS works with."""
    return schema.head()


async def check_schema(storage: Storage) -> str:
    """Return the revision of a database; Refused unless it is exactly what this version of LTS works with."""
    async with _engine(storage) as engine:
        await schema.check(engine)
    return schema.head()


async def prove(storage: Storage) -> verify.Report:
    """Verify all that is stored.

    Raises Refused if there is nothing, the keys are another node's, or the database cannot be read.
    """
    node_keys = storage.node_keys(create=False).keys
    async with _engine(storage) as engine:
        if await schema.current(engine) is None:
            raise Refused(f"{where(engine.url)} is empty: there is nothing to verify")
        return await verify.verify(engine, node_keys, storage.head)


@asynccontextmanager
async def _engine(storage: Storage) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(storage.address, pool_size=2, statement_timeout=PATIENCE, create=False)
    try:
        with told(engine):
            yield engine
    finally:
        await engine.dispose()
