"""Logins at a provider that speaks the truth: who comes in, as whom, and in what role."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from lts.domain.access import (
    AccessRefused,
    BeginProviderLogin,
    Denial,
    EndCredential,
    Identity,
    LoggedIn,
    RefreshLogin,
)
from lts.domain.permissions import ROLES, Role
from lts.domain.secret import Secret
from lts.domain.users import ChangeUser, ListUsers, UserChanged
from lts.testing import Shelf
from lts.testing.house import ELSEWHERE, HOME, WRONG
from tests.providers.process import ProviderProcess

pytestmark = pytest.mark.requirement("INT-021", "INT-022", "INT-023", "INT-4.1")

NO = AccessRefused(Denial.CREDENTIALS)
SUBJECT = "248289761001"


async def test_who_comes_for_the_first_time_is_made_and_is_the_same_the_next_time(hotel: Any) -> None:
    came = await hotel.come()
    assert isinstance(came, LoggedIn)
    assert (came.identity.user, came.identity.role) == ("ann", Role.TRADER)
    assert came.identity.permissions == ROLES[Role.TRADER]
    assert await hotel.who(came.access_token) == came.identity
    [login] = [each for name, each in hotel.shelf.logins.items() if name == "ann"]
    assert (login.issuer, login.subject, login.revision) == (hotel.provider.url, SUBJECT, 1)
    hotel.provider.tell(claims={"preferred_username": "anna"})
    await hotel.bench.restart()
    again = await hotel.come()
    assert again.identity.user == "ann", "a name makes somebody else of them"
    assert len(hotel.shelf.sessions) == 2


async def test_a_session_from_the_provider_is_one_like_any_other(hotel: Any) -> None:
    came = await hotel.come()
    second = await hotel.bench.ask(RefreshLogin(came.refresh_token, HOME))
    assert isinstance(second, LoggedIn)
    assert await hotel.bench.ask(RefreshLogin(came.refresh_token, HOME)) == NO, "a token is good twice"
    came = await hotel.come()
    key = await hotel.make_key("ann")
    assert isinstance(await hotel.who(key.secret), Identity)
    await hotel.bench.ask(EndCredential(came.identity.credential, "ann", "ann"))
    assert await hotel.who(came.access_token) == NO
    assert isinstance(await hotel.bench.ask(ChangeUser("ann", "root", active=False)), UserChanged)
    assert await hotel.who(key.secret) == NO
    assert await hotel.come() == NO, "who is out of service comes in again"
    assert await hotel.try_to_log_in("ann", WRONG) == NO


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
async def test_keys_are_rotated_and_found_without_waiting(hotel: Any, algorithm: str) -> None:
    assert isinstance(await hotel.come(), LoggedIn)
    hotel.provider.tell(rotate=algorithm)
    assert await hotel.come() == NO, "keys are looked for all the time"
    hotel.watch.advance(30)
    asked = hotel.provider.asked("keys")
    assert isinstance(await hotel.come(), LoggedIn)
    assert hotel.provider.asked("keys") == asked + 1


async def test_tokens_by_unknown_keys_do_not_make_the_node_ask_for_keys_without_end(hotel: Any) -> None:
    await hotel.come()
    hotel.provider.tell(header={"kid": "nowhere"})
    for _ in range(5):
        assert await hotel.come() == NO
    assert hotel.provider.asked("keys") == 1
    assert hotel.provider.asked("described") == 1


async def test_the_role_follows_the_provider_and_a_change_ends_what_was(open_hotel: Any) -> None:
    roles = [
        {"claim": "groups", "value": "desk-heads", "role": "admin"},
        {"claim": "groups", "value": "traders", "role": "trader"},
    ]
    async with open_hotel(roles=roles) as hotel:
        before = await hotel.come()
        key = await hotel.make_key("ann")
        hotel.provider.tell(claims={"groups": ["traders", "desk-heads"]})
        after = await hotel.come()
        assert after.identity.role is Role.ADMIN
        for token in (before.access_token, key.secret):
            assert await hotel.who(token) == NO, "what was given to a trader goes on"
        hotel.provider.tell(claims={"groups": ["traders"]})
        assert await hotel.come() == NO, "nobody can administer the node any more"
        hotel.provider.tell(claims={"groups": ["guests"]})
        assert await hotel.come() == NO
        refused = await hotel.refusals()
        told = [(each.count, each.user) for each in refused if each.what == "provider"]
        assert told == [(2, "ann")]
        assert isinstance(await hotel.who(after.access_token), Identity)


async def test_nobody_is_taken_for_somebody_who_has_their_name(open_hotel: Any) -> None:
    async with open_hotel() as hotel:
        await hotel.add("root", Role.ADMIN)
        for name in ("root", "owner"):
            hotel.provider.tell(claims={"preferred_username": name, "sub": f"of-{name}"})
            assert await hotel.come() == NO, f"{name} is whoever says so"
        strange: tuple[Any, ...] = ("", "<script>", "x" * 65, 7, None, ["ann"])
        for name in strange:
            hotel.provider.tell(claims={"preferred_username": name})
            assert await hotel.come() == NO
        assert {each.name for each in (await hotel.bench.ask(ListUsers())).users} == {"root", "owner"}


async def test_users_of_the_file_are_bound_by_their_subject_and_by_nothing_else(open_hotel: Any) -> None:
    params = {"name_claim": None, "users": {SUBJECT: "owner", "other": "newcomer"}}
    async with open_hotel(**params) as hotel:
        hotel.provider.tell(claims={"sub": "stranger", "preferred_username": "owner"})
        assert await hotel.come() == NO
        hotel.provider.tell(claims={"sub": SUBJECT, "preferred_username": "whoever"})
        assert (await hotel.come()).identity.user == "owner"
        hotel.provider.tell(claims={"sub": "other"})
        assert (await hotel.come()).identity.user == "newcomer"
        shelf = hotel.shelf
    moved = {"users": {"second": "owner"}, "name_claim": None}
    async with open_hotel(shelf, **moved) as hotel:
        hotel.provider.tell(claims={"sub": "second"})
        assert await hotel.come() == NO, "one user is two people"
        hotel.provider.tell(claims={"sub": SUBJECT})
        assert (await hotel.come()).identity.user == "owner", "who is bound has to be named again"


async def test_another_provider_has_other_subjects(open_hotel: Any) -> None:
    shelf = Shelf()
    async with open_hotel(shelf) as hotel:
        await hotel.come()
        [login] = shelf.logins.values()
    shelf.logins["ann"] = replace(login, issuer="https://other.example.com")
    async with open_hotel(shelf) as hotel:
        assert await hotel.come() == NO, "a subject of one provider counts at another"
    async with open_hotel(shelf, users={SUBJECT: "ann"}) as hotel:
        assert (await hotel.come()).identity.user == "ann"


async def test_a_node_without_a_secret_is_let_in_by_pkce_alone(open_hotel: Any) -> None:
    async with open_hotel(client_secret_file=None) as hotel:
        assert (await hotel.come()) == AccessRefused(Denial.UNAVAILABLE, 1.0), "it is refused as a client"
        hotel.provider.tell(public=True)
        assert isinstance(await hotel.come(), LoggedIn)


async def test_a_secret_can_be_sent_in_the_form(hotel: Any) -> None:
    hotel.provider.tell(described={"token_endpoint_auth_methods_supported": ["client_secret_post"]})
    assert isinstance(await hotel.come(), LoggedIn)


async def test_the_invitation_says_what_it_has_to_and_no_more(hotel: Any) -> None:
    begun = await hotel.begin()
    asked = dict(httpx.URL(begun.url).params)
    assert asked.keys() == {
        "tenant", "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
        "code_challenge_method",
    }  # fmt: skip
    assert asked["code_challenge_method"] == "S256"
    assert begun.ticket.value not in begun.url
    assert begun.ticket.value not in repr(begun)


async def test_a_node_starts_and_knows_its_users_while_the_provider_is_down(open_hotel: Any) -> None:
    async with open_hotel(issuer="http://127.0.0.1:9", timeout_s=0.2) as hotel:
        await hotel.add("root", Role.ADMIN)
        came = await hotel.log_in("root")
        assert isinstance(await hotel.who(came.access_token), Identity)
        assert await hotel.bench.ask(BeginProviderLogin(HOME)) == AccessRefused(Denial.UNAVAILABLE, 1.0)


async def test_what_cannot_be_stored_does_not_begin(hotel: Any) -> None:
    begun = await hotel.begin()
    hotel.shelf.trouble = "the disk is full"
    assert await hotel.come_back(begun) == AccessRefused(Denial.UNAVAILABLE, 1.0)
    assert "ann" not in hotel.shelf.logins
    hotel.shelf.trouble = ""
    assert isinstance(await hotel.come(), LoggedIn)


async def test_an_address_that_fails_too_often_is_held_off(hotel: Any) -> None:
    for _ in range(20):
        begun = await hotel.begin()
        await hotel.come_back(begun, ticket=Secret("stolen"), address=ELSEWHERE)
    begun = await hotel.begin()
    held_off = await hotel.come_back(begun, address=ELSEWHERE)
    assert held_off.denial is Denial.TOO_MANY
    answer = await hotel.bench.ask(BeginProviderLogin(ELSEWHERE))
    assert isinstance(answer, AccessRefused)
    assert isinstance(await hotel.come_back(begun), LoggedIn), "somebody else's failures cost others"


def test_the_provider_is_nobody_of_ours(provider: ProviderProcess) -> None:
    files = Path(__file__).parents[2].joinpath("providers").glob("*.py")
    said = "".join(file.read_text(encoding="utf-8") for file in files)
    assert provider.url
    assert not any(f"{word} {name}" in said for word in ("from", "import") for name in ("lts", "joserfc"))
