"""`lts check` says what is not in order, and alters nothing."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from actors.persistence import doctor
from actors.persistence.disk import marked
from actors.persistence.lock import held
from actors.persistence.schema import revisions

pytestmark = pytest.mark.requirement("INT-5.3", "INT-009", "INT-025", "INT-026")

Lts = Callable[..., Any]
Seen = dict[str, tuple[str, str]]

OUTSIDE = ["state directory", "node key", "disk", "backups", "database"]
INSIDE = ["integrity", "audit", "clock"]
DEEP = ["verification", "latest backup", "restore drill"]


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test keeps a node's state, with a backup, that the others copy."""
    return tmp_path_factory.mktemp("healthy") / "state"


@pytest.fixture
def state(lts: Lts, healthy: Path, samples: Path, tmp_path: Path) -> Path:
    """The state directory of a node that has traded for a while."""
    if not healthy.exists():
        healthy.mkdir(mode=0o700)
        file = samples / "btcusdt.toml"
        assert lts("run", "--config", file, "--speed", "max", "--until-end", "--state-dir", healthy).code == 0
        assert lts("db", "backup", "--state-dir", healthy).code == 0
    return Path(shutil.copytree(healthy, tmp_path / "state"))


@pytest.fixture
def check(lts: Lts, state: Path) -> Callable[..., Seen]:
    """Calls `lts check --json`, and returns what it says of each thing."""

    def check(*words: str) -> Seen:
        done = lts("check", "--state-dir", state, "--json", *words)
        said = json.loads(done.out)
        seen = {each["name"]: (each["status"], each["sentence"]) for each in said["checks"]}
        failed = [name for name, (status, _) in seen.items() if status == "failure"]
        assert done.code == bool(failed)
        assert done.err == (f"not in order: {', '.join(failed)}\n" if failed else "")
        assert said["ok"] is not failed
        return seen

    return check


def change(state: Path, statements: str) -> None:
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        connection.executescript(statements)


def files(state: Path) -> dict[str, str]:
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in state.rglob("*") if path.is_file()}


def test_a_node_that_is_in_order_is_said_to_be(check: Callable[..., Seen], state: Path) -> None:
    before = files(state)
    seen = check()
    assert list(seen) == OUTSIDE + INSIDE
    assert {status for status, _ in seen.values()} == {"ok"}
    assert files(state) == before


def test_people_see_a_table(lts: Lts, state: Path) -> None:
    done = lts("check", "--state-dir", state)
    lines = [line for line in done.out.splitlines() if line.split()[0] in {"ok", "warning", "failure"}]
    assert (done.code, len(lines)) == (0, len(OUTSIDE + INSIDE))


def test_a_deep_check_beside_a_node_restores_a_backup_and_leaves_nothing_behind(
    check: Callable[..., Seen], state: Path
) -> None:
    (state / ".drill-under-way").mkdir()
    with held(state):
        before = files(state)
        (state / ".drill-killed/copy").mkdir(parents=True)
        with marked(state / ".drill-under-way"):
            seen = check("--deep")
    assert list(seen) == OUTSIDE + INSIDE + DEEP
    assert {status for status, _ in seen.values()} == {"ok"}
    assert "rows backed up, restored and verified in" in seen["restore drill"][1]
    assert files(state) == before
    assert [path.name for path in state.glob(".drill-*")] == [".drill-under-way"]


def test_a_deep_check_finds_what_was_changed_long_ago(check: Callable[..., Seen], state: Path) -> None:
    change(state, "UPDATE audit_log SET who = 'eve' WHERE seq = 2")
    seen = check("--deep")
    assert seen["audit"][0] == "ok"
    assert seen["verification"][0] == seen["restore drill"][0] == "failure"
    assert "see `lts db verify`" in seen["verification"][1]


def _tear(state: Path) -> None:
    content = bytearray((state / "lts.db").read_bytes())
    content[30_000:70_000] = bytes(40_000)
    (state / "lts.db").write_bytes(content)


def _age(state: Path) -> None:
    [backup] = (state / "backups").iterdir()
    backup.rename(backup.with_name("lts-20200101T000000.000000Z.backup"))


def _spoil(state: Path) -> None:
    [backup] = (state / "backups").iterdir()
    backup.write_bytes(b"x" + backup.read_bytes()[1:])


