"""`lts` explains itself, and what is wrong about its use."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from lts.cli import COMMANDS

pytestmark = pytest.mark.requirement("INT-026")

Lts = Callable[..., Any]


def test_help_lists_every_command(lts: Lts) -> None:
    done = lts("--help")
    assert (done.code, done.err) == (0, "")
    for command, about in COMMANDS.items():
        assert f"  {command}" in done.out
        assert about in done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_said_of_a_command_is_the_first_line_of_its_own_help(lts: Lts, command: str) -> None:
    done = lts(command, "--help")
    assert (done.code, done.err) == (0, "")
    usage, about, *_ = [line.strip() for line in done.out.splitlines() if line.strip()]
    assert usage.startswith(f"Usage: lts {command} ")
    assert about == COMMANDS[command]


def test_help_does_not_import_the_system() -> None:
    heavy = "{'actors', 'bus', 'lts.main', 'structlog', 'uvloop'}"
    code = f"import sys, lts.cli; sys.exit(' '.join({heavy} & sys.modules.keys()) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_version_is_that_of_the_distribution(lts: Lts) -> None:
    assert lts("--version") == (0, f"lts {version('lts')}\n", "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Usage: lts"),
        (["bcktest"], "Did you mean 'backtest'?"),
        (["backtest"], "Missing argument 'FILE'"),
        (["backtest", "a", "b"], "b"),
        (["backtest", "a", "--sed", "1"], "No such option"),
        (["backtest", "a", "--seed", "x"], "--seed"),
        (["run"], "Missing option '--config'"),
        (["run", "--config", "a", "--speed", "fast"], "'fast' is neither max nor a number above zero"),
        (["run", "--config", "a", "--speed", "0"], "'0' is neither max nor a number above zero"),
        (["run", "--config", "a", "--speed", "nan"], "'nan' is neither max nor a number above zero"),
        (["replay"], "Missing argument 'RECORDING'"),
        (["demo", "--for", "-1"], "'-1' is no number above zero"),
        (["demo", "--port", "70000"], "--port"),
        (["plugin"], "Missing command"),
        (["plugin", "lst"], "No such command"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_told_on_stderr(lts: Lts, words: list[str], told: str) -> None:
    done = lts(*words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "words", [["backtest"], ["run", "--until-end", "--config"], ["plugin", "list", "--config"]]
)
def test_a_file_without_sense_is_told_alike_by_every_command(
    lts: Lts, tmp_path: Path, words: list[str]
) -> None:
    file = tmp_path / "system.toml"
    file.write_text("[feeds]\n", encoding="utf-8")
    done = lts(*words, file, "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"{file}: unknown key 'feeds'")
    assert done.err.count("\n") == 1
