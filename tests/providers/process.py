"""The provider as a test holds it: a process that is started, told how to behave, and ended."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0
"""Seconds that a start may take on a busy machine."""


class ProviderProcess:
    """One provider of identities, on a port of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = ""
        self.http = httpx.Client(trust_env=False, timeout=PATIENCE)

    def __enter__(self) -> Self:
        told, log = self.directory / "provider.port", self.directory / "provider.log"
        words = [sys.executable, "-m", "tests.providers.oidc", "--port-file", str(told)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                words, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        until = time.monotonic() + PATIENCE
        while not told.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                raise RuntimeError(f"the provider did not start:\n{log.read_text(encoding='utf-8')}")
            time.sleep(0.01)  # noqa: TID251 - another process's time
        self.url = f"http://127.0.0.1:{told.read_text(encoding='ascii')}"
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.process.kill()
        self.process.wait(PATIENCE)

    def tell(self, **how: Any) -> dict[str, Any]:
        """Tell it how to behave; returns how often what of it was asked for, and the id of its key."""
        answer: dict[str, Any] = self.http.post(f"{self.url}/control", json=how).json()
        return answer

    def asked(self, what: str) -> int:
        """Return how often something was asked for since it was reset."""
        return int(self.tell()["asked"].get(what, 0))

    def log_in(self, url: str) -> httpx.URL:
        """Log in as a browser is led to, and return where it is led back."""
        answer = self.http.get(url)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise ValueError(f"{answer.status_code}: {answer.text}")
        return httpx.URL(answer.headers["location"])
