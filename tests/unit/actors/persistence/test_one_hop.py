"""A batch on SQLite goes to the driver's thread once, all of it or nothing."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence import guard
from actors.persistence.auditing import AuditTrail
from actors.persistence.one_hop import batch_on
from actors.persistence.page import table_of
from actors.persistence.rows import FeedProgressRow
from actors.persistence.work import Batch, Impossible

pytestmark = pytest.mark.requirement("INT-007")

PLACES = table_of(FeedProgressRow)
COUNT = "SELECT count(*) FROM feed_progress"


def place(source: str, moments: int = 1) -> dict[str, Any]:
    return {"source": source, "moments": moments, "at": 1}


async def count(connection: AsyncConnection) -> int:
    async with connection.begin():
        return int(await connection.scalar(select(func.count()).select_from(PLACES)) or 0)


@asynccontextmanager
async def written(connection: AsyncConnection, trail: AuditTrail) -> AsyncIterator[Batch]:
    batch = batch_on(connection, trail, 1)
    with guard.unit(connection):
        async with batch.transaction():
            yield batch


@pytest.fixture
async def connection(lane: Any) -> AsyncIterator[AsyncConnection]:
    """A connection that has written before."""
    async with lane.engine.connect() as connection:
        async with written(connection, lane.trail) as batch:
            await batch.insert(PLACES, [place("first")])
        yield connection


async def test_what_only_writes_takes_one_way_to_the_driver(
    lane: Any, connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: list[Any] = []
    go: Any = aiosqlite.Connection._execute

    async def counted(driver: Any, function: Any, *arguments: Any) -> Any:
        ways.append(function)
        return await go(driver, function, *arguments)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    async with written(connection, lane.trail) as batch:
        await batch.insert(PLACES, [place("a"), place("b")])
        await batch.insert(PLACES, [place("c")])
        await batch.check(COUNT, lambda found: "" if found == 4 else str(found))
    assert len(ways) == 1
    assert await count(connection) == 4


async def test_nothing_to_write_goes_nowhere(
    lane: Any, connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiosqlite.Connection, "_execute", None)
    async with written(connection, lane.trail) as batch:
        assert batch.rows == 0


async def test_a_statement_that_fails_leaves_nothing_of_the_others(lane: Any, connection: Any) -> None:
    async def fail() -> None:
        async with written(connection, lane.trail) as batch:
            await batch.insert(PLACES, [place("a")])
            await batch.insert(PLACES, [place("first")])

    with pytest.raises(IntegrityError):
        await fail()
    assert await count(connection) == 1
    async with written(connection, lane.trail) as batch:  # and the connection works on
        await batch.insert(PLACES, [place("a")])
    assert await count(connection) == 2


async def test_an_objection_leaves_nothing_either(lane: Any, connection: Any) -> None:
    async def object_to() -> None:
        async with written(connection, lane.trail) as batch:
            await batch.insert(PLACES, [place("a")])
            await batch.check(COUNT, lambda found: f"{found} are too many")

    with pytest.raises(Impossible, match="2 are too many"):
        await object_to()
    assert await count(connection) == 1


async def test_whoever_reads_finds_what_was_written_before(lane: Any, connection: Any) -> None:
    async with written(connection, lane.trail) as batch:
        await batch.insert(PLACES, [place("a")])
        assert await batch.scalar(COUNT) == 2
        await batch.insert(PLACES, [place("b")])
        assert await (await batch.sent()).scalar(select(func.count()).select_from(PLACES)) == 3
        await batch.insert(PLACES, [place("c")])
    assert await count(connection) == 4


async def test_what_was_read_and_written_goes_with_the_rest_if_that_fails(lane: Any, connection: Any) -> None:
    async def fail() -> None:
        async with written(connection, lane.trail) as batch:
            await batch.insert(PLACES, [place("a")])
            await batch.sent()
            await batch.insert(PLACES, [place("first")])

    with pytest.raises(IntegrityError):
        await fail()
    assert await count(connection) == 1


async def test_what_nobody_waits_for_any_more_is_not_committed(lane: Any, connection: Any) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def hold_up(_: Any) -> str:
        reached.set()
        go_on.wait(5)
        return ""

    async def write() -> None:
        async with written(connection, lane.trail) as batch:
            await batch.insert(PLACES, [place("a")])
            await batch.check("SELECT 1", hold_up)

    writing = asyncio.create_task(write())
    await asyncio.to_thread(reached.wait, 5)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    go_on.set()
    assert await count(connection) == 1
