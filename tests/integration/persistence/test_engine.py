"""What connections are set to, and what becomes of what goes wrong on them."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, make_url, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from actors.persistence import guard, schema
from actors.persistence.rows import TradingStateRow, UserRow
from actors.persistence.troubles import Trouble, classify, sentence
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-006", "INT-5.3")

ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

MakeEngine = Callable[..., AsyncEngine]
HALTED = {"scope": "system", "state": "halted", "reason": "", "at": 1}
ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(30)",
}


async def driver(connection: AsyncConnection) -> Any:
    """The driver's own connection, where nobody stands guard."""
    return (await connection.get_raw_connection()).driver_connection


async def asked(connection: AsyncConnection, statement: str) -> Any:
    found = await (await driver(connection)).execute_fetchall(statement)
    return found[0][0]


@ON_SQLITE
async def test_each_connection_of_sqlite_is_durable_and_checks_foreign_keys(engine: AsyncEngine) -> None:
    async with engine.connect() as one, engine.connect() as another:
        for connection in (one, another):
            assert await asked(connection, "PRAGMA journal_mode") == "wal"
            assert await asked(connection, "PRAGMA synchronous") == 2
            assert await asked(connection, "PRAGMA foreign_keys") == 1
            assert await asked(connection, "PRAGMA busy_timeout") == 5000
            assert await asked(connection, "PRAGMA trusted_schema") == 0


