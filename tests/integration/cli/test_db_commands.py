"""`lts db`: whoever looks after a database can, and is told in one sentence why not."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from actors.persistence.lock import held
from actors.persistence.schema import head, revisions

pytestmark = pytest.mark.requirement("INT-5.3", "INT-009", "INT-025", "INT-026")

Lts = Callable[..., Any]


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test keeps a node's state that the others copy."""
    return tmp_path_factory.mktemp("lived") / "state"


@pytest.fixture
def state(lts: Lts, lived: Path, samples: Path, tmp_path: Path) -> Path:
    """The state directory of a node that has traded for a while."""
    if not lived.exists():
        file = samples / "btcusdt.toml"
        done = lts("run", "--config", file, "--speed", "max", "--until-end", "--state-dir", lived)
        assert done.code == 0
    return Path(shutil.copytree(lived, tmp_path / "state"))


@pytest.fixture
def db(lts: Lts, state: Path) -> Lts:
    """Calls `lts db` for that node."""
    return lambda *words: lts("db", *words, "--state-dir", state)


@pytest.fixture
def result(db: Lts) -> Callable[..., Any]:
    """Calls `lts db … --json`, and returns what it prints."""

    def result(*words: str | Path) -> Any:
        done = db(*words, "--json")
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out)

    return result


@pytest.fixture
def backup(result: Callable[..., Any]) -> Path:
    """A backup of it."""
    return Path(result("backup")["file"])


def change(state: Path, statements: str) -> None:
    """Change the database as somebody would who has got at the file."""
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        connection.executescript(statements)


def ask(state: Path, query: str) -> Any:
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        return connection.execute(query).fetchone()[0]


def refused(done: Any) -> str:
    """Return the one sentence that says why not."""
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    return str(done.err)


# backup


def test_a_backup_is_made_and_what_is_in_it_is_said(result: Callable[..., Any], state: Path) -> None:
    made = result("backup")
    assert set(made) == {
        "file", "dropped", "bytes", "rows", "tables", "revision", "created_at", "audited", "node_key",
        "trouble",
    }  # fmt: skip
    assert Path(made["file"]).parent == state / "backups"
    assert Path(made["file"]).stat().st_size == made["bytes"]
    assert (made["revision"], made["trouble"]) == (head(), "")
    assert made["tables"]["orders"] == ask(state, "SELECT count(*) FROM orders") > 0


def test_people_see_what_opens_it(db: Lts) -> None:
    done = db("backup")
    assert (done.code, done.err) == (0, "")
    assert "opens with  the node key" in done.out


def test_a_backup_goes_where_it_is_told_and_over_nothing(
    db: Lts, result: Callable[..., Any], tmp_path: Path
) -> None:
    assert result("backup", "--to", tmp_path / "a.backup")["file"] == str(tmp_path / "a.backup")
    assert Path(result("backup", "--to", tmp_path / "made")["file"]).parent == tmp_path / "made"
    assert "is there already" in refused(db("backup", "--to", tmp_path / "a.backup"))
    assert "No such file or directory" in refused(db("backup", "--to", tmp_path / "none" / "a.backup"))


def test_old_backups_are_dropped_once_there_is_a_new_one(result: Callable[..., Any], state: Path) -> None:
    first, second = (result("backup")["file"] for _ in range(2))
    third = result("backup", "--keep", "1")
    assert third["dropped"] == [first, second]
    assert [str(path) for path in (state / "backups").iterdir()] == [third["file"]]


