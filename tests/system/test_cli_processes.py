"""`lts` as a process of its own: its streams, its signals, its exit codes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import lts

pytestmark = [
    pytest.mark.requirement("INT-4.2", "INT-9.1"),
    pytest.mark.timeout(240),  # processes are started and ended, on a machine that may be busy
]

SAMPLES = Path(lts.__file__).parent / "samples"
LTS = (sys.executable, "-c", "from lts.cli import main; main()")
BUSY = """
import sys
import time
from lts.sdk import Bar, Params, Strategy, on

class Guest(Strategy[Params]):
    @on
    def compute(self, bar: Bar) -> None:
        print("computing", file=sys.stderr, flush=True)
        until = time.monotonic() + {seconds}
        while time.monotonic() < until:
            pass
"""
MANIFEST = """
kind = "strategy"
name = "busy"
version = "1.0"
entry = "plugin:Guest"
requires-lts = ">=1.0,<2"
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a command in a directory of its own; it does not outlive the test."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: str | Path) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        running.append(subprocess.Popen([*LTS, *words], cwd=tmp_path, stdout=pipe, stderr=pipe, text=True))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """The systems and the data that come with the package, where a run may keep its state beside them."""
    directory = tmp_path / "samples"
    directory.mkdir()
    for file in filter(Path.is_file, SAMPLES.iterdir()):
        (directory / file.name).symlink_to(file)
    return directory


@pytest.fixture
def busy(tmp_path: Path) -> Callable[[float], Path]:
    """Writes a system whose strategy computes for so many seconds at every bar."""

    def write(seconds: float) -> Path:
        directory = tmp_path / "plugins/strategy/busy"
        directory.mkdir(parents=True)
        (directory / "plugin.toml").write_text(MANIFEST, encoding="utf-8")
        (directory / "plugin.py").write_text(BUSY.format(seconds=seconds), encoding="utf-8")
        text = (SAMPLES / "btcusd.toml").read_text(encoding="utf-8")
        text = text.replace('path = "', f'path = "{SAMPLES}/').replace("sma_cross", "busy")
        kept = [line for line in text.splitlines() if "fast = " not in line]
        file = tmp_path / "system.toml"
        file.write_text("\n".join([*kept, "[plugins]", 'directories = ["plugins"]']), encoding="utf-8")
        return file

    return write


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read its stderr up to a line with this text, and return that."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"it ended without a word of {text!r}")


@pytest.mark.requirement("LTS-001")
def test_the_demo_trades_for_two_owners_and_ends_by_itself(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start("demo", "--for", "3", "--speed", "3000", "--port", "0", "--json")
    out, err = process.communicate()
    assert process.returncode == 0
    assert [line[:20] for line in err.splitlines()] == ["log in as alice with", "log in as bob with t"]
    result = json.loads(out)
    known = {"orders", "fills", "events", "portfolios", "database", "url", "dead_letters"}
    assert set(result) == known
    assert result["orders"] > 10
    assert result["fills"] > 10
    assert result["events"] > 100
    assert result["database"] == str(tmp_path / "lts-demo/lts.db")
    assert result["dead_letters"] == 0
    assert result["url"].startswith("http://127.0.0.1:")
    assert len({portfolio["owner"] for portfolio in result["portfolios"]}) == 2
    for portfolio in result["portfolios"]:
        assert {"name", "owner", "cash", "equity", "positions"} <= set(portfolio)
        for position in portfolio["positions"]:
            assert set(position) == {"instrument", "quantity", "average_price"}
    log = (tmp_path / "lts-demo/lts.log").read_text(encoding="utf-8")
    told = [json.loads(line)["event"] for line in log.splitlines()]
    assert told == ["api served", "system started", "system stopping"]


def test_ctrl_c_ends_the_demo_with_a_summary(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("demo", "--speed", "3000", "--port", "0", "--state-dir", "state")
    assert process.stdout is not None
    alice, bob, api, first = (process.stdout.readline() for _ in range(4))
    assert "log in as alice with the password " in alice
    assert "log in as bob with the password " in bob
    assert "/api/v1/docs" in api
    assert "BTC/USD" in first
    assert "scalper" in first
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "digest" in out
    assert "state/lts.log" in out


@pytest.mark.requirement("INT-021", "INT-025")
def test_the_people_of_the_demo_can_log_in_and_their_passwords_are_shown_once_and_kept_nowhere(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start("demo", "--speed", "600", "--port", "0", "--state-dir", "state")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    passwords = {words[3]: words[7] for words in map(str.split, lines[:2])}
    url = lines[2].split()[4]
    for name, password in passwords.items():
        body = {"user": name, "password": password}
        told = httpx.post(f"{url.removesuffix('/docs')}/auth/login", json=body).json()
        assert (told["user"], told["role"]) == (name, "trader")
    assert list(passwords) == ["alice", "bob"]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    kept = b"".join(file.read_bytes() for file in (tmp_path / "state").rglob("*") if file.is_file())
    assert not any(password.encode() in kept for password in passwords.values())
    again = start("demo", "--for", "0.2", "--port", "0", "--state-dir", "state")
    assert "log in as" not in "".join(again.communicate(timeout=60))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_stays_up_after_its_feeds_until_a_signal(
    start: Callable[..., subprocess.Popen[str]], samples: Path, number: signal.Signals
) -> None:
    process = start("run", "--config", samples / "btcusd.toml", "--speed", "max", "--json")
    wait_for(process, "feeds ended")
    assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["bars"] == 1440
    assert "system stopping" in err


@pytest.mark.requirement("INT-011", "INT-8.2")
def test_the_api_answers_in_a_process_of_its_own_and_is_started_again_when_that_is_killed(
    start: Callable[..., subprocess.Popen[str]], samples: Path, tmp_path: Path
) -> None:
    file = samples / "served.toml"
    file.write_text((samples / "btcusd.toml").read_text("utf-8") + "\n[api]\nport = 0\n", "utf-8")
    process = start("run", "--config", file, "--speed", "60", "--state-dir", tmp_path / "state")

    def served() -> str:
        url = wait_for(process, "api served").rpartition("url=")[2].strip()
        answer = httpx.get(f"{url}/api/v1/health/live", timeout=10)
        assert answer.status_code == 200, answer.text
        return url

    served()
    wait_for(process, "system started")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()
    bodies = [each for each in children if b"bus.body" in Path(f"/proc/{each}/cmdline").read_bytes()]
    assert len(bodies) == 1
    os.kill(int(bodies[0]), signal.SIGKILL)
    served()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_signal_ends_a_run_that_waits_for_its_next_bar(
    start: Callable[..., subprocess.Popen[str]], samples: Path
) -> None:
    process = start("run", "--config", samples / "sp500.toml", "--until-end", "--json")
    wait_for(process, "system started")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["bars"] == 0


def test_a_signal_that_arrives_while_an_actor_computes_is_not_lost(
    start: Callable[..., subprocess.Popen[str]], busy: Callable[[float], Path]
) -> None:
    process = start("run", "--config", busy(1.5), "--speed", "max", "--json")
    wait_for(process, "computing")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["bars"] <= 2


def test_a_second_signal_ends_what_would_not_end(
    start: Callable[..., subprocess.Popen[str]], busy: Callable[[float], Path]
) -> None:
    process = start("run", "--config", busy(60), "--speed", "max", "--json")
    wait_for(process, "computing")
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (70, "")
    assert "plugin.py" in err


def test_an_interrupted_backtest_has_no_result(
    start: Callable[..., subprocess.Popen[str]], busy: Callable[[float], Path]
) -> None:
    process = start("backtest", busy(1.0), "--json")
    wait_for(process, "computing")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err.splitlines()[-1].startswith("the backtest was interrupted after ")


def test_the_demo_ends_when_nobody_reads_it_any_more(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("demo", "--speed", "3000", "--port", "0")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 1
