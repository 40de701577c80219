"""A backup is restored on either engine, whatever is in it, and the copies are equal row by row."""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import AsyncMock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, select
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import guard, schema
from actors.persistence.backup import back_up
from actors.persistence.columns import Exact
from actors.persistence.doctor import examine
from actors.persistence.drill import drill
from actors.persistence.engine import make_engine
from actors.persistence.head import read_head
from actors.persistence.inspection import check_schema, prove
from actors.persistence.manifest import Manifest
from actors.persistence.restore import restore
from actors.persistence.rows import UserRow, metadata
from actors.persistence.storage import Storage, opened
from actors.persistence.upkeep import migrate
from lts.refusal import Refused
from lts.security.key_file import write_node_keys
from lts.security.node_key import NodeKey, NodeKeys

pytestmark = pytest.mark.requirement("INT-5.3", "INT-008", "INT-026")

KEYS = NodeKeys(NodeKey(b"the secret of a node in a test, "))
Rows = Mapping[str, list[dict[str, Any]]]

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
EXTREMES = st.sampled_from([Decimal("1E+60"), Decimal("1E-60"), Decimal("123456789012345678901234567890.5")])
BY_TYPE: dict[type, st.SearchStrategy[Any]] = {
    Exact: st.decimals(Decimal("0.000001"), 10**30, places=12) | EXTREMES,
    Boolean: st.booleans(),
    BigInteger: st.integers(1, 2**63 - 1),
    Integer: st.integers(1, 2**31 - 1),
    Float: st.floats(allow_nan=False),
    LargeBinary: st.binary(min_size=32, max_size=32),
    String: TEXTS,
}
WORDS = {  # what the checks allow
    "purpose": "seal", "action": "insert", "side": "buy", "type": "limit", "time_in_force": "gtc",
    "status": "filled", "state": "halted", "role": "trader",
}  # fmt: skip
KINDS = {"audit_seal": "segment", "billing_records": "trade", "idempotency_keys": "order"}
HASHES = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
ONE_OF_A_KIND = ("name", "refresh", "secret")
"""Columns beside the primary key that no two rows share."""


def value_of(column: Column[Any]) -> st.SearchStrategy[Any]:
    """Values of a column, up to its limits."""
    if column.table.name == "spent_refresh_tokens" and column.name == "refresh":
        return HASHES
    values = next(values for base, values in BY_TYPE.items() if isinstance(column.type, base))
    return st.none() | values if column.nullable else values


@st.composite
def rows_of_all_tables(draw: st.DrawFn) -> Rows:
    """A few rows of each table, which refer to each other."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in metadata.sorted_tables:
        unique: dict[Any, dict[str, Any]] = {}
        for _ in range(draw(st.integers(1, 3))):
            row = {column.name: draw(value_of(column)) for column in table.columns}
            row |= {name: word for name, word in WORDS.items() if name in row}
            if "kind" in row:
                row["kind"] = KINDS[table.name]
            for constraint in table.foreign_key_constraints:
                referred = draw(st.sampled_from(rows[constraint.referred_table.name]))
                row |= {key.parent.name: referred[key.column.name] for key in constraint.elements}
            unique[tuple(row[column.name] for column in table.primary_key)] = row
        kinds = [name for name in ONE_OF_A_KIND if name in table.columns]
        rows[table.name] = [*{row[kinds[0]] if kinds else key: row for key, row in unique.items()}.values()]
    return rows


async def fill(storage: Storage, rows: Rows) -> None:
    engine = storage.engine()
    async with engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                for name, each in rows.items():
                    await connection.execute(metadata.tables[name].insert(), each)
    await engine.dispose()


async def contents(storage: Storage) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, in an order that no engine decides."""
    engine = storage.engine(create=False)
    async with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, await connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }
    await engine.dispose()
    return found


async def copy(source: Storage, target: Storage) -> Manifest:
    """Back up the one, and restore it as the other."""
    made = await back_up(source, target.state_dir.with_suffix(".backup"), record=AsyncMock())
    return (await restore(made.path, target, KEYS)).manifest


