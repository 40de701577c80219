"""`lts user` reaches a running node, or the database of one that does not run."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bus import SystemClock

pytestmark = [
    pytest.mark.requirement("INT-021", "INT-026", "INT-4.1"),
    pytest.mark.timeout(180),  # a node is started, on a machine that may be busy
]

LTS = (sys.executable, "-c", "from lts.cli import main; main()")
PASSWORD = "seven green cats 9"  # noqa: S105 - of nobody


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes on stdin, as a pipe does."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


@pytest.fixture
def state(lts: Any, tmp_path: Path) -> Path:
    """The state directory of a node that is not running, and that nobody can log in to."""
    directory = tmp_path / "state"
    directory.mkdir()
    done = lts("db", "upgrade", "--state-dir", directory)
    assert done.code == 0, done.err
    return directory


@pytest.fixture
def node(system: Callable[..., Path], tmp_path: Path) -> Iterator[Path]:
    """A node that trades at its leisure, as a process of its own; yields its state directory."""
    state, log, clock = tmp_path / "state", tmp_path / "log", SystemClock()
    words = ("run", "--config", str(system()), "--state-dir", str(state), "--speed", "3600")
    with log.open("wb") as output, subprocess.Popen([*LTS, *words], stdout=output, stderr=output) as process:
        until = clock.monotonic() + 60 * 10**9
        while not (state / "door.sock").exists() or b"system started" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert clock.monotonic() < until, "the node does not start"
        yield state
        process.kill()


def test_users_are_made_changed_and_listed_where_no_node_runs(
    lts: Any, state: Path, typed: Callable[[str], None]
) -> None:
    here = ("--state-dir", state)
    made = lts("user", "add", "root", "--role", "admin", "--generate", *here, "--json")
    assert made.code == 0, made.err
    answer = json.loads(made.out)
    assert (answer["user"]["role"], answer["user"]["can_log_in"]) == ("admin", True)
    assert len(answer["password"]) == 24
    typed(f"{PASSWORD}\n")
    made = lts("user", "add", "ann", *here, "--json")
    assert (made.code, "password" in json.loads(made.out)) == (0, False)
    assert lts("user", "add", "robot", "--role", "service", *here).code == 0
    assert lts("user", "role", "ann", "viewer", *here).code == 0
    assert lts("user", "disable", "ann", *here).code == 0
    listed = json.loads(lts("user", "list", *here, "--json").out)["users"]
    assert [(each["name"], each["role"], each["active"]) for each in listed] == [
        ("ann", "viewer", False),
        ("robot", "service", True),
        ("root", "admin", True),
    ]
    shown = lts("user", "list", *here).out
    assert [line.split(maxsplit=2)[2].strip() for line in shown.splitlines()[:2]] == [
        "out of service",
        "API keys alone",
    ]
    assert answer["password"] not in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add", "ann"), ("short\n", "a password has 12 to 128 characters")),
        (("add", "ann"), ("", "there is no password on stdin")),
        (("add", "<ann>"), (f"{PASSWORD}\n", "a name is made of the letters")),
        (("role", "nobody", "admin"), ("", "there is no user named 'nobody'")),
        (("password", "nobody", "--generate"), ("", "there is no user named 'nobody'")),
        (("disable", "root"), ("", "root is the last who can administer the node")),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(
    lts: Any, state: Path, typed: Callable[[str], None], words: tuple[str, ...], told: tuple[str, str]
) -> None:
    typed_in, part = told
    if words[0] == "disable":
        assert lts("user", "add", "root", "--role", "admin", "--generate", "--state-dir", state).code == 0
    typed(typed_in)
    done = lts("user", *words, "--state-dir", state)
    assert (done.code, done.out) == (1, "")
    assert part in done.err
    assert len(done.err.splitlines()) == 1


def test_a_password_is_no_argument_and_a_role_is_one_that_there_is(lts: Any, state: Path) -> None:
    assert lts("user", "add", "ann", PASSWORD, "--state-dir", state).code == 2
    assert lts("user", "add", "ann", "--role", "god", "--state-dir", state).code == 2


def test_without_a_database_there_are_no_users(lts: Any, tmp_path: Path) -> None:
    done = lts("user", "list", "--state-dir", tmp_path / "none")
    assert (done.code, "there is no database" in done.err) == (1, True)


def test_a_running_node_makes_the_change(lts: Any, node: Path, typed: Callable[[str], None]) -> None:
    typed(f"{PASSWORD}\n")
    done = lts("user", "add", "ann", "--role", "admin", "--state-dir", node, "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)["user"]
    assert (answer["name"], answer["revision"]) == ("ann", 1)  # who was only named as an owner so far
    done = lts("user", "password", "ann", "--generate", "--state-dir", node, "--json")
    assert (done.code, json.loads(done.out)["user"]["revision"]) == (0, 2)
    done = lts("user", "disable", "ann", "--state-dir", node)
    assert done.err == "nothing was changed: ann is the last who can administer the node\n"
    log = (node.parent / "log").read_text()
    assert "add-user" in log
    assert PASSWORD not in log
