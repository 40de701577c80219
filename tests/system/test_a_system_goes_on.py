"""A system that was stopped or killed goes on where it was; one that cannot says why, and alters nothing."""

import ctypes
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import pytest

import lts
from lts.domain.fills import Fill
from lts.domain.money import ONE, ZERO, unrounded
from lts.domain.orders import Side
from lts.domain.positions import Position
from lts.security.key_sources import find_node_keys

pytestmark = [
    pytest.mark.requirement("INT-006", "INT-007", "INT-5.3", "LTS-002", "LTS-003"),
    pytest.mark.timeout(240),  # processes are started again and again, on a machine that may be busy
]

SAMPLES = Path(lts.__file__).parent / "samples"
LTS = (sys.executable, "-c", "from lts.cli import main; main()")
RESULTS = ("digest", "final_equity", "fees")
COMES_AND_GOES = {"lts.lock", "lts.log"}
SHARED_MEMORY = "-shm"

Start = Callable[..., "subprocess.Popen[str]"]
Lts = Callable[..., Any]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a command in a directory of its own; it does not outlive the test."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: str | Path, **how: Any) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        running.append(
            subprocess.Popen([*LTS, *words], cwd=tmp_path, stdout=pipe, stderr=pipe, text=True, **how)
        )
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A system that trades a day of one-minute bars, and may keep its state beside its file."""
    for name in ("btcusd.toml", "btcusd_1min_2020-01-01.csv"):
        shutil.copy(SAMPLES / name, tmp_path)
    return tmp_path / "btcusd.toml"


@pytest.fixture(scope="session")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A system that has traded a part of its day, with its state."""
    directory = tmp_path_factory.mktemp("used")
    for name in ("btcusd.toml", "btcusd_1min_2020-01-01.csv"):
        shutil.copy(SAMPLES / name, directory)
    data = directory / "btcusd_1min_2020-01-01.csv"
    whole = data.read_text(encoding="utf-8")
    data.write_text("".join(whole.splitlines(keepends=True)[:200]), encoding="utf-8")
    words = (*LTS, "run", "--config", directory / "btcusd.toml", "--speed", "max", "--until-end")
    subprocess.run(words, check=True, capture_output=True)
    data.write_text(whole, encoding="utf-8")
    return directory


@pytest.fixture
def stopped(used: Path, tmp_path: Path) -> Path:
    """The state directory of a system that has stopped, to do with as one likes; its file is beside it."""
    shutil.copytree(used, tmp_path, dirs_exist_ok=True)
    return tmp_path / "state"


def run(start: Start, system: Path, *more: str, **how: Any) -> subprocess.Popen[str]:
    return start("run", "--config", system, "--json", *more, **how)


def result(process: subprocess.Popen[str]) -> Any:
    """Return what a command that succeeds prints."""
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return json.loads(out)


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read its stderr up to a line with this text."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"it ended without a word of {text!r}")


def rows(state: Path, statement: str) -> list[sqlite3.Row]:
    """Return what a query finds in the database of a state directory."""
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(statement).fetchall()


def check_whole(state: Path) -> None:
    """Check whatever has to be so at every instant."""
    assert [row[0] for row in rows(state, "PRAGMA integrity_check")] == ["ok"]
    assert rows(state, "PRAGMA foreign_key_check") == []
    _check_sequences(state)
    _check_ledger(state)
    _check_positions(state)
    _check_filled(state)
    audit = [row[0] for row in rows(state, "SELECT seq FROM audit_log ORDER BY seq")]
    assert audit == [*range(1, len(audit) + 1)]


def _check_sequences(state: Path) -> None:
    """No order is doubled: client ids count the orders of a portfolio and an asset without a gap."""
    found = rows(
        state,
        "SELECT p.name || o.instrument AS name, client_order_id AS id FROM orders o"
        " JOIN portfolios p ON p.id = o.portfolio_id ORDER BY 1, 2",
    )
    for _, orders in groupby(found, key=lambda row: row["name"]):
        numbers = [int(row["id"][-6:]) for row in orders]
        assert numbers == [*range(1, len(numbers) + 1)]
    events = [row[0] for row in rows(state, "SELECT seq FROM order_events ORDER BY seq")]
    assert events == [*range(1, len(events) + 1)]


