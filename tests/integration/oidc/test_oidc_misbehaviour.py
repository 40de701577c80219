"""Providers that misbehave, and browsers that bring what is not theirs: each is refused, in one answer."""

from typing import Any

import pytest

from lts.domain.access import AccessRefused, BeginProviderLogin, Denial, FinishProviderLogin, LoggedIn
from lts.domain.secret import Secret
from lts.testing.house import HOME

pytestmark = pytest.mark.requirement("INT-021", "INT-022", "INT-024", "INT-4.1")

NO = AccessRefused(Denial.CREDENTIALS)
LATER = AccessRefused(Denial.UNAVAILABLE, 1.0)
BEGIN = BeginProviderLogin(HOME)


@pytest.mark.parametrize(
    "how",
    [
        {"claims": {"nonce": "another-nonce"}},
        {"claims": {"nonce": None}},
        {"claims": {"aud": "other"}},
        {"claims": {"aud": ["lts", "other"]}},
        {"claims": {"azp": "other"}},
        {"claims": {"iss": "https://other.example.com"}},
        {"claims": {"sub": None}},
        {"claims": {"groups": []}},
        {"claims": {"groups": None, "email": "ann@example.com", "email_verified": True}},
        {"ahead_s": -400},
        {"ahead_s": 120},
        {"header": {"alg": "none"}},
        {"header": {"alg": "HS256"}},
        {"header": {"kid": "nowhere"}},
        {"header": {"typ": "at+jwt"}},
        {"forged": True},
        {"keys": []},
        {"keys": [{"kty": "oct", "kid": "key-1", "k": "c2VjcmV0"}, None, "garbage"]},
        {"sent": {"iss": "https://other.example.com"}},
        {"sent": {"code": None, "error": "access_denied", "error_description": "<script>"}},
        {"sent": {"code": "made-up"}},
        {"sent": {"state": "made-up"}},
        {"described": {"authorization_response_iss_parameter_supported": True}},
    ],
    ids=str,
)
async def test_whom_nothing_vouches_for_is_refused_and_that_is_audited(
    hotel: Any, how: dict[str, Any]
) -> None:
    hotel.provider.tell(**how)
    assert await hotel.come() == NO
    assert not hotel.shelf.sessions
    assert "ann" not in hotel.shelf.logins
    assert [(each.what, each.count, each.address) for each in await hotel.refusals()] == [
        ("provider", 1, HOME)
    ]
    hotel.provider.tell(reset=True)
    hotel.watch.advance(3_600)
    hotel.provider.tell(ahead_s=3_600)
    assert isinstance(await hotel.come(), LoggedIn), "one failure ends it for all"


@pytest.mark.parametrize("fault", ["slow", 500, 503, 404, "garbage", "list", "huge", "redirect", "empty"])
@pytest.mark.parametrize("what", ["described", "keys", "token"])
async def test_a_provider_that_gives_no_answer_with_sense_is_asked_again_later(
    open_hotel: Any, what: str, fault: Any
) -> None:
    async with open_hotel(timeout_s=0.15) as hotel:
        hotel.provider.tell(faults={what: fault})
        if what == "described":
            assert await hotel.bench.ask(BEGIN) == LATER
        else:
            assert await hotel.come() == LATER
        assert not hotel.shelf.sessions
        assert await hotel.refusals() == [], "it is not the browser's fault"
        assert hotel.provider.asked("elsewhere") == 0, "it goes where it is led"
        hotel.provider.tell(faults={})
        hotel.watch.advance(5)
        hotel.provider.tell(ahead_s=5)
        assert isinstance(await hotel.come(), LoggedIn)


async def test_a_provider_that_is_down_is_left_alone_for_a_moment(open_hotel: Any) -> None:
    async with open_hotel(timeout_s=0.3) as hotel:
        hotel.provider.tell(faults={"described": 503})
        for _ in range(10):
            assert await hotel.bench.ask(BEGIN) == LATER
        assert hotel.provider.asked("described") <= 4


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "http://127.0.0.1:9"},
        {"token_endpoint": "http://login.example.com/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"code_challenge_methods_supported": ["plain"]},
        {"token_endpoint": 7},
    ],
    ids=str,
)
async def test_a_provider_that_is_not_the_one_that_was_meant_is_not_dealt_with(
    hotel: Any, described: dict[str, Any]
) -> None:
    hotel.provider.tell(described=described)
    assert await hotel.bench.ask(BEGIN) == LATER


# Browsers


async def test_a_code_is_good_once_and_a_login_comes_back_once(hotel: Any) -> None:
    begun = await hotel.begin()
    brought = hotel.provider.log_in(begun.url).params
    wanted = FinishProviderLogin(brought["state"], Secret(brought["code"]), begun.ticket, address=HOME)
    assert isinstance(await hotel.bench.ask(wanted), LoggedIn)
    asked = hotel.provider.asked("token")
    assert await hotel.bench.ask(wanted) == NO
    assert hotel.provider.asked("token") == asked, "the provider is bothered with it"
    assert await hotel.come_back(await hotel.begin(), code=wanted.code) == NO, "a code is good twice"


async def test_a_browser_comes_back_from_its_own_login_alone(hotel: Any) -> None:
    mine, theirs = await hotel.begin(), await hotel.begin()
    assert await hotel.come_back(theirs, ticket=mine.ticket) == NO
    assert await hotel.come_back(mine, ticket=Secret()) == NO
    stolen = hotel.provider.log_in((await hotel.begin()).url).params["code"]
    assert await hotel.come_back(await hotel.begin(), code=Secret(stolen)) == NO, (
        "PKCE lets another's code pass"
    )
    late = await hotel.begin()
    hotel.watch.advance(600)
    assert await hotel.come_back(late) == NO


async def test_nothing_of_the_inside_is_told_or_kept(hotel: Any, capsys: pytest.CaptureFixture[str]) -> None:
    begun = await hotel.begin()
    hotel.provider.tell(claims={"aud": "other"})
    brought = hotel.provider.log_in(begun.url).params
    wanted = FinishProviderLogin(brought["state"], Secret(brought["code"]), begun.ticket, address=HOME)
    assert await hotel.bench.ask(wanted) == NO
    said = repr(await hotel.bench.debug()) + repr(hotel.shelf.units) + "".join(capsys.readouterr())
    for secret in (brought["code"], begun.ticket.value, "client:secret/1"):
        assert secret not in said