@ON_SQLITE
async def test_even_the_driver_cannot_change_anything_outside_of_a_unit(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                assert await asked(connection, "PRAGMA query_only") == 0
    for _ in range(3):
        async with engine.connect() as connection:
            assert await asked(connection, "PRAGMA query_only") == 1
            await connection.execute(select(UserRow.id))
            assert await asked(connection, "PRAGMA query_only") == 1


@ON_POSTGRESQL
async def test_transactions_of_postgresql_read_a_snapshot_or_are_serializable(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        for writes in (False, True, False):
            if writes:
                with guard.unit(connection):
                    async with connection.begin():
                        assert await setting(connection, "transaction_isolation") == "serializable"
                        assert await setting(connection, "transaction_read_only") == "off"
            else:
                async with connection.begin():
                    assert await setting(connection, "transaction_isolation") == "repeatable read"
                    assert await setting(connection, "transaction_read_only") == "on"
                    assert await setting(connection, "statement_timeout") == "10s"
                    assert await setting(connection, "lock_timeout") == "5s"
                    assert await setting(connection, "idle_in_transaction_session_timeout") == "1min"


async def setting(connection: AsyncConnection, name: str) -> Any:
    return await connection.scalar(text(f"SHOW {name}"))


async def test_a_reader_sees_one_moment_while_others_write(engine: AsyncEngine) -> None:
    count = text("SELECT count(*) FROM trading_states")
    async with engine.connect() as reader, engine.connect() as writer:
        assert await reader.scalar(count) == 0
        with guard.unit(writer):
            async with writer.begin():
                await writer.execute(insert(TradingStateRow), [HALTED])
        assert await reader.scalar(count) == 0
        await reader.rollback()
        assert await reader.scalar(count) == 1


async def test_what_fails_halfway_leaves_nothing(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        with guard.unit(connection), pytest.raises(DBAPIError):
            await write_twice(connection)
    async with engine.connect() as connection:
        assert (await connection.execute(select(TradingStateRow.scope))).all() == []


async def write_twice(connection: AsyncConnection) -> None:
    async with connection.begin():
        await connection.execute(insert(TradingStateRow), [HALTED])
        await connection.execute(insert(TradingStateRow), [HALTED])


async def test_a_statement_that_never_ends_is_broken_off(
    backend: str, database: str, engine_at: MakeEngine
) -> None:
    engine = engine_at(database, statement_timeout=0.2)
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as broken:
            await connection.execute(text(ENDLESS[backend]))
        assert classify(broken.value) is Trouble.OTHER
        assert "took too long" in sentence(broken.value, database)
        await connection.rollback()
        assert await connection.scalar(text("SELECT 1")) == 1


@ON_SQLITE
async def test_sqlite_has_one_writer_and_the_next_one_is_told_to_try_again(engine: AsyncEngine) -> None:
    async with engine.connect() as one, engine.connect() as another:
        await (await driver(another)).execute("PRAGMA busy_timeout = 20")
        with guard.unit(one), guard.unit(another):
            async with one.begin():
                with pytest.raises(OperationalError) as locked:
                    await another.begin()
                assert classify(locked.value) is Trouble.RETRY
                assert "is locked by another process" in sentence(locked.value, engine.url)
            async with another.begin():
                await another.execute(insert(TradingStateRow), [HALTED])


@ON_POSTGRESQL
async def test_writers_of_postgresql_that_cross_are_told_to_try_again(
    database: str, engine_at: MakeEngine
) -> None:
    engine = engine_at(database)
    async with engine.connect() as one, engine.connect() as another:
        with guard.unit(one), guard.unit(another):
            async with one.begin():
                await one.execute(insert(TradingStateRow), [HALTED])
            first, second = await one.begin(), await another.begin()
            for connection in (one, another):
                assert await connection.scalar(text("SELECT max(at) FROM trading_states")) == 1
            await one.execute(update(TradingStateRow).values(at=2))
            await first.commit()
            with pytest.raises(DBAPIError) as crossed:
                await another.execute(update(TradingStateRow).values(at=3))
            await second.rollback()
    assert classify(crossed.value) is Trouble.RETRY


@ON_POSTGRESQL
async def test_a_lost_connection_is_noticed_and_the_pool_recovers(engine: AsyncEngine) -> None:
    async with engine.connect() as lost, engine.connect() as other:
        number = await lost.scalar(text("SELECT pg_backend_pid()"))
        await lost.rollback()
        assert await other.scalar(text(f"SELECT pg_terminate_backend({number})"))
        with guard.unit(lost), pytest.raises(DBAPIError) as broken:
            await write_twice(lost)
        assert classify(broken.value) is Trouble.PAUSE
        assert "was lost" in sentence(broken.value, engine.url)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_pool_that_has_no_connection_left_says_so(
    database: str, engine_at: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.persistence.engine._CONNECT_SECONDS", 0.05)
    engine = engine_at(database, pool_size=1)
    async with engine.connect():
        with pytest.raises(Exception, match="QueuePool") as full:
            await engine.connect()
    assert classify(full.value) is Trouble.RETRY


async def test_connections_are_shared_and_closed_at_the_end(database: str, engine_at: MakeEngine) -> None:
    engine = engine_at(database, pool_size=2)

    async def one() -> Any:
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT 1"))

    assert await asyncio.gather(*(one() for _ in range(20))) == [1] * 20
    assert engine.pool.status().startswith("Pool size: 2  Connections in pool: 2")
    await engine.dispose()
    assert "Connections in pool: 0" in engine.pool.status()


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_only_its_owner_may_read_a_new_file(tmp_path: Path, engine_at: MakeEngine) -> None:
    await schema.prepare(engine_at(f"sqlite:///{tmp_path / 'new.db'}"))
    assert modes(tmp_path) == dict.fromkeys(("new.db", "new.db-wal", "new.db-shm"), 0o600)


async def test_a_file_is_not_made_where_one_is_expected(tmp_path: Path, engine_at: MakeEngine) -> None:
    path = tmp_path / "new.db"
    with pytest.raises(Refused, match=f"there is no database at {path}"):
        await schema.check(engine_at(f"sqlite:///{path}", create=False))
    assert modes(tmp_path) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": "127.0.0.1", "port": 1}, "cannot be reached"),
        ({"host": "no.such.host.invalid"}, "cannot be reached"),
        ({"host": "/nowhere"}, "cannot be reached"),
    ],
    ids=["nobody listens", "unknown host", "no socket"],
)
async def test_a_server_that_is_not_there_is_told_in_a_sentence_without_the_password(
    change: dict[str, Any], said: str, engine_at: MakeEngine
) -> None:
    url = make_url("postgresql://lts:s3cret@/lts")
    host = change.pop("host")
    url = url.set(query={"host": host}) if host.startswith("/") else url.set(host=host, **change)
    engine = engine_at(url.render_as_string(hide_password=False))
    with pytest.raises(Refused, match=said) as refusal:
        await schema.check(engine)
    assert "s3cret" not in str(refusal.value)
    assert host in str(refusal.value)


@ON_POSTGRESQL
async def test_a_database_that_the_server_does_not_have_is_told(database: str, engine_at: MakeEngine) -> None:
    other = make_url(database).set(database="nothing").render_as_string(hide_password=False)
    with pytest.raises(Refused, match=r"PostgreSQL database nothing at .* does not exist: make it"):
        await schema.check(engine_at(other))


@ON_POSTGRESQL
async def test_a_user_that_the_server_does_not_know_is_told(database: str, engine_at: MakeEngine) -> None:
    other = make_url(database).set(username="stranger").render_as_string(hide_password=False)
    with pytest.raises(Refused, match="refuses the user or the password"):
        await schema.check(engine_at(other))


def damage(path: Path) -> None:
    """Overwrite what follows the header of the first page."""
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([0xFF]) * 3996 + content[4096:])


class TestFiles:
    """What can be wrong with a file."""

    async def test_no_database(self, tmp_path: Path, engine_at: MakeEngine) -> None:
        path = tmp_path / "notes.txt"
        path.write_text(
            "nothing that SQLite would know, and longer than its header is" * 20, encoding="utf-8"
        )
        with pytest.raises(Refused, match=f"{path} is not a SQLite database"):
            await schema.check(engine_at(f"sqlite:///{path}"))

    async def test_a_directory(self, tmp_path: Path, engine_at: MakeEngine) -> None:
        with pytest.raises(Refused, match=f"{tmp_path} cannot be opened"):
            await schema.check(engine_at(f"sqlite:///{tmp_path}"))

    async def test_a_path_that_leads_nowhere(self, tmp_path: Path, engine_at: MakeEngine) -> None:
        path = tmp_path / "no" / "lts.db"
        with pytest.raises(Refused, match=f"made at {path}: No such file or directory"):
            await schema.prepare(engine_at(f"sqlite:///{path}"))

    @ON_SQLITE
    async def test_damage(self, database: str, engine_at: MakeEngine) -> None:
        path = Path(make_url(database).database or "")
        damage(path)
        with pytest.raises(Refused, match=f"{path} is damaged .*: restore a backup"):
            await schema.check(engine_at(database))

    @ON_SQLITE
    async def test_read_only(self, database: str, engine_at: MakeEngine) -> None:
        path = make_url(database).database
        engine = engine_at(f"sqlite:///file:{path}?mode=ro&uri=true")
        await schema.check(engine)
        with pytest.raises(Refused, match="cannot be written: make the file and its directory writable"):
            await schema.downgrade(engine, "base")

    @ON_SQLITE
    async def test_no_room(self, engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            pages = await asked(connection, "PRAGMA page_count")
            await (await driver(connection)).execute(f"PRAGMA max_page_count = {pages}")
            with guard.unit(connection):
                transaction = await connection.begin()
                with pytest.raises(OperationalError) as full:
                    await connection.execute(insert(TradingStateRow), [HALTED | {"reason": "long" * 10_000}])
                await transaction.rollback()
        assert classify(full.value) is Trouble.PAUSE
        assert "no room left" in sentence(full.value, engine.url)
