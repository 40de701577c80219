"""The whole way of a new user: through a real node, over HTTP alone, by what its description says."""

import json
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Self
from urllib.parse import quote

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bus import SECOND, SystemClock
from lts.web.times import to_rfc3339
from tests.systems import bitcoin

pytestmark = [
    pytest.mark.requirement("INT-011", "INT-012", "INT-013", "INT-019", "INT-021", "INT-024"),
    pytest.mark.timeout(300),  # a node is started twice, on a machine that may be busy
]

LTS = (sys.executable, "-c", "from lts.cli import main; main()")
SYSTEM = f"""\
{bitcoin()}
[risk]
max_order_quantity = "2"

[api]
port = 0
"""
ORDER = {
    "instrument": "BTC/USD",
    "side": "buy",
    "quantity": "0.5",
    "type": "limit",
    "limit_price": "100.00",
}
CLOCK = SystemClock()


class Node:
    """A node as a process of its own, which is started again and again on one directory."""

    def __init__(self, directory: Path, command: Callable[..., Any]) -> None:
        self.directory = directory
        self.command = command
        self.file = directory / "system.toml"
        self.file.write_text(SYSTEM, encoding="utf-8")
        self.state = directory / "state"
        self.starts = 0

    @contextmanager
    def running(self) -> Iterator[tuple[str, Path]]:
        """Run it; yields where its API is, and its log."""
        self.starts += 1
        log = self.directory / f"log-{self.starts}"
        words = (*LTS, "run", "--config", str(self.file), "--state-dir", str(self.state), "--speed", "3600")
        with log.open("wb") as errors, subprocess.Popen(words, stdout=errors, stderr=errors) as process:
            try:
                _wait(lambda: process.poll() is not None or "system started" in log.read_text())
                assert process.poll() is None, log.read_text()
                yield self._url(), log
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=60) == 0, log.read_text()
            finally:
                process.kill()

    def lts(self, *words: str) -> Any:
        """What a command answers."""
        done = self.command(*words, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    def _url(self) -> str:
        lines = (self.state / "lts.log").read_text(encoding="utf-8").splitlines()
        served = [json.loads(line) for line in lines if "api served" in line]
        return str(served[-1]["url"])


class Client:
    """Somebody who has the description of the API, and nothing else."""

    def __init__(self, url: str, token: str = "") -> None:
        self.http = httpx.Client(base_url=url, timeout=60)
        self.token = token
        self.described = self.http.get("/api/v1/openapi.json").json()
        self.operations = {
            operation["operationId"]: (method.upper(), path)
            for path, methods in self.described["paths"].items()
            for method, operation in methods.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def do(self, operation: str, body: Any = None, *, key: str = "", tag: str = "", **named: str) -> Any:
        """Do what the description calls an operation; what its path does not name goes into the query."""
        method, path = self.operations[operation]
        inside = {name for name in named if f"{{{name}}}" in path}
        path = path.format(**{name: quote(named[name], safe="") for name in inside})
        query = {name: value for name, value in named.items() if name not in inside}
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= {"Idempotency-Key": key} if key else {}
        headers |= {"If-Match": tag} if tag else {}
        return self.http.request(method, path, params=query, json=body, headers=headers)

    def log_in(self, user: str, password: str) -> Any:
        """Log in."""
        answer = self.do("logIn", {"user": user, "password": password})
        self.token = answer.json().get("access_token", "")
        return answer


def _wait(done: Callable[[], Any], within: float = 60.0) -> Any:
    until = CLOCK.monotonic() + round(within * 1e9)
    while not (found := done()):
        assert CLOCK.monotonic() < until, "it takes too long"
        time.sleep(0.05)  # noqa: TID251 - the node's time, not ours
    return found


def test_a_new_user_trades_with_nothing_but_the_description(lts: Callable[..., Any], tmp_path: Path) -> None:
    node = Node(tmp_path, lts)
    with node.running() as (url, log):
        _wait(lambda: "nobody can log in to the API yet" in log.read_text())
        here = ("--state-dir", str(node.state))
        password = node.lts("user", "add", "carol", "--generate", *here)["password"]
        node.lts("user", "add", "eve", "--generate", *here)
        with comes_in(url, password) as client:
            opens_a_portfolio(client)
            adds_an_asset_and_sees_it_trade(client)
            order = submits_an_order_once(client)
            request = has_a_machine_sign_an_order(client)
    with node.running() as (url, log):
        assert "nobody can log in" not in log.read_text()
        with Client(url, client.token) as client:
            finds_all_as_it_was(client, order)
            assert is_replayed(client, request)
            is_halted_denied_and_reset(client)
            assert client.do("logOut").status_code == 204
            assert client.do("readMe").status_code == 401


def comes_in(url: str, password: str) -> Client:
    client = Client(url)
    page = client.http.get("/api/v1/docs")
    assert (page.status_code, "openPortfolio" in page.text) == (200, True)
    assert client.do("readMe").status_code == 401
    assert client.log_in("carol", "not the password").status_code == 401
    assert client.log_in("carol", password).status_code == 200
    assert client.do("readMe").json()["user"] == "carol"
    return client


def opens_a_portfolio(client: Client) -> None:
    wanted = client.described["paths"]["/api/v1/portfolios"]["post"]["requestBody"]
    wanted = wanted["content"]["application/json"]["example"]
    opened = client.do("openPortfolio", wanted, key="first")
    assert opened.status_code == 201, opened.text
    assert (opened.json()["owner"], opened.headers["etag"]) == ("carol", '"1"')
    again = client.do("openPortfolio", wanted, key="first")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
    assert again.json() == opened.json()
    other = client.do("openPortfolio", wanted | {"cash": "1"}, key="first")
    assert (other.status_code, other.json()["type"]) == (422, "urn:lts:problem:key-reused")
    taken = client.do("openPortfolio", wanted, key="second")
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:lts:problem:conflict")
    shown = client.http.get(opened.headers["location"], headers={"Authorization": f"Bearer {client.token}"})
    assert shown.json()["cash"] == "10000"


def adds_an_asset_and_sees_it_trade(client: Client) -> None:
    strategies = [each["name"] for each in client.do("listStrategies").json()["items"]]
    brokers = [each["actor"] for each in client.do("listPlugins").json()["items"]]
    assert "sma_cross" in strategies
    assert "broker/paper" in brokers
    wanted = {"instrument": "BTC/USD", "broker": "paper", "strategy": "sma_cross"}
    wrong = client.do("addAsset", wanted | {"params": {"fast": 5, "slow": 0}}, portfolio="my first")
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/params/slow")
    added = client.do("addAsset", wanted | {"params": {"fast": 2, "slow": 5}}, portfolio="my first")
    assert (added.status_code, added.headers["etag"]) == (201, '"2"'), added.text
    fills = _wait(lambda: client.do("listFills", portfolio="my first").json()["items"])
    assert fills[0]["instrument"] == "BTC/USD"
    positions = client.do("readPortfolio", portfolio="my first").json()["positions"]
    assert positions[0]["instrument"] == "BTC/USD"
    stale = client.do("changeSettings", {"params": {"quantity": "0.2"}}, portfolio="my first", tag='"1"')
    assert stale.status_code == 412
    unsaid = client.do("changeSettings", {"params": {"quantity": "0.2"}}, portfolio="my first")
    assert unsaid.status_code == 428
    changed = client.do("changeSettings", {"params": {"quantity": "0.2"}}, portfolio="my first", tag='"2"')
    assert (changed.status_code, changed.json()["params"]) == (200, {"quantity": "0.2"}), changed.text
    for operation, active in (("deactivateAsset", False), ("activateAsset", True)):
        answer = client.do(operation, portfolio="my first", asset="BTC/USD")
        assert (answer.status_code, answer.json()["active"]) == (200, active)
    fixed = client.do("deactivatePortfolio", portfolio="house")
    assert fixed.status_code == 409
    assert "described in the node's file" in fixed.json()["detail"]


def submits_an_order_once(client: Client) -> Any:
    def submitted() -> Any:
        answer = client.do("submitOrder", ORDER, key="an-order", portfolio="my first")
        return answer if answer.status_code != 503 else None  # it is only being born again; nothing was done

    taken = _wait(submitted)
    assert taken.status_code == 201, taken.text
    again = client.do("submitOrder", ORDER, key="an-order", portfolio="my first")
    assert (again.status_code, again.json()["id"]) == (201, taken.json()["id"])
    assert (again.headers["idempotent-replayed"], again.headers["location"]) == (
        "true",
        taken.headers["location"],
    )
    other = client.do("submitOrder", ORDER | {"side": "sell"}, key="an-order", portfolio="my first")
    assert (other.status_code, other.json()["type"]) == (422, "urn:lts:problem:key-reused")
    order = taken.json()["id"]
    _wait(lambda: client.do("readOrder", order=order).json()["status"] == "accepted")
    revised = client.do("reviseOrder", {"limit_price": "101.00"}, order=order)
    assert revised.status_code == 202, revised.text
    _wait(lambda: client.do("readOrder", order=order).json()["terms"]["limit_price"] == "101")
    assert client.do("submitOrder", ORDER, key="other", portfolio="none such").status_code == 404
    return order


def has_a_machine_sign_an_order(client: Client) -> httpx.Request:
    """Make an API key, and submit an order by it; return the request, which is good for once."""
    secret = Ed25519PrivateKey.generate()
    wanted = {
        "label": "robot",
        "scopes": ["orders:write"],
        "expires_at": to_rfc3339(CLOCK.now() + 3_600 * SECOND),
        "public_key": b64encode(secret.public_key().public_bytes_raw()).decode(),
    }
    made = client.do("makeApiKey", wanted).json()
    machine = Client(str(client.http.base_url), made["secret"])
    unsigned = machine.do("submitOrder", ORDER, key="by-machine", portfolio="my first")
    assert (unsigned.status_code, unsigned.json()["type"]) == (401, "urn:lts:problem:signature-needed")
    request = signed(client.http, secret, made["key"]["id"], ORDER)
    machine.http.close()
    taken = client.http.send(request)
    assert taken.status_code == 201, taken.text
    assert is_replayed(client, request)
    altered = signed(client.http, secret, made["key"]["id"], ORDER)
    altered.headers["Idempotency-Key"] = "another"
    refused = client.http.send(altered)
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:lts:problem:bad-signature")
    return request


def signed(http: httpx.Client, secret: Ed25519PrivateKey, key: str, body: Any) -> httpx.Request:
    """An order that is signed as RFC 9421 has it."""
    content = json.dumps(body).encode()
    headers = {
        "Idempotency-Key": "by-machine",
        "Content-Type": "application/json",
        "Content-Digest": f"sha-256=:{b64encode(sha256(content).digest()).decode()}:",
    }
    path = "/api/v1/portfolios/my%20first/orders"
    request = http.build_request("POST", path, content=content, headers=headers)
    values = {"@method": "POST", "@authority": request.headers["host"], "@path": path, "@query": "?"}
    values |= {name.lower(): value for name, value in headers.items()}
    covered = " ".join(f'"{name}"' for name in values)
    told = f'({covered});created={CLOCK.now() // SECOND};keyid="{key}";nonce="{token_hex(12)}"'
    lines = [f'"{name}": {value}' for name, value in values.items()]
    base = "\n".join([*lines, f'"@signature-params": {told}']).encode()
    request.headers["Signature-Input"] = f"sig={told}"
    request.headers["Signature"] = f"sig=:{b64encode(secret.sign(base)).decode()}:"
    return request


def is_replayed(client: Client, request: httpx.Request) -> bool:
    """Whether a request that was signed before is refused as such; its host stays as it was signed."""
    url = client.http.base_url.copy_with(raw_path=request.url.raw_path)
    again = client.http.send(httpx.Request("POST", url, headers=request.headers, content=request.content))
    return (again.status_code, again.json()["type"]) == (401, "urn:lts:problem:replayed")


def finds_all_as_it_was(client: Client, order: str) -> None:
    settings = client.do("readSettings", portfolio="my first")
    assert (settings.status_code, settings.json()["params"]) == (200, {"quantity": "0.2"}), settings.text
    again = client.do("submitOrder", ORDER, key="an-order", portfolio="my first")
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (order, "true")
    taken_back = client.do("retractOrder", order=order)
    assert (taken_back.status_code, taken_back.json()) == (202, {"orders": 1})
    _wait(lambda: client.do("readOrder", order=order).json()["status"] == "canceled")
    closed = client.do("retractOrder", order=order)
    assert (closed.status_code, closed.json()["type"]) == (409, "urn:lts:problem:conflict")


def is_halted_denied_and_reset(client: Client) -> None:
    large = client.do("submitOrder", ORDER | {"quantity": "3"}, key="too-much", portfolio="my first")
    assert (large.status_code, large.json()["type"]) == (422, "urn:lts:problem:denied")
    scope = "portfolio:my first"
    halted = client.do("setTradingState", {"state": "halted", "reason": "a test"}, scope=scope)
    assert halted.status_code == 200, halted.text
    denied = client.do("submitOrder", ORDER, key="while-halted", portfolio="my first")
    assert denied.status_code == 422
    kept = client.http.get(denied.headers["location"], headers={"Authorization": f"Bearer {client.token}"})
    assert (kept.json()["status"], kept.json()["reason"]) == ("denied", denied.json()["detail"])
    assert "halted" in kept.json()["reason"]
    reset = client.do("setTradingState", {"state": "active", "reason": "it is over"}, scope=scope)
    assert reset.status_code == 200, reset.text
    market = {"instrument": "BTC/USD", "side": "buy", "quantity": "0.01"}
    taken = client.do("submitOrder", market, key="after-that", portfolio="my first")
    assert taken.status_code == 201, taken.text
    order = taken.json()["id"]
    _wait(lambda: client.do("readOrder", order=order).json()["status"] == "filled")
    (fill,) = client.do("listFills", order=order).json()["items"]
    assert fill["quantity"] == "0.01"