@unrounded
def _check_ledger(state: Path) -> None:
    """Every booking sums to zero."""
    found = rows(state, "SELECT portfolio_id, booking, currency, amount FROM ledger_entries ORDER BY 1, 2, 3")
    for booking, lines in groupby(found, key=lambda row: (row[0], row[1], row[2])):
        assert sum((Decimal(row["amount"]) for row in lines), ZERO) == 0, booking


@unrounded
def _check_positions(state: Path) -> None:
    """Positions are the fold of the fills, in the order in which they were journalled."""
    fills = rows(
        state,
        "SELECT f.*, i.multiplier FROM order_events e JOIN fills f ON f.exec_id = e.exec_id"
        " AND f.client_order_id = e.client_order_id JOIN instruments i ON i.symbol = f.instrument"
        " ORDER BY e.seq",
    )
    assert len(fills) == len(rows(state, "SELECT 1 FROM fills"))
    held: dict[tuple[int, str], Position] = {}
    for row in fills:
        key = (row["portfolio_id"], row["instrument"])
        before = held.get(key, Position("", row["instrument"], Decimal(row["multiplier"])))
        held[key] = before.fold(_fill(row))
    stored = rows(state, "SELECT * FROM positions")
    assert {(row["portfolio_id"], row["instrument"]) for row in stored} == held.keys()
    for row in stored:
        position = held[row["portfolio_id"], row["instrument"]]
        for name in ("quantity", "cost", "realised", "fees"):
            assert Decimal(row[name]) == getattr(position, name), name
        assert row["round_trips"] == position.round_trips


def _fill(row: sqlite3.Row) -> Fill:
    return Fill(
        portfolio="",
        instrument=row["instrument"],
        broker=row["broker"],
        client_order_id=row["client_order_id"],
        exec_id=row["exec_id"],
        side=Side(row["side"]),
        quantity=Decimal(row["quantity"]),
        price=Decimal(row["price"]),
        fee=Decimal(row["fee"]),
        currency=row["currency"],
        at=row["at"],
    )


@unrounded
def _check_filled(state: Path) -> None:
    """What an order says is filled is the sum of its fills, and none has more than was ordered."""
    sums: dict[str, Decimal] = {}
    for row in rows(state, "SELECT client_order_id, quantity FROM fills"):
        sums[row[0]] = sums.get(row[0], ZERO) + Decimal(row[1])
    for row in rows(state, "SELECT client_order_id, quantity, filled, status FROM orders"):
        assert sums.get(row["client_order_id"], ZERO) == Decimal(row["filled"])
        assert Decimal(row["filled"]) <= Decimal(row["quantity"]) * ONE
        assert (row["status"] == "filled") == (Decimal(row["filled"]) == Decimal(row["quantity"]))


def prints_of(directory: Path) -> dict[str, str]:
    """Return a digest of every file that must not be altered, and how it may be used."""
    return {
        str(path.relative_to(directory)): f"{path.stat().st_mode:o} {sha256(path.read_bytes()).hexdigest()}"
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name not in COMES_AND_GOES and not path.name.endswith(SHARED_MEMORY)
    }


def refused(lts: Lts, system: Path, *more: str | Path) -> Any:
    """How a run ends that cannot begin; a process of its own would show no more."""
    return lts("run", "--config", system, "--json", *more)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """How a process ends."""
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def check_refused(how: tuple[int, str, str], *words: str) -> str:
    """Check that a command ended with one sentence that has these words; return it."""
    code, out, err = how
    assert (code, out) == (1, ""), err
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    for word in words:
        assert word in err
    return err


def test_a_run_that_is_stopped_and_started_again_ends_like_one_that_never_was(
    start: Start, system: Path
) -> None:
    tested = start("backtest", system, "--json")
    first = run(start, system, "--speed", "30000", "--until-end")
    wait_for(first, "system started")
    time.sleep(1.2)  # noqa: TID251 - the child's time, not ours
    first.send_signal(signal.SIGTERM)
    begun = result(first)
    assert 0 < begun["bars"] < 1440
    check_whole(system.parent / "state")
    ended, wanted = result(run(start, system, "--speed", "max", "--until-end")), result(tested)
    assert {name: ended[name] for name in RESULTS} == {name: wanted[name] for name in RESULTS}
    for count in ("orders", "fills", "trades"):
        assert begun[count] + ended[count] == wanted[count], count
    assert wanted["bars"] - begun["bars"] - ended["bars"] in {
        0,
        1,
    }  # the last one played may not be counted yet
    assert ended["portfolios"] == wanted["portfolios"]
    check_whole(system.parent / "state")

    again = result(run(start, system, "--speed", "max", "--until-end"))
    assert (again["bars"], again["orders"], again["fills"], again["trades"]) == (0, 0, 0, 0)
    assert {name: again[name] for name in RESULTS} == {name: wanted[name] for name in RESULTS}
    assert again["portfolios"] == wanted["portfolios"]


