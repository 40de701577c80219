"""A node as a process of its own, which is ended and started again on one directory."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import lts
from bus import SystemClock

LTS = (sys.executable, "-c", "from lts.cli import main; main()")
SAMPLES = Path(lts.__file__).parent / "samples"
LONGEST_START_S = 60
SYSTEM = """
[[instrument]]
symbol = "BTC/USD"
currency = "USD"
tick_size = "0.01"
lot_size = "0.0001"

[[feed]]
plugin = "csv"
instrument = "BTC/USD"
params = {{ path = "{path}", bar = "1m", repeat = true }}

[[broker]]
name = "paper"
plugin = "paper"

[[portfolio]]
name = "house"
owner = "carol"
currency = "USD"
cash = "1000000"
plugin = "fixed_quantity"
params = {{ quantity = "0.1" }}

  [[portfolio.asset]]
  instrument = "BTC/USD"
  broker = "paper"
  strategy = "sma_cross"
  params = {{ fast = 5, slow = 13 }}

[access]
signature_window_s = 300

[api]
port = 0
requests_per_min = 1000000
"""


class Node:
    """A node; `url` is where its API is while it runs, and `more` what else its file says."""

    def __init__(self, directory: Path, more: str = "") -> None:
        self.state = directory / "state"
        self.url = ""
        self._file = directory / "system.toml"
        system = SYSTEM.format(path=SAMPLES / "btcusd_1min_2020-01-01.csv")
        self._file.write_text(system + more, encoding="utf-8")
        self._log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves."""
        words = (*LTS, "run", "--config", str(self._file), "--state-dir", str(self.state), "--speed", "60")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)
        clock = SystemClock()
        until = clock.monotonic() + LONGEST_START_S * 10**9
        while "system started" not in self._log.read_text():
            if self._process.poll() is not None or clock.monotonic() > until:
                raise RuntimeError(f"the node did not start: {self._log.read_text()}")
            time.sleep(0.05)  # noqa: TID251 - the node's time, not ours
        told = [json.loads(line) for line in (self.state / "lts.log").read_text().splitlines()]
        self.url = [each["url"] for each in told if each["event"] == "api served"][-1]

    @property
    def log(self) -> str:
        """What it has said since it started, as far as it says it to who looks."""
        return self._log.read_text(encoding="utf-8")

    @property
    def memory_bytes(self) -> int:
        """What it takes of memory now, with the processes that belong to it."""
        assert self._process is not None
        return sum(map(_resident, _family(self._process.pid)))

    def end(self, by: signal.Signals) -> None:
        """End it by a signal."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(timeout=LONGEST_START_S)

    def lts(self, *words: str) -> Any:
        """Return what a command answers."""
        command = (*LTS, *words, "--state-dir", str(self.state), "--json")
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def _family(pid: int) -> list[int]:
    """Return a process and all that it has begun."""
    found = [pid]
    for each in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in each.read_text().split():
            found += _family(int(child))
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except FileNotFoundError:
        return 0
