"""`lts halt`, `reset` and `approve` reach a running node, or the database of one that does not run."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bus import SystemClock

pytestmark = [
    pytest.mark.requirement("INT-4.6", "INT-018", "INT-026"),
    pytest.mark.timeout(180),  # nodes are started, on a machine that may be busy
]

LTS = (sys.executable, "-c", "from lts.cli import main; main()")


@pytest.fixture
def node(system: Callable[..., Path], tmp_path: Path) -> Iterator[Path]:
    """A node that trades at its leisure, as a process of its own; yields its state directory."""
    state = tmp_path / "state"
    with start(system(), state) as process:
        yield state
        process.kill()


def start(file: Path, state: Path) -> "subprocess.Popen[bytes]":
    words = ("run", "--config", str(file), "--state-dir", str(state), "--speed", "3600")
    with (state.parent / "log").open("wb") as log:
        process = subprocess.Popen([*LTS, *words], stdout=log, stderr=log)
    clock = SystemClock()
    until = clock.monotonic() + 60 * 10**9
    while not (state / "door.sock").exists() or b"system started" not in (state.parent / "log").read_bytes():
        assert process.poll() is None, (state.parent / "log").read_text()
        assert clock.monotonic() < until, "the node does not start"
    return process


def test_a_running_node_is_halted_flattened_and_reset(lts: Any, node: Path) -> None:
    done = lts("halt", "system", "--reason", "enough", "--flatten", "--state-dir", node, "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert answer["who"].startswith("operator ")
    assert answer | {"who": "", "at": 0, "cancelled": 0} == {
        "scope": "system", "state": "halted", "reason": "enough", "who": "", "at": 0, "durable": True,
        "trouble": "", "cancelled": 0, "open": [], "unknown": [], "held": [],
        "pending": False,
    }  # fmt: skip
    assert states(node)["system"] == ("halted", "enough")
    done = lts("halt", "portfolio:trend", "--state-dir", node)
    assert done.code == 0, done.err
    assert "halted: halted by hand" in done.out
    done = lts("reset", "portfolio:trend", "--reason", "better", "--state-dir", node)
    assert done.code == 1
    assert done.err == "portfolio:trend is active, but system is halted: enough\n"
    assert lts("reset", "system", "--state-dir", node).code == 0
    assert states(node) == {"system": ("active", "reset by hand"), "portfolio:trend": ("active", "better")}


def test_what_a_running_node_refuses_is_told_in_one_sentence(lts: Any, node: Path) -> None:
    done = lts("halt", "portfolio:none", "--state-dir", node)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(
        "portfolio:none is as it was: there is no scope 'portfolio:none'; there are: system"
    )
    done = lts("approve", "account:paper", "--state-dir", node, "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err == "nothing was approved: nothing of account:paper waits for an approval\n"


def test_without_a_node_the_next_one_starts_halted(
    lts: Any, system: Callable[..., Path], tmp_path: Path
) -> None:
    file, state = system(), tmp_path / "state"
    process = start(file, state)
    process.kill()
    process.wait()
    done = lts("halt", "user:ann", "--reason", "at night", "--config", file, "--state-dir", state, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["running"] is False
    with start(file, state) as process:
        done = lts("reset", "portfolio:trend", "--state-dir", state)
        assert done.err == "portfolio:trend is active, but user:ann is halted: at night\n"
        process.kill()
    assert lts("reset", "user:ann", "--state-dir", state).code == 0
    assert states(state)["user:ann"] == ("active", "reset by hand")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("halt", "system"), "there is no database at"),
        (("reset", "system"), "there is no database at"),
        (("halt", "system", "--flatten"), "no node runs on"),
        (("approve", "account:paper"), "no node runs on"),
        (("approve", "system"), "system is no account, such as account:BROKER"),
    ],
)
def test_where_there_is_no_node_one_sentence_says_so(
    lts: Any, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    done = lts(*words, "--state-dir", state)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(said)
    assert done.err.count("\n") == 1
    assert not [*state.glob("*.db")]


@pytest.mark.parametrize("scope", ["", "everything", "portfolio:", "user"])
def test_a_scope_is_one_of_four(lts: Any, scope: str) -> None:
    for command in ("halt", "reset", "approve"):
        done = lts(command, scope)
        assert done.code == 2
        assert "is neither system nor user:NAME" in " ".join(done.err.split()).replace("│ ", "")


def states(state: Path) -> dict[str, tuple[str, str]]:
    connection = sqlite3.connect(f"file:{state / 'lts.db'}?mode=ro", uri=True)
    with suppress(sqlite3.OperationalError):
        rows = connection.execute("SELECT scope, state, reason FROM trading_states").fetchall()
    connection.close()
    return {scope: (held, reason) for scope, held, reason in rows}