def test_a_run_that_is_killed_again_and_again_ends_like_one_that_never_was(
    start: Start, system: Path
) -> None:
    tested, draw, state = start("backtest", system, "--json"), Random(3), system.parent / "state"
    kills = 0
    while kills < 4:
        process = run(start, system, "--speed", "30000", "--until-end")
        if kills:  # the first time, it may not even have begun
            wait_for(process, "system started")
        time.sleep(draw.uniform(0.0, 0.7))  # noqa: TID251 - the child's time, not ours
        process.kill()
        process.wait()
        kills += 1
        if (state / "lts.db").exists() and rows(state, "SELECT 1 FROM sqlite_master WHERE name = 'orders'"):
            check_whole(state)
    ended, wanted = result(run(start, system, "--speed", "max", "--until-end")), result(tested)
    check_whole(state)
    unknown = rows(state, "SELECT 1 FROM order_events WHERE status = 'unknown'")
    for name in RESULTS if not unknown else RESULTS[1:]:
        assert ended[name] == wanted[name], name
    assert ended["portfolios"] == wanted["portfolios"]
    (fills,) = rows(state, "SELECT count(*) FROM fills")
    assert fills[0] == wanted["fills"]
    verified = start("db", "verify", "--state-dir", state, "--json")
    assert result(verified)["ok"]


@pytest.mark.chaos
def test_a_run_that_is_killed_again_and_again_charges_each_night_once(start: Start, tmp_path: Path) -> None:
    for name in ("sp500.toml", "sp500_1day_1999_2018.csv"):
        shutil.copy(SAMPLES / name, tmp_path)
    system, state, draw = tmp_path / "sp500.toml", tmp_path / "state", Random(7)
    told = system.read_text(encoding="utf-8")
    system.write_text(
        told.replace('slippage_bps = "0"', 'slippage_bps = "0", financing_long_pct_per_year = "2.5"'),
        encoding="utf-8",
    )
    tested, nights = start("backtest", system, "--json"), 0
    for _ in range(3):
        process = run(start, system, "--speed", "120000000", "--until-end")
        wait_for(process, "system started")
        time.sleep(draw.uniform(0.4, 1.0))  # noqa: TID251 - the child's time, not ours
        process.kill()
        process.wait()
        check_whole(state)
        charged = len(rows(state, "SELECT 1 FROM financing_charges"))
        assert charged > nights
        nights = charged
    ended, wanted = result(run(start, system, "--speed", "max", "--until-end")), result(tested)
    check_whole(state)
    assert wanted["financing"] < -1_000
    for name in ("final_equity", "fees", "financing"):
        assert ended[name] == wanted[name], name
    assert ended["portfolios"] == wanted["portfolios"]
    assert len(rows(state, "SELECT 1 FROM financing_charges")) > nights > 100
    assert result(start("db", "verify", "--state-dir", state, "--json"))["ok"]


