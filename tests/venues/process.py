"""The venue as a test holds it: a process that is started, killed and asked for the truth."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).parents[2]
PATIENCE = 45.0
"""Seconds that a start may take on a busy machine."""
Json = dict[str, Any]


class VenueProcess:
    """One venue; its book lies in `directory`, and it keeps its port over restarts."""

    account = "101-001-1000001-001"
    token = "venue-token"  # noqa: S105 - of a venue that nobody else can reach
    control_token = "control-token"  # noqa: S105 - the same

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory, self.options = directory, options
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.open = build_opener(ProxyHandler({})).open

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        told, log = self.directory / "venue.port", self.directory / "venue.log"
        told.unlink(missing_ok=True)
        words = [sys.executable, "-m", "tests.venues.v20", "--book", str(self.directory / "venue.sqlite")]
        words += ["--port", str(self.port), "--port-file", str(told), *self.options]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                words, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        until = time.monotonic() + PATIENCE
        while not told.exists():
            if not self.running or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"the venue did not start:\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.01)  # noqa: TID251 - another process's time
        self.port = int(told.read_text(encoding="ascii"))
        return self

    def stop(self) -> int:
        """End it with SIGTERM, and return its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)

    def restart(self) -> Self:
        """Kill it and start it again, on the same book and port; its faults are gone."""
        self.kill()
        return self.start()

    def __enter__(self) -> Self:
        return self if self.running else self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def control(self, method: str, path: str, body: Json | None = None) -> Json:
        """Ask for something under /control.

        Raises:
            ValueError: the venue refuses, and says why.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.control_token}"}
        request = Request(f"{self.url}/control/{path}", data, headers, method=method)  # noqa: S310 - our own
        try:
            with self.open(request, timeout=PATIENCE) as answer:
                told: Json = json.load(answer)
                return told
        except HTTPError as refused:
            with refused:
                raise ValueError(f"{refused.code}: {refused.read().decode()}") from None

    def faults(self, *faults: Json, seed: int | None = None) -> list[Json]:
        """Put faults in force: `venue.faults({"kind": "lost_ack", "probability": 0.1, "method": "POST"})`."""
        body: Json = {"faults": list(faults)} | ({} if seed is None else {"seed": seed})
        added: list[Json] = self.control("POST", "faults", body)["faults"]
        return added

    def clear(self, number: int | None = None) -> None:
        """End all faults, or one."""
        self.control("DELETE", "faults", {} if number is None else {"id": number})

    def struck(self) -> dict[str, int]:
        """Return how often each kind of fault has happened since the start."""
        total: dict[str, int] = self.control("GET", "faults")["total"]
        return total

    def book(self) -> Json:
        return self.control("GET", "book")

    def price(self, instrument: str, bid: str, ask: str, **more: str) -> Json:
        return self.control("POST", "price", {"instrument": instrument, "bid": bid, "ask": ask} | more)

    def finance(self, long_rate: str, short_rate: str = "0") -> Json:
        """Charge all that is open for a night, at the rates of a year; what is negative is paid."""
        charged: Json = self.control("POST", "financing", {"longRate": long_rate, "shortRate": short_rate})
        return charged

    def accrue(self, instrument: str, amount: str) -> None:
        """Have the next fill that closes something state so much as its financing."""
        self.control("POST", "accrue", {"instrument": instrument, "amount": amount})

    def dividend(self, instrument: str, rate: str) -> Json:
        """Pay a dividend of so much a unit."""
        paid: Json = self.control("POST", "dividend", {"instrument": instrument, "rate": rate})["charged"]
        return paid

    def reset(self) -> Self:
        """Begin anew with an empty book, the listed prices and no faults: quicker than another process."""
        self.control("POST", "reset")
        return self

    def external(self, **what: Any) -> Json:
        """Act as somebody else: `order={…}`, `cancel="17"` or `close="EUR_USD"`."""
        return self.control("POST", "external", what)
