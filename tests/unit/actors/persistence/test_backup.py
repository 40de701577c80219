"""Backups: made beside a working node, encrypted, for the node key alone."""

import asyncio
import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from actors.persistence import archive, backup, schema
from actors.persistence.archive import Archive
from actors.persistence.backup import back_up
from actors.persistence.blueprint import blueprint_of
from actors.persistence.rows import UserRow
from actors.persistence.shelf import backup_name, backups, prune
from actors.persistence.storage import Storage
from lts.refusal import Refused
from lts.security.key_file import write_node_keys
from lts.security.node_key import NodeKey, NodeKeys

pytestmark = pytest.mark.requirement("INT-5.3", "INT-025", "INT-026")

HEAD = schema.head()
TIME = 1_700_000_000_123_456_789


@pytest.fixture
async def storage(lane: Any, user: Any, tmp_path: Path) -> Storage:
    """A storage with two users, in two segments of the audit, and one more behind them."""
    write_node_keys(tmp_path / "node.key", lane.node_keys)
    await lane.insert(UserRow, user(1, "ann"))
    await lane.seal()
    await lane.insert(UserRow, user(2, "bob"))
    await lane.seal()
    await lane.insert(UserRow, user(3, "cyd"))
    return Storage(tmp_path)


async def refused(storage: Storage, to: Path | None = None) -> str:
    with pytest.raises(Refused) as told:
        await back_up(storage, to, record=AsyncMock())
    assert "\n" not in str(told.value)
    return str(told.value)


def files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def test_it_holds_every_table_and_where_the_audit_ends(storage: Storage, lane: Any) -> None:
    made = await back_up(storage, record=AsyncMock())

    manifest = made.manifest
    assert made.path.parent == storage.state_dir / "backups"
    assert made.size == made.path.stat().st_size
    assert {name: table.rows for name, table in manifest.tables.items() if table.rows} == {
        "audit_log": 8, "audit_seal": 2, "data_keys": 3, "users": 3
    }  # fmt: skip
    assert set(manifest.tables) == {plan.name for plan in await blueprint_of(HEAD)}
    assert (manifest.last_seq, manifest.seal, manifest.revision) == (8, 2, HEAD)
    assert manifest.seal_hash == lane.sealer.hash.hex()
    assert manifest.head is not None
    assert manifest.head.hash == lane.sealer.hash.hex()
    assert manifest.trouble == ""


async def test_only_its_user_can_read_it_and_nothing_can_be_read_without_the_key(storage: Storage) -> None:
    made = await back_up(storage, record=AsyncMock())
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert made.path.parent.stat().st_mode & 0o777 == 0o700
    assert b"ann" not in made.path.read_bytes().split(b"\n", 1)[1]


async def test_it_can_be_read_to_its_end(storage: Storage, lane: Any) -> None:
    made = await back_up(storage, record=AsyncMock())
    with closing(Archive(made.path, lane.node_keys)) as found:
        names = [line for page in found.pages() if page.table == "users" for line in page.lines]
    assert names == [b'[true,5,1,"ann"]', b'[true,5,2,"bob"]', b'[true,5,3,"cyd"]']


