"""Inspection: what can be asked of a storage from outside, while a node works with it or not."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import schema, verify
from actors.persistence.archival import ARCHIVED
from actors.persistence.archive import Archive
from actors.persistence.disk import readable
from actors.persistence.engine import make_engine
from actors.persistence.offline import PATIENCE, told
from actors.persistence.reads import Record
from actors.persistence.shelf import stamp
from actors.persistence.storage import Storage
from actors.persistence.troubles import where
from lts.domain.units import RecordRead
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


async def read_archive(storage: Storage, file: Path, record: Record) -> Iterator[tuple[str, dict[str, Any]]]:
    """Prove an archive, have it recorded that it is read, and return its rows, each with its table.

    Raises Refused if it is none, was changed, or was made with another node key.
    """
    found = Archive(file, storage.node_keys(create=False).keys)
    with closing(found):
        found.check()
        part = found.manifest.tables.keys() <= ARCHIVED
    if not part:
        raise Refused(f"{file}: is a backup of all tables; restore it to see what is in it")
    await record(RecordRead("archive", f"show {readable(file)}", (stamp(found.manifest.created_at),)))
    return _rows(Archive(file, storage.node_keys(create=False).keys))


def _rows(archive: Archive) -> Iterator[tuple[str, dict[str, Any]]]:
    with closing(archive):
        for page in archive.pages():
            for line in page.lines:
                yield page.table, dict(zip(page.columns, msgspec.json.decode(line), strict=True))


@asynccontextmanager
async def _engine(storage: Storage) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(storage.address, pool_size=2, statement_timeout=PATIENCE, create=False)
    try:
        with told(engine):
            yield engine
    finally:
        await engine.dispose()