@pytest.fixture
def storages(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes storages in a new directory: an empty database with all tables, and two that are to come."""
    monkeypatch.setattr("actors.persistence.snapshot._ATTEMPTS", 1)  # what is made up has no head file
    write_node_keys(tmp_path / "node.key", KEYS)

    @contextmanager
    def storages(url: str = "") -> Iterator[list[Storage]]:
        with TemporaryDirectory(dir=tmp_path) as directory:
            places = [Path(directory, name) for name in ("source", "there", "back")]
            places[0].mkdir()
            shutil.copy(sqlite_template, places[0] / "lts.db")
            urls = ("", url, "")
            yield [Storage(*each, key_file=tmp_path / "node.key") for each in zip(places, urls, strict=True)]

    return storages


@pytest.fixture
def server(empty_database: str) -> str:
    """The URL of an empty PostgreSQL database."""
    return empty_database


examples = settings(suppress_health_check=list(HealthCheck))


@settings(examples, max_examples=2)
@given(rows=rows_of_all_tables())
def test_what_is_copied_from_file_to_file_is_equal(storages: Any, rows: Rows) -> None:
    async def check(source: Storage, there: Storage) -> None:
        await fill(source, rows)
        await copy(source, there)
        assert await contents(there) == await contents(source)

    with storages() as (source, there, _):
        asyncio.run(check(source, there))


@pytest.mark.parametrize("backend", ["postgresql"])
@settings(examples, max_examples=3)
@given(rows=rows_of_all_tables())
def test_what_goes_to_a_server_and_back_is_equal(storages: Any, server: str, rows: Rows) -> None:
    async def check(source: Storage, there: Storage, back: Storage) -> None:
        await fill(source, rows)
        first, second = await copy(source, there), await copy(there, back)
        assert (first.database, second.database) == ("sqlite", "postgresql")
        assert second.tables == first.tables
        assert await contents(there) == await contents(back) == await contents(source)
        engine = make_engine(server)
        async with engine.connect() as connection:
            with guard.unit(connection):  # what an older revision has no place for: no way back
                async with connection.begin():
                    for name in (
                        "balance_snapshots",
                        "conversion_rates",
                        "financing_charges",
                        "hedged_positions",
                        "loss_marks",
                        "asset_settings",
                        "portfolio_settings",
                    ):
                        await connection.execute(metadata.tables[name].delete())
        await schema.downgrade(engine, "base")
        await engine.dispose()

    with storages(server) as (source, there, back):
        asyncio.run(check(source, there, back))


async def use(storage: Storage) -> None:
    """Have a node begin and end there, and somebody sign up."""
    async with opened(storage):
        pass
    user = {"id": 41, "name": "ann", "active": True, "created_at": 5}
    await fill(storage, {"users": [user]})


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_ids_go_on_behind_the_last_one_on_a_server_too(storages: Any, server: str) -> None:
    with storages(server) as (source, there, back):
        await use(source)
        await copy(source, there)
        engine: AsyncEngine = there.engine()
        async with engine.connect() as connection:
            with guard.unit(connection):
                async with connection.begin():
                    more = {"name": "bob", "active": True, "created_at": 6}
                    await connection.execute(metadata.tables["users"].insert(), more)
        await engine.dispose()
        assert [row[0] for row in (await contents(there))[UserRow.__tablename__]] == [41, 42]
        assert (await copy(there, back)).sequences == {"users": 42}


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_server_is_filled_once_and_never_over_something_else(storages: Any, server: str) -> None:
    with storages(server) as (source, there, _):
        await use(source)
        backup = (await back_up(source, source.state_dir / "1.backup", record=AsyncMock())).path
        await restore(backup, there, KEYS)
        there.head.unlink()  # as if it had been killed before that
        await restore(backup, there, KEYS)
        assert read_head(there.head) == read_head(source.head)
        assert (await prove(there)).found == (await prove(source)).found

        await fill(source, {"users": [{"id": 50, "name": "eve", "active": True, "created_at": 5}]})
        other = (await back_up(source, source.state_dir / "2.backup", record=AsyncMock())).path
        with pytest.raises(Refused, match=r"is not empty: name an empty database$"):
            await restore(other, there, KEYS)
        assert len((await contents(there))["users"]) == 1


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_what_a_server_cannot_hold_leaves_it_empty(storages: Any, server: str) -> None:
    with storages(server) as (source, there, _):
        await fill(source, {"users": [{"id": 1, "name": "an\0n", "active": True, "created_at": 5}]})
        backup = (await back_up(source, source.state_dir / "1.backup", record=AsyncMock())).path
        with pytest.raises(Refused, match="refuses a row"):
            await restore(backup, there, KEYS)
        engine = there.engine()
        assert await schema.current(engine) is None
        await engine.dispose()
        assert not there.head.exists()


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_server_that_a_node_works_with_is_not_filled(storages: Any, server: str) -> None:
    with storages(server) as (source, there, back):
        await use(source)
        backup = (await back_up(source, source.state_dir / "1.backup", record=AsyncMock())).path
        node = Storage(back.state_dir, server, key_file=there.key_file)
        async with opened(node):
            with pytest.raises(Refused, match="another node works with this PostgreSQL database"):
                await restore(backup, there, KEYS)


@pytest.mark.requirement("INT-009")
@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_server_is_examined_drilled_and_migrated_as_a_file_is(storages: Any, server: str) -> None:
    with storages(server) as (source, there, _):
        await use(source)
        await restore(
            (await back_up(source, source.state_dir / "1.backup", record=AsyncMock())).path, there, KEYS
        )
        seen = {each.name: each.status for each in await examine(there)}
        assert seen == {
            "state directory": "ok", "node key": "ok", "disk": "ok", "backups": "warning", "database": "ok",
            "integrity": "ok", "audit": "ok", "clock": "ok",
        }  # fmt: skip
        assert (await drill(there)).rows == sum(map(len, (await contents(there)).values()))

        *_, before, latest = schema.revisions()
        back = await migrate(there, "ann", before, back=True)
        assert (back.before, back.after) == (latest, before)
        assert back.backup is not None
        assert (await migrate(there, "ann")).before == before
        assert await check_schema(there) == latest
