"""Restoring: what was backed up is there again, or nothing was touched."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import AsyncMock

import pytest
from sqlalchemy import select

from actors.persistence import exchange, guard, schema
from actors.persistence import restore as restoring
from actors.persistence.archive import ArchiveWriter
from actors.persistence.backup import back_up
from actors.persistence.blueprint import blueprint_of
from actors.persistence.head import read_head
from actors.persistence.inspection import prove
from actors.persistence.lock import held
from actors.persistence.manifest import FORMAT, Manifest, TableSum
from actors.persistence.page import table_of
from actors.persistence.restore import restore
from actors.persistence.rows import UserRow
from actors.persistence.snapshot import sums
from actors.persistence.storage import Storage, opened
from lts.refusal import Refused
from lts.security.key_file import write_node_keys
from lts.security.node_key import NodeKey, NodeKeys

pytestmark = pytest.mark.requirement("INT-5.3", "INT-025", "INT-009", "INT-026")

USERS = table_of(UserRow)
OTHER_KEYS = NodeKeys(NodeKey(b"the secret of another one alone."))


class Made(NamedTuple):
    """A state directory, and a backup of it beside it."""

    state_dir: Path
    backup: Path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Where the first test puts what the others copy."""
    directory = tmp_path_factory.mktemp("made")
    return Made(directory / "state", directory / "a.backup")


@pytest.fixture
async def storage(made: Made, lane_in: Callable[[Path], Any], user: Any, tmp_path: Path) -> Storage:
    """A storage with two users in two segments of the audit, and one more behind them."""
    if not made.backup.exists():
        made.state_dir.mkdir(mode=0o700)
        async with lane_in(made.state_dir) as lane:
            await lane.open()
            await lane.insert(UserRow, user(1, "ann"))
            await lane.seal()
            await lane.insert(UserRow, user(2, "bob"))
            await lane.seal()
            await lane.insert(UserRow, user(3, "cyd"))
            write_node_keys(made.state_dir / "node.key", lane.node_keys)
        await back_up(Storage(made.state_dir), made.backup, record=AsyncMock())
    shutil.copytree(made.state_dir, tmp_path / "state")
    return Storage(tmp_path / "state")


@pytest.fixture
def keys(storage: Storage) -> NodeKeys:
    """The keys that open its backup."""
    return storage.node_keys(create=False).keys


@pytest.fixture
def backup(made: Made, storage: Storage, tmp_path: Path) -> Path:
    """A backup of it."""
    assert storage.state_dir.exists()
    return Path(shutil.copy(made.backup, tmp_path))


@pytest.fixture
def outside(storage: Storage) -> Callable[[str], None]:
    """Executes statements on the database as somebody would who has got at the file."""

    def outside(statements: str) -> None:
        with closing(sqlite3.connect(storage.state_dir / "lts.db")) as connection:
            connection.executescript(statements)

    return outside


async def contents(storage: Storage) -> dict[str, TableSum]:
    """What is in the tables of a database."""
    engine = storage.engine(create=False)
    try:
        plans = await blueprint_of(await schema.current(engine) or "")
        async with engine.connect() as connection:
            return await sums(connection, plans)
    finally:
        await engine.dispose()


async def names(storage: Storage) -> list[str]:
    """Who is a user."""
    engine = storage.engine(create=False)
    async with engine.connect() as connection:
        found = list(await connection.scalars(select(USERS.c.name).order_by(USERS.c.id)))
    await engine.dispose()
    return found