def test_an_audit_that_does_not_fit_its_head_is_said_of_the_backup_and_of_its_copy(
    db: Lts, state: Path, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.persistence.snapshot._ATTEMPTS", 1)
    monkeypatch.setattr("lts.cli.db.recorder", lambda _: AsyncMock())  # as by a node that runs already
    change(state, "DELETE FROM audit_seal WHERE number = (SELECT max(number) FROM audit_seal)")
    done = db("backup", "--to", tmp_path / "odd.backup")
    assert (done.code, done.err.count("\n")) == (0, 1)
    assert done.err.startswith("the audit does not end where its head file says: run `lts db verify`")
    assert db("restore", tmp_path / "odd.backup").err == done.err
    assert db("restore", backup).err == ""


# restore


def test_what_was_lost_is_restored_and_what_was_there_is_kept(
    result: Callable[..., Any], state: Path, backup: Path
) -> None:
    orders = ask(state, "SELECT count(*) FROM orders")
    change(state, "PRAGMA foreign_keys = OFF; DELETE FROM orders")
    done = result("restore", backup)
    assert ask(state, "SELECT count(*) FROM orders") == orders
    assert (done["database"], done["revision"], done["trouble"]) == (str(state / "lts.db"), head(), "")
    kept = [Path(path) for path in done["aside"]]
    assert [path.name.partition(".before-restore-")[0] for path in kept] == ["lts.db", "audit.head"]
    assert all(path.exists() for path in kept)
    assert result("verify")["ok"] is True


def test_a_node_goes_on_from_what_was_restored(
    lts: Lts, state: Path, backup: Path, db: Lts, samples: Path
) -> None:
    assert db("restore", backup).code == 0
    done = lts(
        "run", "--config", samples / "btcusdt.toml", "--speed", "max", "--until-end", "--state-dir", state
    )
    assert done.code == 0


def test_a_backup_is_restored_beside_with_the_key_of_the_node_here(
    db: Lts, lts: Lts, state: Path, backup: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    done = db("restore", backup, "--to", other)
    assert (done.code, done.err) == (0, "")
    assert f"copynode.keyto{other}" in "".join(done.out.split())  # a long path is broken
    assert "there is no node key" in refused(lts("db", "verify", "--state-dir", other))
    shutil.copy(state / "node.key", other)
    assert lts("db", "verify", "--state-dir", other).code == 0
    again = lts("db", "restore", backup, "--to", other)  # by its own key
    assert again.code == 0
    assert "copy node.key" not in again.out


def test_nothing_is_restored_from_what_is_no_backup_of_this_node(
    db: Lts, lts: Lts, state: Path, backup: Path, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("hello\n", encoding="utf-8")
    assert "is no backup" in refused(db("restore", tmp_path / "text"))
    assert "cannot be read: No such file" in refused(db("restore", tmp_path / "none"))
    backup.write_bytes(backup.read_bytes()[:-1])
    assert "is damaged" in refused(db("restore", backup))
    other = tmp_path / "other"
    assert lts("db", "upgrade", "--state-dir", other).code == 0
    assert "was made with the node key" in refused(lts("db", "restore", backup, "--state-dir", other))
    assert not list(state.glob("*restor*"))


@pytest.mark.parametrize("words", [["restore", "BACKUP"], ["upgrade"], ["retain", "--before", "2020-01-01"]])
def test_a_node_that_is_running_is_not_disturbed(
    db: Lts, state: Path, backup: Path, words: list[str]
) -> None:
    with held(state):
        told = refused(db(*(str(backup) if word == "BACKUP" else word for word in words)))
    assert "another process works with this state directory; stop" in told


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("sqlite:///other.db", "for a SQLite database, name the state directory that it is to be in"),
        ("mysql://host/name", "mysql is no database that LTS knows"),
        (
            "postgresql://nobody@127.0.0.1:1/none",
            "the PostgreSQL database none at 127.0.0.1:1 cannot be reached",
        ),
    ],
)
def test_a_database_that_cannot_be_is_told(db: Lts, backup: Path, to: str, told: str) -> None:
    assert told in refused(db("restore", backup, "--to", to))


# upgrade and check


def test_a_new_database_is_made_with_its_key(lts: Lts, tmp_path: Path) -> None:
    done = lts("db", "upgrade", "--state-dir", tmp_path / "new", "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "database": str(tmp_path / "new/lts.db"), "before": None, "after": head(), "backup": None
    }  # fmt: skip
    assert (tmp_path / "new/node.key").stat().st_mode & 0o777 == 0o600
    assert lts("db", "check", "--state-dir", tmp_path / "new").code == 0
    assert lts("db", "verify", "--state-dir", tmp_path / "new").code == 0


def test_what_is_up_to_date_is_left_alone(result: Callable[..., Any], state: Path) -> None:
    before = (state / "lts.db").read_bytes()
    assert result("upgrade")["backup"] is None
    assert (state / "lts.db").read_bytes() == before


def test_it_is_backed_up_before_it_is_migrated_and_goes_back_only_if_that_is_meant(
    db: Lts, result: Callable[..., Any], state: Path
) -> None:
    *_, before, latest = revisions()
    told = refused(db("upgrade", "--to", before))
    assert f"going back from revision {latest} to {before} drops what came in between; add --yes" in told
    assert not (state / "backups").exists()

    back = result("upgrade", "--to", before, "--yes")
    assert (back["before"], back["after"]) == (latest, before)
    assert f"is at revision {before}, and LTS works with {latest}: run `lts db upgrade`" in refused(
        db("check")
    )
    up = db("upgrade")
    assert (up.code, f"from {before} to {latest}" in up.out) == (0, True)
    assert len(list((state / "backups").iterdir())) == 2
    assert result("check")["revision"] == latest
    assert result("restore", back["backup"])["revision"] == latest


def test_an_old_backup_is_restored_as_it_was_and_what_is_left_to_do_is_said(db: Lts, state: Path) -> None:
    before = revisions()[-2]
    assert db("upgrade", "--to", before, "--yes").code == 0
    assert db("backup", "--to", state / "old.backup").code == 0
    assert db("upgrade").code == 0
    done = db("restore", state / "old.backup")
    assert (done.code, "lts db upgrade" in done.out) == (0, True)


def test_a_revision_that_is_none_is_told(db: Lts) -> None:
    told = f"there is no revision 'head'; name one from {revisions()[0]} to {head()}"
    assert told in refused(db("upgrade", "--to", "head"))


def test_a_schema_that_was_changed_is_told(db: Lts, state: Path) -> None:
    change(state, "ALTER TABLE users ADD COLUMN more TEXT")
    assert "was changed since revision" in refused(db("check"))


@pytest.mark.parametrize("command", ["check", "verify", "backup", "upgrade"])
def test_what_is_no_database_of_ours_is_told(db: Lts, state: Path, command: str) -> None:
    (state / "lts.db").write_bytes(b"something else" * 1_000)
    assert "is not a SQLite database: name another file, or restore a backup" in refused(db(command))
    (state / "lts.db").unlink()
    change(state, "CREATE TABLE mine (id INTEGER)")
    assert "holds tables of something else" in refused(db(command))
    (state / "lts.db").unlink()
    (state / "lts.db").touch()
    if command != "upgrade":
        assert "is empty" in refused(db(command))


# verify and retain


def test_a_database_that_was_changed_is_told_with_everything_that_was_found(db: Lts, state: Path) -> None:
    change(state, "UPDATE fills SET price = '1' WHERE exec_id = (SELECT min(exec_id) FROM fills)")
    done = db("verify", "--json")
    report = json.loads(done.out)
    assert (done.code, report["ok"]) == (1, False)
    assert report["found"] == len(report["findings"]) > 0
    assert done.err.startswith(f"{state}/lts.db: {report['found']} findings: it is not as LTS wrote it")
    shown = db("verify")
    assert shown.code == 1
    assert "fills" in shown.out


def test_the_old_part_of_the_audit_is_dropped(result: Callable[..., Any], state: Path) -> None:
    assert result("retain", "--before", "2020-01-01")["dropped"] == 0
    rows = ask(state, "SELECT count(*) FROM audit_log")
    done = result("retain", "--before", "2100-12-31T12:00")
    assert (done["dropped"], done["dropped_through"]) == (rows, rows)
    report = result("verify")
    assert (report["ok"], report["dropped_through"]) == (True, rows)
    assert ask(state, "SELECT DISTINCT who FROM audit_log WHERE action = 'checkpoint'").startswith(
        "operator "
    )


def test_an_audit_that_was_changed_is_not_dropped(db: Lts, state: Path) -> None:
    change(state, "UPDATE audit_log SET who = 'eve' WHERE seq = 5")
    told = refused(db("retain", "--before", "2100-12-31"))
    assert "nothing was dropped from the audit: the audit row 5 is not as this node wrote it" in told


def test_nothing_is_made_where_there_is_nothing_to_retain(lts: Lts, tmp_path: Path) -> None:
    told = refused(lts("db", "retain", "--before", "2020-01-01", "--state-dir", tmp_path / "none"))
    assert "there is no database at" in told or "cannot be opened" in told
    assert not (tmp_path / "none").exists()


def test_a_date_that_is_none_is_wrong_usage(db: Lts) -> None:
    done = db("retain", "--before", "yesterday")
    assert done.code == 2
    assert "'yesterday' is no date, such as 2025-12-31" in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Missing command"),
        (["bckup"], "No such command"),
        (["restore"], "Missing argument 'FILE'"),
        (["retain"], "Missing option '--before'"),
        (["backup", "--keep", "0"], "--keep"),
    ],
)
def test_wrong_usage_is_told(lts: Lts, words: list[str], told: str) -> None:
    done = lts("db", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err


# which node


def test_the_node_is_found_here(
    lts: Lts, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    told = refused(lts("db", "check"))
    assert told == "there is no node here; name its --config FILE or its --state-dir DIR\n"
    shutil.copytree(state, "lts-demo")
    assert json.loads(lts("db", "check", "--json").out)["database"] == str(tmp_path / "empty/lts-demo/lts.db")
    monkeypatch.chdir(tmp_path)
    assert json.loads(lts("db", "check", "--json").out)["database"] == str(state / "lts.db")


def test_the_file_of_a_system_says_where_everything_is(
    lts: Lts, state: Path, system: Callable[..., Path], tmp_path: Path
) -> None:
    file = system('[node]\nstate_dir = "state"\n')
    done = json.loads(lts("db", "check", "--config", file, "--json").out)
    assert done["database"] == str(state / "lts.db")
    assert "there is no such file" in refused(lts("db", "check", "--config", tmp_path / "none.toml"))
    elsewhere = system('[database]\nurl = "postgresql://nobody@127.0.0.1:1/none"\n')
    assert "cannot be reached" in refused(lts("db", "check", "--config", elsewhere))


def test_a_key_that_others_can_read_is_refused(db: Lts, state: Path) -> None:
    (state / "node.key").chmod(0o644)
    assert "has mode 0644, so others can use it; chmod 600" in refused(db("backup"))