@pytest.mark.requirement("INT-026")
class TestWhatCannotGoOn:
    """Each is one sentence and exit code 1, and alters nothing."""

    def test_other_data(self, lts: Lts, stopped: Path) -> None:
        data = stopped.parent / "btcusd_1min_2020-01-01.csv"
        lines = data.read_text(encoding="utf-8").splitlines(keepends=True)
        data.write_text("".join([lines[0], *lines[3:]]), encoding="utf-8")
        before = prints_of(stopped)
        refusal = refused(lts, stopped.parent / "btcusd.toml", "--speed", "max", "--until-end")
        check_refused(refusal, "moment", "of its data", "another state directory")
        _compare(before, stopped)

    def test_too_little_data(self, lts: Lts, stopped: Path) -> None:
        data = stopped.parent / "btcusd_1min_2020-01-01.csv"
        lines = data.read_text(encoding="utf-8").splitlines(keepends=True)
        data.write_text("".join(lines[:100]), encoding="utf-8")
        refusal = refused(lts, stopped.parent / "btcusd.toml", "--speed", "max", "--until-end")
        check_refused(refusal, "moment", "of its data", "another state directory")

    def test_a_directory_that_another_process_works_with(self, start: Start, stopped: Path) -> None:
        system = stopped.parent / "btcusd.toml"
        first = run(start, system)
        wait_for(first, "system started")
        check_refused(ended(run(start, system)), str(stopped), "another process works with")
        first.send_signal(signal.SIGTERM)
        result(first)

    def test_recording(self, lts: Lts, stopped: Path) -> None:
        refusal = refused(lts, stopped.parent / "btcusd.toml", "--record", stopped.parent / "session.jsonl")
        check_refused(refusal, "session.jsonl", "has to begin at the beginning", "new state directory")
        assert not (stopped.parent / "session.jsonl").exists()

    @pytest.mark.parametrize("damage", ["header", "middle"])
    def test_a_damaged_database(self, lts: Lts, stopped: Path, damage: str) -> None:
        file = stopped / "lts.db"
        content = bytearray(file.read_bytes())
        match damage:
            case "header":
                content[:100] = b"x" * 100
            case "middle":
                content[4096:40960] = os.urandom(36864)
        file.write_bytes(content)
        before = prints_of(stopped)
        check_refused(refused(lts, stopped.parent / "btcusd.toml"), "lts.db")
        _compare(before, stopped)

    def test_a_schema_of_another_version(self, lts: Lts, stopped: Path) -> None:
        with closing(sqlite3.connect(stopped / "lts.db")) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.commit()
        before = prints_of(stopped)
        check_refused(refused(lts, stopped.parent / "btcusd.toml"), "another version of LTS", "9999")
        _compare(before, stopped)

    def test_the_node_key_of_another(self, lts: Lts, stopped: Path, tmp_path: Path) -> None:
        (other := tmp_path / "other").mkdir()
        find_node_keys(other, create=True, environ={})
        (other / "node.key").replace(stopped / "node.key")
        before = prints_of(stopped)
        check_refused(
            refused(lts, tmp_path / "btcusd.toml"), "belongs to the node key", "give the node the key"
        )
        _compare(before, stopped)

    def test_a_node_key_that_is_gone(self, lts: Lts, stopped: Path) -> None:
        (stopped / "node.key").unlink()
        before = prints_of(stopped)
        check_refused(refused(lts, stopped.parent / "btcusd.toml"), "node.key", "there is no node key")
        _compare(before, stopped)

    def test_a_node_key_that_others_may_read(self, lts: Lts, stopped: Path) -> None:
        (stopped / "node.key").chmod(0o644)
        before = prints_of(stopped)
        check_refused(refused(lts, stopped.parent / "btcusd.toml"), "node.key")
        _compare(before, stopped)

    def test_a_directory_that_this_user_may_not_write(self, start: Start, tmp_path: Path) -> None:
        state = tmp_path / "nobody's"
        state.mkdir(mode=0o555)
        shutil.copy(SAMPLES / "btcusd.toml", tmp_path)
        shutil.copy(SAMPLES / "btcusd_1min_2020-01-01.csv", tmp_path)
        process = run(
            start, tmp_path / "btcusd.toml", "--state-dir", str(state), preexec_fn=_without_privileges
        )
        check_refused(ended(process), str(state))
        assert [*state.iterdir()] == []

    @pytest.mark.parametrize("new", [True, False], ids=["new", "used"])
    def test_a_full_disk(self, start: Start, stopped: Path, tmp_path: Path, *, new: bool) -> None:
        state = tmp_path / "new" if new else stopped
        before = prints_of(state)

        def fill_up() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

        process = run(start, tmp_path / "btcusd.toml", "--state-dir", str(state), preexec_fn=fill_up)
        check_refused(ended(process), str(state))
        _compare(before, state)


def _compare(before: dict[str, str], state: Path) -> None:
    after = prints_of(state)
    new = {name for name in after.keys() - before.keys() if not name.endswith("-wal")}
    assert new == set()
    assert {name: after.get(name) for name in before} == before


def _without_privileges() -> None:
    """Have the child of root bound by the permissions of files, as everybody else is."""
    if os.geteuid() == 0:
        drop_from_bounding_set, past_permissions, past_search = 24, 1, 2  # prctl(2), capabilities(7)
        for capability in (past_permissions, past_search):
            ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)
