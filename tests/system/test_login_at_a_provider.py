"""A whole node whose users come from a provider: from the browser to the session, over HTTP."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.providers.oidc import SECRET
from tests.providers.process import ProviderProcess
from tests.systems import bitcoin

pytestmark = pytest.mark.requirement("INT-011", "INT-021", "INT-023", "INT-024", "INT-4.1")

LTS = (sys.executable, "-c", "from lts.cli import main; main()")
PATIENCE = 60.0
ACCESS = """
[api]
port = 0

[access]
plugin = "oidc"

[access.params]
issuer = "{issuer}"
client_id = "lts"
client_secret_file = "{secret}"
redirect_uri = "http://127.0.0.1:1/api/v1/auth/oidc/callback"
roles = [{{ claim = "groups", value = "traders", role = "trader" }}]
name_claim = "preferred_username"
passwords = ["root"]
"""


@contextmanager
def running(directory: Path) -> Iterator[httpx.Client]:
    """Run the node; yields a client of its API."""
    log, state = directory / "log", directory / "state" / "lts.log"
    words = (*LTS, "run", "--config", str(directory / "system.toml"), "--speed", "3600")
    with log.open("wb") as output, subprocess.Popen(words, stdout=output, stderr=output) as process:
        try:
            until = time.monotonic() + PATIENCE
            while "system started" not in log.read_text(encoding="utf-8"):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < until, log.read_text(encoding="utf-8")
                time.sleep(0.02)  # noqa: TID251 - another process's time
            served = [line for line in state.read_text(encoding="utf-8").splitlines() if "api served" in line]
            with httpx.Client(base_url=json.loads(served[-1])["url"], timeout=20, trust_env=False) as client:
                yield client
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0, log.read_text(encoding="utf-8")
        finally:
            process.kill()


def log_in(client: httpx.Client, provider: ProviderProcess) -> httpx.Response:
    """Log in as a browser does."""
    away = client.get("/api/v1/auth/oidc/start")
    assert away.status_code == 303, away.text
    back = provider.log_in(away.headers["location"])
    return client.get(f"/api/v1/auth/oidc/callback?{back.query.decode()}")


def me(client: httpx.Client, token: str) -> httpx.Response:
    return client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})


def test_a_browser_comes_in_by_the_provider(tmp_path: Path) -> None:
    secret = tmp_path / "client-secret"
    secret.write_text(SECRET, encoding="ascii")
    secret.chmod(0o600)
    with ProviderProcess(tmp_path) as provider:
        told = bitcoin() + ACCESS.format(issuer=provider.url, secret=secret)
        (tmp_path / "system.toml").write_text(told, encoding="utf-8")
        with running(tmp_path) as client:
            came = log_in(client, provider)
            assert came.status_code == 200, came.text
            tokens = came.json()
            assert (tokens["user"], tokens["role"]) == ("ann", "trader")
            assert me(client, tokens["access_token"]).json()["user"] == "ann"
            shown = {"refresh_token": tokens["refresh_token"]}
            assert client.post("/api/v1/auth/refresh", json=shown).status_code == 200
            provider.tell(claims={"nonce": "another"})
            refused = log_in(client, provider)
            assert (refused.status_code, refused.json()["type"]) == (401, "urn:lts:problem:unauthenticated")
            assert "nonce" not in refused.text
