"""`lts db archive` and `show`: old orders go into a file that can be read, and all goes on as before."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.persistence.lock import held

pytestmark = pytest.mark.requirement("INT-5.3", "INT-010", "INT-026", "LTS-003")

Lts = Callable[..., Any]
HALF = "2020-01-01T12:00"
OF_ORDERS = {"fills", "order_conditions", "order_events", "order_terms", "orders"}
TABLES = {"conversion_rates", "ledger_entries"} | OF_ORDERS


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture(scope="session")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first run that begins anew keeps what it came to, that the others copy."""
    return tmp_path_factory.mktemp("traded")


@pytest.fixture
def run(lts: Lts, samples: Path, state: Path, traded: Path) -> Callable[[], Any]:
    """Runs the system to its end, and returns what it has then."""

    def run() -> Any:
        begins = not state.exists()
        if begins and (traded / "result").exists():
            shutil.copytree(traded / "state", state)
            return json.loads((traded / "result").read_text(encoding="utf-8"))
        file = samples / "btcusd.toml"
        words = ("--config", file, "--speed", "max", "--until-end", "--state-dir", state, "--json")
        done = lts("run", *words)
        assert done.code == 0, done.err
        if begins:
            shutil.copytree(state, traded / "state")
            (traded / "result").write_text(done.out, encoding="utf-8")
        return json.loads(done.out)

    return run


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


def ask(state: Path, query: str) -> Any:
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        return connection.execute(query).fetchone()[0]


def refused(done: Any) -> str:
    """Return the one sentence that says why not."""
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    return str(done.err)


def test_a_system_goes_on_with_the_same_books(
    run: Callable[[], Any], result: Callable[..., Any], state: Path
) -> None:
    before = run()
    first = result("archive", "--before", HALF)
    assert (
        first["orders"]
        == first["rows"]["orders"]
        == before["orders"] - ask(state, "SELECT count(*) FROM orders")
    )
    assert first["file"].startswith(f"{state}/archives/lts-")
    assert Path(first["file"]).stat().st_mode & 0o777 == 0o600
    second = result("archive", "--before", "2030-01-01", "--to", state / "rest.archive")
    assert first["orders"] + second["orders"] == before["orders"]
    assert result("archive", "--before", "2030-01-01") == {
        "database": str(state / "lts.db"), "file": None, "orders": 0, "rows": {}
    }  # fmt: skip
    assert result("verify")["ok"]
    assert ask(state, "SELECT count(*) FROM fills") == 0
    after = run()
    assert after["portfolios"] == before["portfolios"]
    assert (after["fees"], after["final_equity"]) == (before["fees"], before["final_equity"])
    shown = result("show", first["file"])["tables"]
    assert {name: len(rows) for name, rows in shown.items()} == {
        name: rows for name, rows in first["rows"].items() if rows
    }
    assert first["rows"].keys() == TABLES


def test_an_archive_is_shown_a_line_a_row_and_the_audit_tells_of_it(
    run: Callable[[], Any], db: Lts, state: Path
) -> None:
    run()
    done = db("archive", "--before", HALF)
    assert (done.code, done.err) == (0, "")
    (file,) = (state / "archives").iterdir()
    assert str(file) in done.out.replace("\n", "").replace(" ", "")
    shown = db("show", file)
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert shown.code == 0
    assert {line["table"] for line in lines} <= TABLES
    assert all(line["price"] for line in lines if line["table"] == "fills")
    assert ask(state, "SELECT max(after) FROM audit_log WHERE entity = 'archive'") == (
        f'{{"why":"show {file}"}}'
    )


def test_a_database_with_a_snapshot_does_not_go_back_to_where_there_was_none(
    run: Callable[[], Any], db: Lts, result: Callable[..., Any]
) -> None:
    run()
    result("archive", "--before", HALF)
    told = refused(db("upgrade", "--to", "0013", "--yes"))
    assert (
        "cannot be migrated: orders were archived, and before this revision nothing stands for them" in told
    )
    assert db("check").code == 0
    assert result("verify")["ok"]


def test_what_cannot_be_archived_or_shown_is_told(  # noqa: PLR0917
    run: Callable[[], Any], db: Lts, lts: Lts, result: Callable[..., Any], state: Path, tmp_path: Path
) -> None:
    run()
    file = Path(result("archive", "--before", HALF)["file"])
    (tmp_path / "there.archive").touch()
    assert "is there already" in refused(
        db("archive", "--before", "2030-01-01", "--to", tmp_path / "there.archive")
    )
    assert "No such file" in refused(
        db("archive", "--before", "2030-01-01", "--to", tmp_path / "no" / "a.archive")
    )
    assert "No such file" in refused(db("show", tmp_path / "none"))
    assert "is no backup" in refused(db("show", state / "node.key"))
    backup = result("backup")["file"]
    assert "is a backup of all tables; restore it" in refused(db("show", backup))
    assert "is no backup but an archive" in refused(db("restore", file))
    file.write_bytes(file.read_bytes()[:-1])
    assert "is damaged" in refused(db("show", file))
    other = tmp_path / "other"
    assert lts("db", "upgrade", "--state-dir", other).code == 0
    assert "was made with the node key" in refused(lts("db", "show", file, "--state-dir", other))
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        connection.execute("UPDATE fills SET price = '1'")
        connection.commit()
    told = refused(db("archive", "--before", "2030-01-01"))
    assert "nothing was archived: fills" in told
    assert "run `lts db verify`" in told


def test_a_node_that_is_running_is_not_disturbed(db: Lts, state: Path) -> None:
    assert db("upgrade").code == 0
    with held(state):
        assert "another process works" in refused(db("archive", "--before", "2020-01-01"))


def test_nothing_is_made_where_there_is_nothing_to_archive(lts: Lts, tmp_path: Path) -> None:
    refused(lts("db", "archive", "--before", "2020-01-01", "--state-dir", tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["archive"], "Missing option '--before'"),
        (["archive", "--before", "yesterday"], "'yesterday' is no date, such as 2025-12-31"),
        (["show"], "Missing argument 'FILE'"),
    ],
)
def test_wrong_usage_is_told(lts: Lts, words: list[str], told: str) -> None:
    done = lts("db", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
