"""A backup is restored on either engine, whatever is in it, and the copies are equal row by row."""

import asyncio
import secrets
import shutil
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, Text, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import guard, schema
from actors.persistence.backup import Backup, back_up
from actors.persistence.columns import Exact
from actors.persistence.engine import make_engine
from actors.persistence.head import read_head
from actors.persistence.restore import Restored, restore
from actors.persistence.rows import metadata
from actors.persistence.storage import Storage
from lts.refusal import Refused
from lts.security.key_file import write_node_keys
from lts.security.node_key import NodeKey, NodeKeys

pytestmark = pytest.mark.requirement("INT-5.3", "INT-008", "INT-026")

KEYS = NodeKeys(NodeKey(b"the secret of a node in a test, "))
Rows = Mapping[str, list[dict[str, Any]]]

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
EXTREMES = st.sampled_from([Decimal("1E+60"), Decimal("1E-60"), Decimal("123456789012345678901234567890.5")])
AMOUNTS = st.decimals(Decimal("0.000001"), 10**30, places=12) | EXTREMES
WORDS = {  # what the checks allow
    "purpose": "seal", "action": "insert", "side": "buy", "type": "limit", "time_in_force": "gtc",
    "status": "filled", "state": "halted",
}  # fmt: skip
LARGE, SMALL = 2**63 - 1, 2**31 - 1


def value_of(column: Column[Any]) -> st.SearchStrategy[Any]:
    """Values of a column, with those at its limits."""
    match column.type:
        case Exact():
            values: st.SearchStrategy[Any] = AMOUNTS
        case Boolean():
            values = st.booleans()
        case BigInteger():
            values = st.integers(1, LARGE)
        case Integer():
            values = st.integers(1, SMALL)
        case Float():
            values = st.floats(allow_nan=False)
        case LargeBinary():
            values = st.binary(min_size=32, max_size=32)
        case String() | Text():
            values = TEXTS
        case _:
            raise NotImplementedError(column)
    return st.none() | values if column.nullable else values


@st.composite
def rows_of_all_tables(draw: st.DrawFn) -> Rows:
    """Up to three rows of each table, which refer to each other."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in metadata.sorted_tables:
        found: dict[Any, dict[str, Any]] = {}
        for _ in range(draw(st.integers(1, 3))):
            row = {column.name: draw(value_of(column)) for column in table.columns}
            row |= {name: word for name, word in WORDS.items() if name in row}
            if "kind" in row:
                row["kind"] = "segment" if table.name == "audit_seal" else "trade"
            for key in table.foreign_keys:
                referred = draw(st.sampled_from(rows[key.column.table.name]))
                row[key.parent.name] = referred[key.column.name]
            unique = row.get("name") or tuple(row[column.name] for column in table.primary_key)
            keyed = tuple(row[column.name] for column in table.primary_key)
            if all(keyed != each for each in found.values()) and unique not in found:
                found[unique] = row
        rows[table.name] = unique_by_key(table, found.values())
    return rows


def unique_by_key(table: Any, rows: Any) -> list[dict[str, Any]]:
    by_key = {tuple(row[column.name] for column in table.primary_key): row for row in rows}
    return list(by_key.values())


async def fill(engine: AsyncEngine, rows: Rows) -> None:
    async with engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                for name, each in rows.items():
                    await connection.execute(metadata.tables[name].insert(), each)


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


async def copied(source: Storage, target: Storage) -> tuple[Backup, Restored]:
    backup = await back_up(source, target.state_dir.with_name(f"{secrets.token_hex(4)}.backup"))
    return backup, await restore(backup.path, target, KEYS)


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the node key, and an empty database of all tables."""
    monkeypatch.setattr("actors.persistence.snapshot._ATTEMPTS", 1)  # what is made up here has no head file
    write_node_keys(tmp_path / "node.key", KEYS)
    shutil.copy(sqlite_template, tmp_path / "lts.db")
    return tmp_path


@pytest.fixture
def server(request: pytest.FixtureRequest) -> str:
    """The URL of an empty PostgreSQL database."""
    return str(request.getfixturevalue("empty_database"))


on_server = pytest.mark.parametrize("backend", ["postgresql"])
examples = settings(suppress_health_check=list(HealthCheck), print_blob=True)


@settings(examples, max_examples=5)
@given(rows=rows_of_all_tables())
def test_what_is_copied_between_two_files_is_equal(home: Path, rows: Rows) -> None:
    async def check(directory: Path) -> None:
        source = Storage(directory, key_file=home / "node.key")
        await _filled(source, rows)
        copy = Storage(directory / "copy", key_file=home / "node.key")
        await copied(source, copy)
        assert await contents(copy) == await contents(source)

    with TemporaryDirectory(dir=home) as directory:
        shutil.copy(home / "lts.db", directory)
        asyncio.run(check(Path(directory)))


@on_server
@settings(examples, max_examples=4)
@given(rows=rows_of_all_tables())
def test_what_goes_from_a_file_to_a_server_and_back_is_equal(home: Path, server: str, rows: Rows) -> None:
    async def check(directory: Path) -> None:
        source = Storage(directory, key_file=home / "node.key")
        on_server = Storage(directory / "server", server, key_file=home / "node.key")
        back = Storage(directory / "back", key_file=home / "node.key")
        await _filled(source, rows)
        there, _ = await copied(source, on_server)
        again, _ = await copied(on_server, back)
        assert again.manifest.tables == there.manifest.tables
        assert await contents(on_server) == await contents(back) == await contents(source)
        engine = make_engine(server)
        await schema.downgrade(engine, "base")
        await engine.dispose()

    with TemporaryDirectory(dir=home) as directory:
        shutil.copy(home / "lts.db", directory)
        asyncio.run(check(Path(directory)))


async def _filled(storage: Storage, rows: Rows) -> None:
    engine = storage.engine()
    await fill(engine, rows)
    await engine.dispose()
