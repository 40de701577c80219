"""Whatever comes in, what goes out is a problem that says what is wrong, and repeats nothing of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from actors.api.params import ApiLimits, ApiParams, Rate
from tests.api import Scene, scene

pytestmark = [
    pytest.mark.requirement("INT-012", "INT-026", "INT-027"),
    pytest.mark.asyncio(loop_scope="module"),
]

LOGIN = "/api/v1/auth/login"
JSON = {"Content-Type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[Scene]:
    """One API for all: what is refused changes nothing."""
    async with scene() as it:
        yield it


INJECTED = "' OR 1=1; DROP TABLE users; --"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b'{"user": "alice", "password": "ri', 400),
        (b"nonsense", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"alice"', 422),
        (b'{"user": 5, "password": true}', 422),
        (b'{"user": ["alice"], "password": {"a": 1}}', 422),
        (b'{"user": "alice", "password": "right", "admin": true}', 422),
        (b'{"user": "alice", "password": NaN}', 400),
        (b'{"user": "alice", "password": Infinity}', 400),
        (b'{"user": "alice", "password": 1e999}', 400),
        (b'{"user": "alice", "password": ' + b"9" * 5_000 + b"}", 400),
        (b'{"user": "alice\\u0000", "password": "x"}', 422),
        (b'{"user": "alice", "password": "\\u0007"}', 422),
        (b'{"user": "alice", "password": "\x07"}', 400),
        (b'{"user": "alice", "password": "\\ud800"}', 400),
        (b'{"user": "alice", "password": "\xff\xfe"}', 400),
        (b"[" * 100_000, 400),
        (b"[" + b"1," * 20_000 + b"1]", 400),
        (b"[" + b"[1,1],[[]]," * 4_000 + b"1]", 400),
        (b'{"user": "' + b"a" * 500_000 + b'", "password": "x"}', 422),
        (f'{{"user": "{INJECTED}", "password": "x"}}'.encode(), 422),
        (b'{"user": "{{7*7}}", "password": "x"}', 422),
        (b'{"user": "../../etc/passwd", "password": "x"}', 422),
        (b'{"user": "alice", "password": "x"}' + b" " * 2_000_000, 413),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else str(value),
)
async def test_a_body_that_cannot_be_taken_is_a_problem(api: Scene, body: bytes, status: int) -> None:
    answer = await api.client.post(LOGIN, content=body, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert INJECTED not in answer.text
    assert "alice" not in answer.text


async def test_ten_megabytes_are_refused_before_they_are_sent(api: Scene) -> None:
    answer = await api.client.post(LOGIN, content=b"x" * 10_000_000, headers=JSON)
    assert answer.status_code == 413


async def test_a_large_body_whose_length_is_not_told_is_refused_as_it_comes(api: Scene) -> None:
    async def parts() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    answer = await api.client.post(LOGIN, content=parts(), headers=JSON)
    assert answer.status_code == 413


async def test_a_read_by_nobody_has_no_body_taken_in_either(api: Scene) -> None:
    async def parts() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    signed = {"Signature-Input": "sig=()", "Signature": "sig=:AAAA:"}
    for content in (parts(), b" " * 2_000_000):
        answer = await api.client.request("GET", "/api/v1/me", content=content, headers=signed)
        assert answer.status_code == 413


async def test_what_is_wrong_thousands_of_times_is_told_fifty_times(api: Scene) -> None:
    many = {f"f{number}": 1 for number in range(5_000)}
    answer = await api.client.post(LOGIN, json=many)
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 50)
    query = "&".join(f"{number:x}" for number in range(2_000))
    answer = await api.client.get(f"/api/v1/health/live?{query}")
    assert (answer.status_code, len(answer.json()["errors"])) == (422, 50)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/problem+json"},
    ],
)
async def test_other_forms_are_not_taken(api: Scene, headers: dict[str, str]) -> None:
    answer = await api.client.post(LOGIN, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:lts:problem:media-type")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/portfolios/..%2F..%2Fetc%2Fpasswd", 422),
        ("/portfolios/%2e%2e%2f%2e%2e", 422),
        ("/portfolios/main%00", 422),
        ("/portfolios/main%0d%0aX-Evil:%201", 422),
        ("/portfolios/%ff%fe", 422),
        ("/portfolios/" + "a" * 5_000, 422),
        ("/portfolios/%27%20OR%201=1", 422),
        ("/portfolios/unknown", 404),
        ("/portfolios/main/../other", 404),
        ("/portfolios?limit=0", 422),
        ("/portfolios?limit=501", 422),
        ("/portfolios?limit=1e3", 422),
        ("/portfolios?limit=99999999999999999999999999", 422),
        ("/portfolios?limit=NaN", 422),
        ("/portfolios?limit=5&limit=6", 422),
        ("/portfolios?debug=1", 422),
        ("/portfolios?cursor=AAAA", 422),
        ("/portfolios?cursor=%00", 422),
        ("/instruments/SP500/bars?count=100000", 422),
        ("/statistics?series=other/x", 422),
        ("/statistics?series=portfolio/unknown/equity", 404),
        ("/statistics?series=portfolio/main/equity&since=yesterday", 422),
        ("/statistics?series=portfolio/main/equity&since=9999-99-99T00:00:00Z", 422),
        ("/statistics?series=portfolio/main/equity&since=0001-01-01T00:00:00%2B14:00", 422),
        ("/statistics?series=portfolio/main/equity&until=0001-01-01T00:00:00Z", 422),
        ("/statistics?series=portfolio/main/equity&until=9999-12-31T23:59:59Z", 422),
        ("/fills?since=0001-01-01T00:00:00Z", 422),
        ("/fills?until=2262-04-12T00:00:00Z", 422),
        ("/fills?until=2021-02-29T00:00:00Z", 422),
        ("/portfolios?cursor=" + "A" * 30, 404),
        ("/charges?kind=everything", 422),
        ("/trading-states/galaxy", 422),
    ],
)
async def test_a_path_or_query_that_cannot_be_taken_is_a_problem(api: Scene, path: str, status: int) -> None:
    answer = await api.get(path, "alice")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    if status == 422 or "cursor" in path:
        assert answer.json()["errors"]
        assert all(set(each) == {"in", "pointer", "reason"} for each in answer.json()["errors"])


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Basic YTpi", "Bearer \u00e9", "Bearer a b", "Bearer " + "x" * 9_000]
)
async def test_what_is_no_token_is_refused_without_asking_anybody(api: Scene, token: str) -> None:
    asked = api.registry.asked
    answer = await api.client.get("/api/v1/me", headers={b"Authorization": token.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert api.registry.asked == asked


@pytest.mark.parametrize(
    "words",
    [
        b"nonsense\r\n\r\n",
        b"GET /api/v1/me\r\n\r\n",
        b"GET /api/v1/me HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nX: \x00\r\n\r\n",
        b"GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_http_is_answered_with_a_problem(api: Scene, words: bytes) -> None:
    host, port = api.api.service.url.removeprefix("http://").split(":")
    head, _, body = (await said(host, int(port), words)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert b"x-content-type-options: nosniff" in head
    assert b"server:" not in head.lower()
    assert json.loads(body)["type"] == "urn:lts:problem:malformed"


async def test_slow_callers_are_not_waited_for() -> None:
    limits = ApiLimits(body_s=0.2, head_s=0.2, address=Rate(1_000))
    async with scene(ApiParams(limits=limits)) as api:
        host, port = api.api.service.url.removeprefix("http://").split(":")
        head = f"POST {LOGIN} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        slow_body = await said(host, int(port), f"{head}Content-Length: 100\r\n\r\n{{".encode())
        assert slow_body.startswith(b"HTTP/1.1 408")
        assert b"urn:lts:problem:too-slow" in slow_body
        assert await said(host, int(port), head.encode()) == b""
        assert await said(host, int(port), b"") == b""


async def test_connections_that_say_nothing_keep_nobody_out() -> None:
    limits = ApiLimits(connections=5, address=Rate(1_000))
    async with scene(ApiParams(limits=limits)) as api:
        host, port = api.api.service.url.removeprefix("http://").split(":")
        assert (await api.get("/health/live")).status_code == 200
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(20)]
        assert (await api.get("/health/live")).status_code == 200
        assert await silent[0][0].read() == b""
        for _, writer in silent:
            writer.close()


async def said(host: str, port: int, words: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(words)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer
