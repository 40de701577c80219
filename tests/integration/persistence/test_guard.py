"""Outside of a unit nothing changes the database, however it is said, on both engines."""

from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from actors.persistence import guard
from actors.persistence.guard import Unaudited
from actors.persistence.rows import TradingStateRow, metadata

pytestmark = pytest.mark.requirement("INT-010", "INT-7.2")

HALTED: dict[str, Any] = {"scope": "system", "state": "halted", "reason": "", "at": 1}
ACTIVE = HALTED | {"scope": "ann", "state": "active"}

CHANGES = [
    "INSERT INTO trading_states VALUES ('ann', 'active', '', 1)",
    "  \n insert into trading_states values ('ann', 'active', '', 1)",
    "/* SELECT */ DELETE FROM trading_states",
    "-- SELECT 1\nDELETE FROM trading_states",
    "/* a */ -- b\n /**/ UPDATE trading_states SET at = 2",
    "WITH ann AS (SELECT 'ann' AS scope) DELETE FROM trading_states WHERE scope IN (SELECT scope FROM ann)",
    "WITH gone AS (DELETE FROM trading_states RETURNING scope) SELECT scope FROM gone",
    "WITH new (s) AS (SELECT 'ann') INSERT INTO trading_states SELECT s, 'active', '', 1 FROM new",
    "EXPLAIN ANALYZE DELETE FROM trading_states",
    "REPLACE INTO trading_states VALUES ('system', 'active', '', 1)",
    "SELECT * INTO extra FROM trading_states",
    "SELECT 1; DELETE FROM trading_states",
    "TRUNCATE trading_states",
    "DROP TABLE trading_states",
    "CREATE TABLE extra (x INTEGER)",
    "ALTER TABLE trading_states ADD COLUMN x INTEGER",
    "CREATE TRIGGER extra AFTER INSERT ON trading_states BEGIN DELETE FROM trading_states; END",
    "MERGE INTO trading_states USING users ON true WHEN MATCHED THEN DELETE",
    "PRAGMA query_only = OFF",
    "PRAGMA foreign_keys(0)",
    "PRAGMA writable_schema = ON",
    "ATTACH DATABASE ':memory:' AS other",
    "VACUUM",
    "COPY trading_states FROM STDIN",
    "DO $$ BEGIN DELETE FROM trading_states; END $$",
    "CALL anything()",
    "SET session_replication_role = replica",
    "",
]


@pytest.fixture
async def halted(engine: AsyncEngine) -> AsyncEngine:
    """The engine of a database that holds a halt."""
    async with engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                await connection.execute(insert(TradingStateRow), [HALTED])
    return engine


async def stored(engine: AsyncEngine) -> list[tuple[object, ...]]:
    async with engine.connect() as connection:
        rows = await connection.execute(
            select(TradingStateRow.scope, TradingStateRow.state, TradingStateRow.at)
        )
        return [tuple(row) for row in rows]


async def test_no_text_gets_past_the_guard(halted: AsyncEngine) -> None:
    async with halted.connect() as connection:
        for statement in CHANGES:
            for send in (connection.exec_driver_sql, lambda words: connection.execute(text(words))):
                with pytest.raises(Unaudited):
                    await send(statement)
        await connection.commit()
    assert await stored(halted) == [("system", "halted", 1)]


async def test_no_construct_gets_past_the_guard(halted: AsyncEngine) -> None:
    gone = delete(TradingStateRow).returning(TradingStateRow.scope).cte()
    async with halted.connect() as connection:
        for statement in (
            insert(TradingStateRow).values(**ACTIVE),
            insert(TradingStateRow).from_select(["scope"], select(TradingStateRow.scope)),
            update(TradingStateRow).values(at=2),
            delete(TradingStateRow),
            select(gone.c.scope),
        ):
            with pytest.raises(Unaudited):
                await connection.execute(statement)
        with pytest.raises(Unaudited):
            await connection.execute(insert(TradingStateRow), [ACTIVE, ACTIVE | {"scope": "bob"}])
        await connection.commit()
    assert await stored(halted) == [("system", "halted", 1)]


async def test_no_table_is_made_or_dropped_past_the_guard(halted: AsyncEngine) -> None:
    async with halted.connect() as connection:
        with pytest.raises(Unaudited):
            await connection.run_sync(metadata.drop_all)
        with pytest.raises(Unaudited):
            await connection.run_sync(lambda inner: metadata.create_all(inner, checkfirst=False))
        await connection.commit()
    assert await stored(halted) == [("system", "halted", 1)]


def bulk(session: Session) -> None:
    session.bulk_save_objects([TradingStateRow(**ACTIVE)])


def mappings(session: Session) -> None:
    session.bulk_insert_mappings(TradingStateRow, [ACTIVE])


def added(session: Session) -> None:
    session.add(TradingStateRow(**ACTIVE))
    session.flush()


def changed(session: Session) -> None:
    session.get_one(TradingStateRow, "system").state = "active"
    session.flush()


def deleted(session: Session) -> None:
    session.delete(session.get_one(TradingStateRow, "system"))
    session.flush()


def queried(session: Session) -> None:
    session.query(TradingStateRow).delete()


@pytest.mark.parametrize("change", [bulk, mappings, added, changed, deleted, queried])
async def test_no_session_gets_past_the_guard(change: object, halted: AsyncEngine) -> None:
    async with AsyncSession(halted) as session:
        with pytest.raises(Unaudited):
            await session.run_sync(change)  # type: ignore[arg-type]  # each of them takes a session
    assert await stored(halted) == [("system", "halted", 1)]


async def test_a_unit_may_change_what_it_wants_and_then_no_more(halted: AsyncEngine) -> None:
    async with halted.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                await connection.execute(update(TradingStateRow).values(at=2))
            async with AsyncSession(connection) as session:
                session.add(TradingStateRow(**ACTIVE))
                await session.commit()
        with pytest.raises(Unaudited):
            await connection.execute(delete(TradingStateRow))
    assert await stored(halted) == [("system", "halted", 2), ("ann", "active", 1)]


async def test_no_other_connection_can_use_what_a_unit_is_known_by(halted: AsyncEngine) -> None:
    async with halted.connect() as one, halted.connect() as other:
        with guard.unit(one):
            for faked in ((await one.get_raw_connection()), token_of(one), True, object()):
                await other.execution_options(unit=faked)
                with pytest.raises(Unaudited):
                    await other.execute(delete(TradingStateRow), execution_options={"unit": faked})
                await other.rollback()
            stolen = token_of(one)
        await one.execution_options(unit=stolen)
        with pytest.raises(Unaudited):
            await one.execute(delete(TradingStateRow))
    for options in ({"unit": stolen}, {"unit": True, "writes": True}, {"isolation_level": "AUTOCOMMIT"}):
        async with halted.execution_options(**options).connect() as connection:
            with pytest.raises(Unaudited):
                await connection.execute(delete(TradingStateRow))
    assert await stored(halted) == [("system", "halted", 1)]


def token_of(connection: AsyncConnection) -> object:
    inner = connection.sync_connection
    assert isinstance(inner, Connection)
    return inner.get_execution_options()["unit"]


async def test_a_unit_begins_outside_of_transactions_and_of_other_units(halted: AsyncEngine) -> None:
    connection = halted.connect()
    with pytest.raises(RuntimeError, match="open connection"), guard.unit(connection):
        pass
    async with connection:
        async with connection.begin():
            with pytest.raises(RuntimeError, match="outside of any transaction"), guard.unit(connection):
                pass
        with guard.unit(connection):
            with pytest.raises(RuntimeError, match="outside of any transaction"), guard.unit(connection):
                pass
            async with connection.begin():
                await connection.execute(delete(TradingStateRow))
    assert await stored(halted) == []


async def test_reading_is_let_through_whatever_words_are_in_it(halted: AsyncEngine) -> None:
    async with halted.connect() as connection:
        for statement in (
            "SELECT 'DELETE; it''s -- /* only */ a text', replace(state, 'h', 'H') FROM trading_states",
            'SELECT at AS "update; delete" FROM trading_states -- INSERT INTO nothing',
            "/* UPDATE */ WITH s AS (SELECT scope FROM trading_states) SELECT * FROM s;",
            "VALUES (1)",
            "EXPLAIN SELECT at FROM trading_states",
        ):
            assert (await connection.exec_driver_sql(statement)).all()
        async with connection.begin_nested():
            await connection.execute(select(TradingStateRow.at))