async def test_a_table_is_read_page_by_page(
    storage: Storage, lane: Any, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lane.insert(UserRow, *(user(number, f"user {number}") for number in range(4, 40)))
    made = await back_up(storage, record=AsyncMock())
    monkeypatch.setattr(archive, "PAGE", 10)
    with closing(Archive(made.path, lane.node_keys)) as found:
        pages = [len(page.lines) for page in found.pages() if page.table == "users"]
    assert pages == [10, 10, 10, 9]


async def test_it_goes_into_a_directory_or_a_file_that_is_named(storage: Storage, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    [in_directory, in_file] = [
        (await back_up(storage, to, record=AsyncMock())).path for to in (elsewhere, elsewhere / "my.backup")
    ]
    assert backups(elsewhere).keys() == {in_directory}
    assert in_file == elsewhere / "my.backup"


async def test_a_file_that_is_there_is_never_replaced(storage: Storage, tmp_path: Path) -> None:
    precious = tmp_path / "precious.backup"
    precious.write_text("mine", encoding="utf-8")
    assert (
        await refused(storage, precious) == f"{precious}: is there already; name another file, or a directory"
    )
    assert precious.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("place", ["none/a.backup", "lts.db/a.backup", "none/more"])
async def test_a_place_that_cannot_be_written_is_told(storage: Storage, tmp_path: Path, place: str) -> None:
    told = await refused(storage, tmp_path / place)
    assert told.startswith(f"{tmp_path / place}: the backup cannot be written: ")


async def test_a_disk_that_is_full_leaves_nothing_behind(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "the backup cannot be written: No space left on device; name another place" in await refused(
        storage
    )
    assert files(storage.state_dir / "backups") == set()


async def test_what_is_written_wrong_never_gets_a_name(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settle(file: Any) -> int:
        file.flush()
        last = os.fstat(file.fileno()).st_size - 1
        os.pwrite(file.fileno(), bytes([os.pread(file.fileno(), 1, last)[0] ^ 0xFF]), last)
        return 0

    monkeypatch.setattr(backup, "_settle", settle)
    assert "is damaged" in await refused(storage)
    assert files(storage.state_dir / "backups") == set()


async def test_without_a_node_key_or_a_database_there_is_none(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    assert "there is no node key" in await refused(storage)
    write_node_keys(tmp_path / "node.key", NodeKeys(NodeKey.generate()))
    assert f"there is no database at {tmp_path}/lts.db" in await refused(storage)
    (tmp_path / "lts.db").touch()
    assert await refused(storage) == f"the database {tmp_path}/lts.db is empty: there is nothing to back up"
    (tmp_path / "lts.db").write_bytes(b"something else" * 1_000)
    assert "is not a SQLite database" in await refused(storage)
    assert files(tmp_path / "backups") == set()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE users ADD COLUMN more TEXT", f"was changed since revision {HEAD} (table users)"),
        ("DROP TABLE billing_records", f"was changed since revision {HEAD} (table billing_records)"),
        ("CREATE TABLE mine (id INTEGER)", f"was changed since revision {HEAD} (table mine)"),
        (
            "UPDATE users SET created_at = 'x'",
            "the table users holds a value in created_at that is no integer",
        ),
        (
            "UPDATE users SET name = x'00' WHERE id = 1",
            "the table users holds a value in name that is no text",
        ),
        ("UPDATE audit_seal SET kind = 'segment', root = 'x'", "cannot be backed up, as"),
    ],
)
async def test_what_lts_did_not_leave_there_cannot_be_backed_up(
    storage: Storage, outside: Any, statement: str, told: str
) -> None:
    outside(statement)
    assert told in await refused(storage)
    assert files(storage.state_dir / "backups") == set()


async def test_an_end_that_was_cut_off_is_told_and_kept_as_it_is(
    storage: Storage, outside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.persistence.snapshot._ATTEMPTS", 2)
    outside("DELETE FROM audit_seal WHERE number = 2; DELETE FROM audit_log WHERE seq > 6")
    made = await back_up(storage, record=AsyncMock())
    assert made.manifest.trouble.startswith("the audit does not end where its head file says")
    assert made.manifest.head is not None
    assert made.manifest.head.seal == 2


async def test_a_head_file_that_moves_on_meanwhile_is_read_again(
    storage: Storage, lane: Any, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    old = lane.head.read_bytes()
    await lane.insert(UserRow, user(4, "dan"))
    await lane.seal()
    new = lane.head.read_bytes()
    lane.head.write_bytes(old)

    async def pause(_: float) -> None:
        reads.append("again")
        lane.head.write_bytes(new)

    monkeypatch.setattr("actors.persistence.snapshot.pause", pause)
    made = await back_up(storage, record=AsyncMock())
    assert reads == ["again"]
    assert (made.manifest.seal, made.manifest.trouble) == (3, "")


async def test_an_older_database_can_be_backed_up_too(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    write_node_keys(tmp_path / "node.key", NodeKeys(NodeKey.generate()))
    engine = storage.engine()
    for revision, tables in (("0001", 1), ("0006", 9)):
        await schema.upgrade(engine, revision)
        made = await back_up(storage, record=AsyncMock())
        assert (made.manifest.revision, len(made.manifest.tables)) == (revision, tables)
    await engine.dispose()


async def test_the_blueprint_of_the_latest_revision_is_what_migrations_lead_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_rows = await blueprint_of(HEAD)
    monkeypatch.setattr("actors.persistence.schema.head", lambda: "another")
    assert await blueprint_of(HEAD) == of_rows


def test_backups_are_listed_with_their_time_and_nothing_else_is(tmp_path: Path) -> None:
    for name in (backup_name(TIME), "lts-x.backup", "my.backup", f".{backup_name(TIME)}"):
        (tmp_path / name).touch()
    assert backup_name(TIME) == "lts-20231114T221320.123456Z.backup"
    assert backups(tmp_path) == {tmp_path / backup_name(TIME): 1_700_000_000_000_000_000}
    assert backups(tmp_path / "none") == {}
    with pytest.raises(Refused, match="cannot be read: Not a directory; name a directory of backups"):
        backups(tmp_path / "my.backup")


def test_the_latest_backups_are_kept(tmp_path: Path) -> None:
    names = [backup_name(TIME + day * 86_400_000_000_000) for day in range(5)]
    for name in (*names, "my.backup"):
        (tmp_path / name).touch()
    assert [path.name for path in prune(tmp_path, 2)] == names[:3]
    assert files(tmp_path) == {*names[3:], "my.backup"}
    assert prune(tmp_path, 2) == ()
    assert prune(tmp_path / "none", 1) == ()
    with pytest.raises(ValueError, match="at least one backup is to be kept, not 0"):
        prune(tmp_path, 0)


def test_drafts_are_deleted_once_their_process_is_gone(tmp_path: Path) -> None:
    (tmp_path / ".lts-abandoned.backup.new").touch()
    with (tmp_path / ".lts-under-way.backup.new").open("wb") as draft:
        fcntl.flock(draft, fcntl.LOCK_EX)
        prune(tmp_path, 1)
        assert files(tmp_path) == {".lts-under-way.backup.new"}


async def test_one_that_is_broken_off_leaves_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def never(*_: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(backup, "_write", never)
    task = asyncio.ensure_future(back_up(storage, record=AsyncMock()))
    await reached.wait()
    assert len(files(storage.state_dir / "backups")) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(storage.state_dir / "backups") == set()
    with closing(sqlite3.connect(storage.state_dir / "lts.db", timeout=0)) as connection:
        connection.execute("BEGIN EXCLUSIVE")


def test_a_backup_that_cannot_be_deleted_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlink(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    for second in range(2):
        (tmp_path / backup_name(TIME + second)).touch()
    (tmp_path / backup_name(TIME + 5_000)).touch()
    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(Refused, match="an old backup cannot be deleted: Permission denied"):
        prune(tmp_path, 1)
