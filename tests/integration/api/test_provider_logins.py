"""Logins at a provider of identities over HTTP: where a browser is led, and what it keeps and gets."""

from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from actors.api.actor import Api
from actors.api.params import ApiParams
from bus import Bus, LiveDriver
from lts.domain.access import AccessRefused, Denial, ProviderLoginBegun
from lts.domain.secret import Secret
from tests.api import PARAMS, PREMISES, WIDE, Scene, scene

pytestmark = pytest.mark.requirement("INT-011", "INT-021", "INT-024")

START, CALLBACK = "/api/v1/auth/oidc/start", "/api/v1/auth/oidc/callback"
BACK = {"state": "state-of-alice", "code": "a-code", "iss": "https://login.example.com"}


def cookie(answer: httpx.Response) -> Any:
    """What a browser is told to keep."""
    return SimpleCookie(answer.headers["set-cookie"])["lts-login"]


def registry(api: Scene) -> Any:
    return api.bus.cells["registry"].actor


async def test_a_browser_is_led_to_the_provider_and_keeps_a_ticket_for_the_way_back(api: Scene) -> None:
    answer = await api.inner.get(START)
    assert answer.status_code == 303
    assert answer.headers["location"] == "http://127.0.0.1:9/authorize?state=state-of-alice"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    kept = cookie(answer)
    assert (kept.value, kept["path"], kept["max-age"]) == ("the-ticket", "/api/v1/auth/oidc", "600")
    assert (kept["httponly"], kept["samesite"], kept["secure"]) == (True, "lax", "")


async def test_a_browser_that_comes_back_is_logged_in_and_its_ticket_is_gone(api: Scene) -> None:
    headers = {"Cookie": "lts-login=the-ticket; other=x", "User-Agent": "a browser"}
    answer = await api.inner.get(CALLBACK, params=BACK, headers=headers)
    assert answer.status_code == 200
    assert (answer.json()["user"], answer.json()["access_token"]) == ("alice", "token-of-alice")
    assert (cookie(answer).value, cookie(answer)["max-age"]) == ("", "0")
    [wanted] = registry(api).finished
    assert (wanted.state, wanted.code.value, wanted.ticket.value) == (
        "state-of-alice",
        "a-code",
        "the-ticket",
    )
    assert (wanted.issuer, wanted.address, wanted.agent) == (BACK["iss"], "127.0.0.1", "a browser")


async def test_what_a_provider_adds_is_passed_over_and_what_it_says_twice_is_not(api: Scene) -> None:
    more = BACK | {"session_state": "x", "scope": "openid", "prompt": "none", "error_description": "<script>"}
    assert (await api.inner.get(CALLBACK, params=more)).status_code == 200
    assert (await api.inner.get(f"{CALLBACK}?state=state-of-alice&state=b")).status_code == 422
    assert (await api.inner.get(f"{START}?next=https://evil.example.com")).status_code == 422


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"state": "made-up", "code": "a-code"}, 401),
        (
            {"state": "made-up", "error": "access_denied", "error_description": "<script>"},
            401,
        ),
        ({"code": "a-code"}, 422),
        ({"state": "x" * 2_049, "code": "a-code"}, 422),
        ({"state": "state-of-alice", "code": "a\x00b"}, 422),
        ({}, 422),
    ],
)
async def test_a_browser_that_brings_something_else_gets_a_problem(
    api: Scene, query: dict[str, str], status: int
) -> None:
    answer = await api.inner.get(CALLBACK, params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert "script" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("refused", "status"),
    [(AccessRefused(Denial.UNAVAILABLE, 1.0), 503), (AccessRefused(Denial.TOO_MANY, 30.0), 429)],
)
async def test_a_provider_that_gives_no_answer_and_an_address_that_tries_too_often_are_told_apart(
    api: Scene, refused: AccessRefused, status: int
) -> None:
    registry(api).begun = refused
    answer = await api.inner.get(START)
    assert (answer.status_code, "retry-after" in answer.headers) == (status, True)
    assert "set-cookie" not in answer.headers


async def test_behind_tls_a_ticket_never_goes_over_plain_http() -> None:
    async with scene(ApiParams(limits=WIDE, proxies=("127.0.0.1/32",), hosts=("127.0.0.1",))) as api:
        answer = await api.inner.get(START, headers={"X-Forwarded-Proto": "https"})
        assert cookie(answer)["secure"]


async def test_a_ticket_is_shown_to_nobody(api: Scene) -> None:
    registry(api).begun = ProviderLoginBegun("https://login.example.com/", Secret("another-ticket"))
    answer = await api.inner.get(START)
    assert "another-ticket" not in answer.text
    assert "another-ticket" not in answer.headers["location"]


async def test_there_is_no_such_login_where_there_is_no_provider() -> None:
    bus = Bus(LiveDriver(), hopeless=())
    api: Any = bus.spawn(Api, PARAMS, name="api", assignment=PREMISES).actor
    await bus.started()
    try:
        async with httpx.AsyncClient(base_url=api.service.url) as client:
            for path in (START, f"{CALLBACK}?state=a&code=b"):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["type"]) == (404, "urn:lts:problem:not-found")
    finally:
        await bus.stop()