def _sql(statements: str) -> Callable[[Path], None]:
    return lambda state: change(state, statements)


class Case(NamedTuple):
    """What is done to a state directory, and what is said of it."""

    damage: Callable[[Path], Any]
    name: str
    status: str
    told: str


CASES = [
    Case(lambda state: state.chmod(0o755), "state directory", "warning", "so others can read it; chmod"),
    Case(lambda state: state.chmod(0o777), "state directory", "failure", "so others can change it;"),
    Case(lambda state: (state / "lts.db").chmod(0o644), "state directory", "warning", "lts.db has mode 0644"),
    Case(lambda state: (state / "node.key").chmod(0o640), "node key", "failure", "has mode 0640"),
    Case(lambda state: (state / "node.key").unlink(), "node key", "failure", "there is no node key"),
    Case(lambda state: shutil.rmtree(state / "backups"), "backups", "warning", "there is none in"),
    Case(_age, "backups", "warning", "hours old; make one with `lts db backup`"),
    Case(_spoil, "backups", "failure", "is no backup, or its beginning is damaged"),
    Case(lambda state: (state / "lts.db").unlink(), "database", "failure", "there is no database at"),
    Case(_sql("DROP TABLE billing_records"), "database", "failure", "was changed since revision"),
    Case(_tear, "integrity", "failure", ""),
    Case(_sql("PRAGMA foreign_keys = OFF; DELETE FROM instruments"), "integrity", "failure", "rows refer to"),
    Case(lambda state: (state / "audit.head").unlink(), "audit", "failure", "its head file is gone"),
    Case(_sql("DELETE FROM audit_seal"), "audit", "failure", "run `lts db verify`"),
    Case(_sql("UPDATE data_keys SET wrapped = x'00'"), "audit", "failure", "belongs to the node key"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}: {case.told}")
def test_what_is_not_in_order_is_told(
    check: Callable[..., Seen], state: Path, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.persistence.snapshot._ATTEMPTS", 1)
    if case.name in {"state directory", "node key", "backups"}:
        (state / "lts.db").write_bytes(b"")  # then nothing is looked for in it, which takes a while
    case.damage(state)
    status, told = check()[case.name]
    assert status == case.status
    assert case.told in told
    assert "\n" not in told


@pytest.mark.parametrize(("free", "status"), [(50_000_000, "failure"), (500_000_000, "warning")])
def test_a_disk_that_is_almost_full_is_told(
    check: Callable[..., Seen], monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(doctor, "disk_usage", lambda _: usage)
    assert check()["disk"][0] == status


def test_a_clock_that_is_behind_is_told(check: Callable[..., Seen], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = type("Clock", (), {"now": lambda _: 1_000_000_000_000_000_000})
    monkeypatch.setattr(doctor, "SystemClock", clock)
    status, told = check()["clock"]
    assert status == "failure"
    assert "seconds behind what was written last; set it" in told


def test_without_a_database_that_can_be_used_nothing_is_looked_for_in_it(
    lts: Lts, tmp_path: Path, state: Path
) -> None:
    assert lts("db", "upgrade", "--to", revisions()[-2], "--yes", "--state-dir", state).code == 0
    for directory in (state, tmp_path / "none"):
        said = json.loads(lts("check", "--deep", "--state-dir", directory, "--json").out)
        assert [each["name"] for each in said["checks"]] == OUTSIDE


def test_backups_are_looked_for_where_the_file_of_the_system_says(
    lts: Lts, state: Path, system: Callable[..., Path], tmp_path: Path
) -> None:
    for every_h, status in ((24, "ok"), (0, "ok"), (0.000001, "warning")):
        plan = (
            f'[node]\nstate_dir = "{state}"\nbackups = {{ every_h = {every_h}, directory = "elsewhere" }}\n'
        )
        file = system(plan)
        assert lts("db", "backup", "--config", file).code == 0
        said = json.loads(lts("check", "--config", file, "--json").out)
        [backups] = [each for each in said["checks"] if each["name"] == "backups"]
        assert backups["status"] == status
        assert f"in {tmp_path}/elsewhere, the latest 0.0 hours old" in backups["sentence"]
