"""Sensitive reads on both engines: recorded before anything is given out, found again, or refused."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.backups import Backups, Schedule
from actors.door import Door, operator
from actors.persistence import guard, schema
from actors.persistence.backup import back_up
from actors.persistence.inspection import prove
from actors.persistence.reads import record_offline
from actors.persistence.restore import restore_for
from actors.persistence.storage import Storage
from actors.persistence.upkeep import migrate
from actors.persistence.work import Batch
from lts.cli.door import recorder
from lts.cli.failure import Failed
from lts.domain.units import NotPerformed, Perform, Performed, PutPortfolio, PutUser, RecordRead
from lts.live import LTS
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-010", "INT-024", "INT-5.3")

NodeAt = Callable[[str], AbstractAsyncContextManager[Any]]

ME = operator(os.geteuid())
NOBODYS = PutPortfolio("r", "nobody", "USD", Decimal(1), "fixed_quantity")
READS = "SELECT who, entity, row_key, before, after FROM audit_log WHERE action = 'read' ORDER BY seq"
A_READ = RecordRead("portfolios", "asked for by the page", (2,))
NO_ROOM = "there is no room left on the disk of"


@pytest.fixture
async def kept(node_at: NodeAt, database: str, registration: Any, tmp_path: Path) -> Storage:
    """A storage that a node has worked with; none does any more."""
    async with node_at(database) as node:
        assert await node.client.ask(Perform(registration, "system")) == Performed()
    return Storage(tmp_path / "state", database, environ={})


@pytest.fixture
async def open_door(node: Any) -> Any:
    """A node with an operator's door."""
    node.bus.spawn(Door, node.storage.state_dir, name="door")
    await node.bus.started()
    return node


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Fills the disk: what is written now fails."""

    async def fail(*_: Any) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise DBAPIError.instance("INSERT", None, error, sqlite3.Error)

    return lambda: monkeypatch.setattr(Batch, "insert", fail)


async def reads_of(storage: Storage) -> list[tuple[Any, ...]]:
    """What the audit tells of reads."""
    engine = storage.engine(create=False)
    async with engine.connect() as connection:
        found = [tuple(row) for row in await connection.execute(text(READS))]
    await engine.dispose()
    return found


async def change(storage: Storage, statement: str) -> None:
    """Change the database as somebody would who has got at it."""
    engine: AsyncEngine = storage.engine(create=False)
    async with engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                await connection.execute(text(statement))
    await engine.dispose()


async def record(storage: Storage, read: RecordRead = A_READ) -> None:
    await record_offline(storage, read, "operator ann", storage.node_keys(create=False).keys)


async def test_a_read_is_recorded_like_a_change_and_changes_nothing(node: Any) -> None:
    assert await node.client.ask(Perform((A_READ,), "bob")) == Performed()
    [row] = await node.rows(READS)
    assert tuple(row) == ("bob", "portfolios", "[2]", None, '{"why":"asked for by the page"}')
    assert await node.verify() == ()


async def test_a_read_is_recorded_with_what_it_belongs_to_or_not_at_all(node: Any) -> None:
    users = await node.rows("SELECT name FROM users")
    twice = (A_READ, PutUser("cyd"), RecordRead("x" * 64, "", ("é", 1)))
    assert await node.client.ask(Perform(twice, "bob")) == Performed()
    answer = await node.client.ask(Perform((A_READ, NOBODYS), "bob"))
    assert isinstance(answer, NotPerformed)
    assert len(await node.rows("SELECT name FROM users")) == len(users) + 1
    assert [row.row_key for row in await node.rows(READS)] == ["[2]", '["é",1]']
    assert await node.verify() == ()


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("DELETE FROM audit_log WHERE action = 'read'", "missing, although sealed"),
        ("UPDATE audit_log SET who = 'bob' WHERE action = 'read'", "is not as this node wrote it"),
        ("UPDATE audit_log SET after = NULL WHERE action = 'read'", "is not as this node wrote it"),
        ("UPDATE audit_log SET action = 'note' WHERE action = 'read'", "is not as this node wrote it"),
    ],
)
async def test_a_read_that_was_tampered_with_is_found(kept: Storage, statement: str, finding: str) -> None:
    await record(kept)
    assert (await prove(kept)).findings == ()
    await change(kept, statement)
    assert any(finding in each for each in (await prove(kept)).findings)


async def test_a_backup_beside_a_node_is_recorded_by_it_before_it_is_made(
    open_door: Any, tmp_path: Path
) -> None:
    made = await back_up(open_door.storage, tmp_path / "a.backup", record=recorder(open_door.storage))
    why = f'{{"why":"backup to {made.path}"}}'
    assert await reads_of(open_door.storage) == [(ME, "database", "[]", None, why)]
    assert await open_door.verify() == ()


async def test_a_backup_without_a_node_is_recorded_all_the_same(kept: Storage, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"\xff.backup")
    await back_up(kept, odd, record=recorder(kept))
    [(who, subject, *_, why)] = await reads_of(kept)
    assert (who, subject) == (ME, "database")
    assert why.endswith(r'/\\xff.backup"}')
    report = await prove(kept)
    assert (report.findings, report.unsealed) == ((), 0)


async def test_a_node_whose_disk_is_full_has_nothing_backed_up(
    open_door: Any, full: Callable[[], None], tmp_path: Path
) -> None:
    full()
    for _ in range(2):  # the one that finds out, and one that comes later
        with pytest.raises(Failed, match=NO_ROOM):
            await back_up(open_door.storage, tmp_path / "made", record=recorder(open_door.storage))
        assert list((tmp_path / "made").iterdir()) == []


async def test_on_a_full_disk_nothing_is_backed_up_without_a_node_either(
    kept: Storage, full: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full()
    monkeypatch.setattr("actors.persistence.reads._LAST_WRITE", 1.0)
    with pytest.raises(Failed, match=f"nothing was read, as that cannot be recorded .*: {NO_ROOM}"):
        await back_up(kept, tmp_path / "made", record=recorder(kept))
    assert list((tmp_path / "made").iterdir()) == []
    assert await reads_of(kept) == []


async def test_what_a_node_works_with_is_not_recorded_around_it(node: Any) -> None:
    elsewhere = replace(node.storage, state_dir=node.storage.state_dir.with_name("elsewhere"))
    places = [node.storage, elsewhere] if node.storage.file is None else [node.storage]
    for place in places:
        with pytest.raises(Refused, match=r"another (process|node) works with this"):
            await record_offline(place, A_READ, "eve", node.storage.node_keys(create=False).keys)
    assert await reads_of(node.storage) == []


async def test_nothing_is_recorded_behind_an_end_that_was_cut_off(kept: Storage) -> None:
    await change(kept, "DELETE FROM audit_seal")
    with pytest.raises(Refused, match="the audit was changed outside of LTS"):
        await record(kept)


async def test_a_scheduled_backup_is_the_systems(node_at: NodeAt) -> None:
    async with node_at("") as node:
        node.bus.spawn(Door, node.storage.state_dir, name="door")
        directory = node.storage.state_dir
        command = (*LTS, "db", "backup", "--keep", "1", "--state-dir", str(directory))
        backups: Any = node.bus.spawn(Backups, Schedule(24.0, directory / "backups", command), name="b").actor
        await node.bus.started()
        await backups._take()
        assert (backups.taken, backups.failed) == (1, 0)
        [(who, subject, *_)] = await reads_of(node.storage)
        assert (who, subject) == ("system", "database")


async def test_a_restored_database_tells_of_that(
    kept: Storage, tmp_path: Path, empty_target: Storage
) -> None:
    keys = kept.node_keys(create=False).keys
    made = await back_up(kept, tmp_path / "a.backup", record=recorder(kept))
    done = await restore_for("operator ann", made.path, empty_target, keys)
    assert done.unrecorded == ""
    [(who, subject, key, _, why)] = await reads_of(empty_target)
    assert (who, subject, why) == ("operator ann", "backup", f'{{"why":"restored from {made.path}"}}')
    assert key.startswith('["20')
    there = replace(empty_target, key_file=kept.state_dir / "node.key")
    assert (await prove(there)).findings == ()


async def test_what_has_no_whole_audit_is_restored_and_that_is_not_recorded(
    kept: Storage, tmp_path: Path, empty_target: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_record(_: RecordRead) -> None:
        """Nobody is asked."""

    monkeypatch.setattr("actors.persistence.snapshot._ATTEMPTS", 1)
    await change(kept, "DELETE FROM audit_seal")
    made = await back_up(kept, tmp_path / "a.backup", record=no_record)
    done = await restore_for("ann", made.path, empty_target, kept.node_keys(create=False).keys)
    assert "run `lts db verify`" in done.unrecorded
    assert await reads_of(empty_target) == []


@pytest.fixture
def empty_target(tmp_path: Path) -> Storage:
    """A state directory that is to be made."""
    return Storage(tmp_path / "copy", environ={})


async def test_the_backup_before_a_migration_is_recorded_at_whatever_revision(
    empty_database: str, tmp_path: Path
) -> None:
    storage = Storage(tmp_path / "state", empty_database, environ={})
    await migrate(storage, "ann", "0001")
    assert (await migrate(storage, "bob", "0003")).backup is not None  # there was no audit yet
    assert await reads_of(storage) == []
    await migrate(storage, "cyd")
    await migrate(storage, "dan", "0012", back=True)
    assert [(who, subject) for who, subject, *_ in await reads_of(storage)] == [
        ("cyd", "database"),
        ("dan", "database"),
    ]
    await migrate(storage, "eve", schema.head())
    assert (await prove(storage)).findings == ()
