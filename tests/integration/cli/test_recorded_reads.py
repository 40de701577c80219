"""What the command line gives out is recorded in the audit first, in the name of whoever called it."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from actors.door import SOCKET, operator
from actors.persistence.work import Batch
from lts.live import LTS

pytestmark = pytest.mark.requirement("INT-010", "INT-024", "INT-026", "INT-5.3")

ME = operator(os.geteuid())
READS = "SELECT who, entity, after FROM audit_log WHERE action = 'read' ORDER BY seq"
START = 30.0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def db(lts: Callable[..., Any], state: Path) -> Callable[..., Any]:
    """Calls `lts db` for a node whose tables are made."""
    assert lts("db", "upgrade", "--state-dir", state).code == 0
    return lambda *words: lts("db", *words, "--state-dir", state)


@pytest.fixture
def running(samples: Path, state: Path) -> Iterator[None]:
    """A node that runs in a process of its own, as it is run for long."""
    words = (*LTS, "run", "--config", samples / "btcusdt.toml", "--speed", "1", "--state-dir", state)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            until = time.monotonic() + START
            while not (state / SOCKET).exists():
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)  # noqa: TID251 - the child's time, not ours
            yield
        finally:
            process.terminate()
            process.communicate()


def reads_of(state: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        return connection.execute(READS).fetchall()


@pytest.mark.usefixtures("running")
def test_a_backup_beside_a_running_node_is_recorded_by_the_node(
    lts: Callable[..., Any], state: Path, tmp_path: Path
) -> None:
    done = lts("db", "backup", "--to", tmp_path / "a.backup", "--state-dir", state)
    assert (done.code, done.err) == (0, "")
    assert reads_of(state) == [(ME, "database", f'{{"why":"backup to {tmp_path}/a.backup"}}')]
    assert lts("db", "verify", "--state-dir", state).code == 0


def test_backup_and_restore_without_a_node_are_recorded_too(
    db: Callable[..., Any], state: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.backup"
    assert db("backup", "--to", file).code == 0
    assert reads_of(state) == [(ME, "database", f'{{"why":"backup to {file}"}}')]
    assert db("restore", file).code == 0
    assert reads_of(state) == [(ME, "backup", f'{{"why":"restored from {file}"}}')]
    assert db("verify").code == 0


def test_what_gives_nothing_out_is_not_recorded(
    db: Callable[..., Any], lts: Callable[..., Any], state: Path
) -> None:
    assert db("verify").code == db("check").code == lts("check", "--deep", "--state-dir", state).code == 0
    assert reads_of(state) == []


def test_a_backup_that_cannot_be_recorded_is_refused_and_leaves_no_file(
    db: Callable[..., Any], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise DBAPIError.instance("INSERT", None, error, sqlite3.Error)

    with monkeypatch.context() as full:
        full.setattr(Batch, "insert", fail)
        full.setattr("actors.persistence.reads._LAST_WRITE", 1.0)
        done = db("backup")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "nothing was read, as that cannot be recorded in the audit: there is no room left on the disk of the "
        f"database {state}/lts.db: make some\n"
    )
    assert list((state / "backups").iterdir()) == []
    assert db("backup").code == 0
    assert len(reads_of(state)) == 1


def test_a_backup_behind_an_audit_that_was_cut_off_is_refused(
    db: Callable[..., Any], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.persistence.snapshot._ATTEMPTS", 1)
    assert db("backup").code == 0
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        connection.executescript("DELETE FROM audit_seal")
    done = db("backup")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "the audit was changed outside of LTS" in done.err
    assert len(list((state / "backups").iterdir())) == 1


def test_a_door_behind_which_nobody_is_does_not_keep_anybody_waiting(
    db: Callable[..., Any], state: Path
) -> None:
    words = (sys.executable, "-c", "import socket; socket.socket(socket.AF_UNIX).bind('door.sock')")
    subprocess.run(words, check=True, cwd=state)
    assert db("backup").code == 0
    assert [who for who, *_ in reads_of(state)] == [ME]
