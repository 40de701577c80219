"""A database with tables, and a writer lane that is as simple as can be."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import guard, schema
from actors.persistence.auditing import AuditTrail
from actors.persistence.engine import make_engine
from actors.persistence.keyring import DataKeys
from actors.persistence.one_hop import batch_on
from actors.persistence.page import Form, Page, table_of
from actors.persistence.resume import resume
from actors.persistence.rows import AuditRow, DataKeyRow
from actors.persistence.verify import Report, verify
from actors.persistence.work import Batch, Scribe, Steps, Work
from lts.security.node_key import NodeKey, NodeKeys

AUDIT_LOG = table_of(AuditRow)
NODE_KEYS = NodeKeys(NodeKey(b"the secret of a node in a test, "))
SECOND = 1_000_000_000


class BrokenOff(Exception):
    """Nothing is to be left of a transaction."""


class Lane:
    """Writes each piece of work in a transaction of its own, at a system time that is moved by hand."""

    def __init__(self, directory: Path, engine: AsyncEngine) -> None:
        self.now = 1_700_000_000 * SECOND
        self.path = directory / "lts.db"
        self.head = directory / "audit.head"
        self.engine = engine
        self.node_keys = NODE_KEYS

    async def open(self) -> None:
        """Take up the audit, as a node does when it starts."""
        async with self.engine.connect() as connection:
            self.keys = await DataKeys.load(connection, self.node_keys, self.now)
            self.sealer = await resume(connection, self.keys, self.head)
        self.trail = AuditTrail(self.keys, self.sealer)
        if self.keys.made:
            await self.step(self._keep_keys)

    async def write(self, scribe: Scribe, content: Any = None, *, commit: bool = True) -> None:
        """Write one piece of work; without a commit, the transaction is rolled back."""
        self.now += SECOND // 10
        work = Work(content, scribe, "ann", 7)
        async with self.engine.connect() as connection:
            batch = batch_on(connection, self.trail, self.now)
            self.trail.begin(self.now)
            with guard.unit(connection), suppress(BrokenOff):
                async with batch.transaction():
                    await scribe.write(batch, [work])
                    await batch.insert(AUDIT_LOG, self.trail.rows)
                    if not commit:
                        raise BrokenOff
        if commit:
            self.trail.commit()
            scribe.settle()
        else:
            self.trail.rollback()
            scribe.forget()
        await self.sealer.confirmed()

    async def step(self, step: Callable[[Batch, Work], Awaitable[None]], *, commit: bool = True) -> None:
        """Write what a function writes."""
        await self.write(Steps(), step, commit=commit)

    async def insert(self, row_class: Any, *rows: dict[str, Any]) -> None:
        """Insert rows."""

        async def insert(batch: Batch, work: Work) -> None:
            page = Page(Form(row_class), batch)
            for row in rows:
                page.insert(row, work)
            await page.write()

        await self.step(insert)

    async def change(self, row_class: Any, before: dict[str, Any], **changed: Any) -> None:
        """Change a row."""

        async def change(batch: Batch, work: Work) -> None:
            page = Page(Form(row_class), batch)
            page.change(before, before | changed, work)
            await page.write()

        await self.step(change)

    async def seal(self) -> None:
        """Seal what is not sealed."""
        self.now += SECOND
        await self.write(self.sealer)

    async def verify(self) -> Report:
        """Verify the database as it is."""
        return await verify(self.engine, self.node_keys, self.head)

    async def _keep_keys(self, batch: Batch, work: Work) -> None:
        page = Page(Form(DataKeyRow), batch)
        for row in self.keys.made:
            page.insert(row, work)
        await page.write()


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to copy."""
    path = tmp_path_factory.mktemp("tables") / "lts.db"

    async def make() -> None:
        engine = make_engine(f"sqlite:///{path}")
        await schema.upgrade(engine)
        await engine.dispose()

    asyncio.run(make())
    return path


@pytest.fixture
def lane_in(tables: Path) -> Callable[[Path], Any]:
    """Opens a lane over the database in a directory; one is made where there is none."""

    @asynccontextmanager
    async def lane_in(directory: Path) -> AsyncIterator[Lane]:
        path = directory / "lts.db"
        if not path.exists():
            shutil.copy(tables, path)
        engine = make_engine(f"sqlite:///{path}")
        try:
            yield Lane(directory, engine)
        finally:
            await engine.dispose()

    return lane_in


@pytest.fixture
async def lane(lane_in: Callable[[Path], Any], tmp_path: Path) -> AsyncIterator[Lane]:
    """A lane over a new database, with its keys in it."""
    async with lane_in(tmp_path) as lane:
        await lane.open()
        yield lane


@pytest.fixture
def user() -> Callable[..., dict[str, Any]]:
    """Makes a row of `users`."""

    def user(id: int, name: str, *, active: bool = True) -> dict[str, Any]:  # noqa: A002 - its column
        return {"id": id, "name": name, "active": active, "created_at": 5}

    return user


@pytest.fixture
def outside(tmp_path: Path) -> Callable[[str], None]:
    """Executes statements on the lane's database as somebody would who has got at the file."""

    def outside(statements: str) -> None:
        with closing(sqlite3.connect(tmp_path / "lts.db")) as connection:
            connection.executescript(statements)
            connection.commit()

    return outside
