"""The node as the harness holds it: a process that is started, watched by its log, and killed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
"""Seconds that a start may take on a busy machine before it counts as none at all."""
BEAT = 0.005


def pause(seconds: float) -> None:
    """Let others get on."""
    time.sleep(seconds)  # noqa: TID251 - other processes' time


def _any(wanted: str | tuple[str, ...]) -> tuple[str, ...]:
    return (wanted,) if isinstance(wanted, str) else wanted


class NodeProcess:
    """`lts run`, with a hand in it; everything lies in `directory`, its state in `directory/state`."""

    def __init__(self, file: Path, seed: str) -> None:
        self.file, self.seed = file, seed
        self.state = file.parent / "state"
        self.log = self.state / "lts.log"
        self.note = file.parent / "killed"
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.told: list[dict[str, Any]] = []
        """What this start has logged, as far as it has been read."""
        self._read = 0

    def start(self, *, quiet: bool = False, **hands: Any) -> None:
        """Start it; `hands` are laid on it (`tests.chaos.kill.hands`)."""
        self.starts += 1
        self.note.unlink(missing_ok=True)
        self.told, self._read = [], self.log.stat().st_size if self.log.exists() else 0
        seed = f"{self.seed}/{self.starts}"
        hands |= {"note": str(self.note)} | ({} if quiet else {"meddler": seed})
        words = [
            sys.executable,
            "-m",
            "tests.chaos.kill.node",
            json.dumps(hands),
            "run",
            "--config",
            str(self.file),
        ]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "KILL_SEED": seed}
        if quiet:
            environment["KILL_QUIET"] = "1"
        with (self.file.parent / "node.err").open("ab") as err:
            self.begun = time.monotonic()
            self.process = subprocess.Popen(
                words,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=err,
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def age(self) -> float:
        """Seconds since it was spawned."""
        return time.monotonic() - self.begun

    def listen(self) -> list[dict[str, Any]]:
        """Return what it has logged since the last time."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as log:
            log.seek(self._read)
            whole, _, _ = log.read().rpartition(b"\n")
        self._read += len(whole) + bool(whole)
        news = [
            json.loads(line) for line in whole.splitlines() if line.startswith(b"{") and line.endswith(b"}")
        ]
        self.told += news
        return news

    def wait_for(self, seconds: float, **what: str | tuple[str, ...]) -> dict[str, Any] | None:
        """Wait for a line of its log with these values; None if it dies, or logs none in time."""
        until = time.monotonic() + seconds
        while True:
            alive = self.running
            for line in self.listen():
                if all(line.get(name) in _any(wanted) for name, wanted in what.items()):
                    return line
            if not alive or time.monotonic() > until:
                return None
            pause(BEAT)

    def ready(self, seconds: float = PATIENCE) -> float | None:
        """Return how many seconds after its spawn its account was ready; None if it was not, or differs."""
        found = self.wait_for(seconds, event="account", state=("ready", "differs"))
        return self.age if found is not None and found["state"] == "ready" else None

    def kill(self) -> str:
        """End it with SIGKILL, unless it is dead; return the point at which it died of itself, or empty."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
        self.listen()
        return self.note.read_text(encoding="utf-8") if self.note.exists() else ""

    def stop(self) -> int:
        """End it in good order."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE)