def everything(directory: Path) -> dict[str, str]:
    """All files of a directory but the lock, by their digests."""
    return {
        str(path.relative_to(directory)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "lts.lock"
    }


def change(path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Change a file."""
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert path.read_bytes() != content


async def refused(file: Path, storage: Storage, keys: NodeKeys) -> str:
    """Why a backup is not restored; what is there stays as it is."""
    before = everything(storage.state_dir)
    with pytest.raises(Refused) as told:
        await restore(file, storage, keys)
    assert everything(storage.state_dir) == before
    assert "\n" not in str(told.value)
    return str(told.value)


async def test_a_restored_database_is_equal_and_its_audit_is_whole(
    storage: Storage, backup: Path, keys: NodeKeys, tmp_path: Path
) -> None:
    copy = Storage(tmp_path / "copy", key_file=storage.state_dir / "node.key")
    done = await restore(backup, copy, keys)

    assert await contents(copy) == await contents(storage) == done.manifest.tables
    assert read_head(copy.head) == read_head(storage.head)
    assert (await prove(copy)).findings == ()
    assert done.aside == ()
    assert set(everything(copy.state_dir)) == {"lts.db", "audit.head"}
    assert {path.stat().st_mode & 0o777 for path in copy.state_dir.iterdir()} == {0o600}
    async with opened(copy) as own:
        assert (own.sealer.number, own.sealer.last_seq) == (2, 8)


async def test_what_was_there_is_kept_under_other_names(
    storage: Storage, backup: Path, keys: NodeKeys, outside: Callable[[str], None]
) -> None:
    outside("UPDATE users SET name = 'eve' WHERE id = 1")
    done = await restore(backup, storage, keys)

    assert await names(storage) == ["ann", "bob", "cyd"]
    assert (await prove(storage)).ok
    database, head = done.aside
    assert (database.parent, head.parent) == (storage.state_dir, storage.state_dir)
    assert database.name.startswith("lts.db.before-restore-2")
    assert head.name == database.name.replace("lts.db", "audit.head")
    with closing(sqlite3.connect(database)) as old:
        assert old.execute("SELECT name FROM users WHERE id = 1").fetchone() == ("eve",)


async def test_ids_go_on_behind_those_that_were_given_and_are_gone(
    storage: Storage, keys: NodeKeys, outside: Callable[[str], None], tmp_path: Path
) -> None:
    outside("INSERT INTO users VALUES (70, 'dan', 1, 5); DELETE FROM users WHERE id = 70")
    copy = Storage(tmp_path / "copy")
    done = await restore((await back_up(storage, record=AsyncMock())).path, copy, keys)

    assert done.manifest.sequences == {"users": 70}
    with closing(sqlite3.connect(copy.state_dir / "lts.db")) as connection:
        inserted = connection.execute("INSERT INTO users (name, active, created_at) VALUES ('eve', 1, 5)")
        assert inserted.lastrowid == 71


async def test_a_backup_of_an_older_revision_is_restored_and_then_migrated(
    storage: Storage, keys: NodeKeys, tmp_path: Path
) -> None:
    old = Storage(tmp_path, key_file=storage.state_dir / "node.key")
    engine = old.engine()
    await schema.upgrade(engine, "0004")
    async with engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                await connection.execute(
                    USERS.insert(), [{"id": 1, "name": "ann", "active": True, "created_at": 5}]
                )
    await engine.dispose()
    copy = Storage(tmp_path / "copy")
    done = await restore((await back_up(old, record=AsyncMock())).path, copy, keys)

    assert done.manifest.revision == "0004"
    engine = copy.engine()
    assert await schema.current(engine) == "0004"
    await schema.upgrade(engine)
    await schema.check(engine)
    await engine.dispose()
    assert await names(copy) == ["ann"]


async def test_a_node_key_that_was_retired_still_opens_it(
    backup: Path, keys: NodeKeys, tmp_path: Path
) -> None:
    copy = Storage(tmp_path / "copy")
    await restore(backup, copy, renewed := keys.rotated())
    write_node_keys(copy.state_dir / "node.key", renewed)
    assert (await prove(copy)).findings == ()


async def test_the_key_of_another_node_does_not(storage: Storage, backup: Path) -> None:
    told = await refused(backup, storage, OTHER_KEYS)
    assert told.startswith(f"{backup}: was made with the node key ")


async def test_a_node_that_works_with_it_is_not_disturbed(
    storage: Storage, backup: Path, keys: NodeKeys
) -> None:
    with held(storage.state_dir):
        assert "another process works with this state directory" in await refused(backup, storage, keys)


async def test_a_database_that_somebody_has_open_is_not_replaced(
    storage: Storage, backup: Path, keys: NodeKeys
) -> None:
    with closing(sqlite3.connect(storage.state_dir / "lts.db")) as reader:
        reader.execute("SELECT * FROM users").fetchone()
        with pytest.raises(Refused, match="another process has it open; stop that one"):
            await restore(backup, storage, keys)
    assert not list(storage.state_dir.glob("*before-restore*"))
    assert (await prove(storage)).ok


@pytest.mark.parametrize("damage", ["nothing", "not a database", "torn"])
async def test_a_database_that_cannot_be_read_is_replaced_and_kept(
    storage: Storage, backup: Path, keys: NodeKeys, damage: str
) -> None:
    path = storage.state_dir / "lts.db"
    content = {"nothing": b"", "not a database": b"x" * 5_000, "torn": path.read_bytes()[:9_000]}[damage]
    path.write_bytes(content)
    path.with_name("lts.db-wal").write_bytes(b"a log that fits nothing")
    done = await restore(backup, storage, keys)

    assert (await prove(storage)).ok
    database, *_, head = done.aside
    assert database.read_bytes() == content or damage == "nothing"
    assert head.name.startswith("audit.head")
    assert not path.with_name("lts.db-wal").exists()


async def test_what_is_not_checkpointed_is_kept_with_the_old_database(
    storage: Storage, backup: Path, keys: NodeKeys
) -> None:
    path = storage.state_dir / "lts.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO users VALUES (9, 'in the log', 1, 5)")
        connection.commit()
        files = {name: path.with_name(name).read_bytes() for name in ("lts.db", "lts.db-wal")}
    for name, content in files.items():  # as a crash leaves them
        path.with_name(name).write_bytes(content)
    done = await restore(backup, storage, keys)

    assert await names(storage) == ["ann", "bob", "cyd"]
    with closing(sqlite3.connect(done.aside[0])) as old:
        assert old.execute("SELECT name FROM users WHERE id = 9").fetchone() == ("in the log",)


Damage = Callable[[bytes], bytes]

_HEAD_OF_VAULT = 13 + 32 + 4 + 10 + 32
"""Its magic, its salt, the length of its header, the header, and the MAC of them all."""


def _flipped(place: int) -> Damage:
    return lambda content: content[:place] + bytes([content[place] ^ 0x10]) + content[place:][1:]


def _in_signature(content: bytes) -> bytes:
    return _flipped(content.index(b"\n") + 20)(content)


def _in_vault(place: int) -> Damage:
    def flip(content: bytes) -> bytes:
        manifest, signature, _ = content.split(b"\n", 2)
        return _flipped(len(manifest) + len(signature) + 2 + place)(content)

    return flip


def _lines(content: bytes, count: int) -> bytes:
    return b"".join(line + b"\n" for line in content.split(b"\n")[:count])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda content: content[:0], "is no backup"),
        (lambda content: content[:100], "is no backup"),
        (lambda content: _lines(content, 1), "its manifest was changed"),
        (lambda content: _lines(content, 2), "is damaged"),
        (lambda content: content[:-1], "is damaged"),
        (lambda content: content[: len(content) * 3 // 4], "is damaged"),
        (lambda content: content + b"x", "is damaged"),
        (lambda content: content.replace(b'"users":{"rows":3', b'"users":{"rows":4'), "its manifest was"),
        (lambda content: content.replace(b'"lts_backup":1', b'"lts_backup":2'), "has the format 2"),
        (lambda content: content.replace(b'"revision":"00', b'"revision":"01'), "its manifest was"),
        (_flipped(0), "is no backup"),
        (_flipped(50), "was made with the node key"),
        (_in_signature, "its manifest was changed"),
        (_in_vault(0), "is damaged (it does not have the form of a vault)"),
        (_in_vault(20), "is damaged (its head was changed"),
        (_in_vault(46), "is damaged"),
        (_in_vault(50), "is damaged"),
        (_in_vault(_HEAD_OF_VAULT - 5), "is damaged"),
        (_in_vault(_HEAD_OF_VAULT), "is damaged (it was changed or cut short after the first 0 bytes in it)"),
        (_in_vault(_HEAD_OF_VAULT + 900), "is damaged"),
        (lambda content: _flipped(len(content) - 1)(content), "is damaged"),
    ],
)
async def test_damage_is_found_wherever_it_is_and_nothing_is_touched(
    storage: Storage, backup: Path, keys: NodeKeys, damage: Damage, told: str
) -> None:
    change(backup, damage)
    said = await refused(backup, storage, keys)
    assert said.startswith(f"{backup}: ")
    assert told in said


async def test_the_payload_of_another_backup_does_not_do(
    storage: Storage, backup: Path, keys: NodeKeys
) -> None:
    other = (await back_up(storage, record=AsyncMock())).path.read_bytes().split(b"\n", 2)[2]
    change(backup, lambda content: _lines(content, 2) + other)
    assert "it does not hold what its manifest says" in await refused(backup, storage, keys)


def _forged(path: Path, keys: NodeKeys, **changes: Any) -> Path:
    """Return a backup that the holder of the node key has made by hand."""
    fields: dict[str, Any] = {
        "lts_backup": FORMAT, "lts": "9.9", "node_key": keys.current.id, "created_at": 0, "revision": "0001",
        "database": "sqlite", "last_seq": 0, "seal": 0, "seal_hash": "", "head": None, "sequences": {},
        "tables": {"data_keys": TableSum()},
    }  # fmt: skip
    tables = changes.pop("content", {"data_keys": (["id"], b"")})
    with path.open("w+b") as file:
        archive = ArchiveWriter(file, keys.current, Manifest(**fields | changes))
        for name, (columns, lines) in tables.items():
            archive.begin(name, columns)
            archive.add(lines, lines.count(b"\n"))
        archive.finish()
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"revision": "9999"},
        {"tables": {"orders": TableSum()}, "content": {"orders": (["id"], b"")}},
        {},
    ],
)
async def test_tables_that_are_unknown_here_are_told(
    storage: Storage, keys: NodeKeys, tmp_path: Path, changes: dict[str, Any]
) -> None:
    file = _forged(tmp_path / "forged", keys, **changes)
    told = await refused(file, storage, keys)
    assert told.startswith(
        f"{file}: was made by LTS 9.9, and this version does not know its tables (revision "
    )


async def test_rows_that_no_database_takes_leave_the_old_one(
    storage: Storage, keys: NodeKeys, tmp_path: Path
) -> None:
    [plan] = await blueprint_of("0001")
    row = b'[1,"a","",null,"wrong",null,""]\n'
    file = _forged(tmp_path / "forged", keys, content={"data_keys": (tuple(plan.columns), row)})
    assert "refuses a row: CHECK constraint failed: ck_data_keys_purpose" in await refused(
        file, storage, keys
    )


@pytest.mark.parametrize("name", ["none.backup", "."])
async def test_a_file_that_cannot_be_read_is_told(
    storage: Storage, keys: NodeKeys, tmp_path: Path, name: str
) -> None:
    assert (await refused(tmp_path / name, storage, keys)).startswith(f"{tmp_path / name}: cannot be read: ")


async def test_a_state_directory_that_cannot_be_is_told(backup: Path, keys: NodeKeys) -> None:
    with pytest.raises(Refused, match="cannot be used as the state directory: Not a directory"):
        await restore(backup, Storage(backup / "state"), keys)


@pytest.mark.parametrize("call", ["link", "fsync", "replace"])
async def test_a_disk_that_fails_on_the_way_leaves_the_old_database(
    storage: Storage, backup: Path, keys: NodeKeys, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if call == "replace":
            real = Path.replace
            patched.setattr(
                Path, "replace", lambda path, to: fail() if "restoring" in path.name else real(path, to)
            )
        else:
            patched.setattr(os, call, fail)
        with pytest.raises(Refused, match="cannot be restored: No space left on device"):
            await restore(backup, storage, keys)
    assert set(everything(storage.state_dir)) == {"audit.head", "lts.db", "node.key"}
    assert (await prove(storage)).ok


async def test_what_does_not_come_back_equal_is_not_put_in_place(
    storage: Storage, backup: Path, keys: NodeKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: Any) -> dict[str, TableSum]:
        return {name: TableSum(0) for name in await contents(storage)}

    monkeypatch.setattr(restoring, "sums", nothing)
    told = await refused(backup, storage, keys)
    assert "does not give back what the backup has in audit_log, " in told


async def test_what_a_broken_off_restore_left_is_cleared_away(
    storage: Storage, backup: Path, keys: NodeKeys
) -> None:
    path = storage.state_dir / "lts.db"
    for name in ("lts.db.restoring", "lts.db.restoring-wal"):
        path.with_name(name).write_bytes(b"half of it")
    os.link(path, path.with_name("lts.db.before-restore-then"))
    shutil.copy(path, path.with_name("lts.db.before-restore-really"))
    done = await restore(backup, storage, keys)
    assert {each.name for each in storage.state_dir.glob("*restor*")} == {
        "lts.db.before-restore-really",
        *(each.name for each in done.aside),
    }


async def test_a_head_that_is_wrong_stays_wrong(
    storage: Storage, keys: NodeKeys, outside: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.persistence.snapshot._ATTEMPTS", 1)
    outside("DELETE FROM audit_seal WHERE number = 2; DELETE FROM audit_log WHERE seq > 6")
    before = (await prove(storage)).findings
    done = await restore((await back_up(storage, record=AsyncMock())).path, storage, keys)
    assert done.manifest.trouble
    assert (await prove(storage)).findings == before


def test_files_are_found_again_under_their_first_names(tmp_path: Path) -> None:
    for name in ("lts.db", "lts.db-wal"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    before = everything(tmp_path)
    aside = exchange.Aside("now")
    aside.keep(tmp_path / "lts.db")
    aside.keep(tmp_path / "lts.db", "-wal")
    aside.keep(tmp_path / "audit.head")
    assert [path.name for path in aside.paths] == [
        "lts.db.before-restore-now",
        "lts.db.before-restore-now-wal",
    ]
    (tmp_path / "lts.db-wal").unlink()
    (tmp_path / "audit.head").touch()
    aside.put_back()
    assert everything(tmp_path) == before
    assert aside.paths == ()
