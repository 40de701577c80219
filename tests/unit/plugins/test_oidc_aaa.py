"""aaa/oidc keeps what every AAA plugin owes, and its parts do what they say; the provider is met beside."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lts.config.params import Misfit, parse_params
from lts.config.schema import AccessPlan
from lts.refusal import Refused
from lts.sdk import (
    AccessRefused,
    AddUser,
    ChangeUser,
    Denial,
    Fault,
    NotDone,
    Perform,
    RecallAccess,
    Role,
    Secret,
    SetPassword,
    UserChanged,
)
from lts.testing import AaaContract, Bench, Shelf, Watch, aaa_assignment
from lts.testing.house import RIGHT, House
from lts.testing.security import cheap_security
from plugins.aaa.oidc.attempts import LASTS_S, MOST, Attempts
from plugins.aaa.oidc.params import OidcParams, claim_in
from plugins.aaa.oidc.plugin import OidcAaa
from plugins.aaa.oidc.provider import Described

pytestmark = pytest.mark.requirement("INT-021", "INT-022", "INT-4.1")

PARAMS: dict[str, Any] = {
    "issuer": "https://login.example.com/realms/desk",
    "client_id": "lts",
    "redirect_uri": "https://lts.example.com/api/v1/auth/oidc/callback",
    "roles": [{"claim": "groups", "value": "traders", "role": "trader"}],
    "passwords": ["ann", "gone", "robot", "root", "other", "bob", "owner", "Ann"],
}


class TestOidcAaa(AaaContract):
    plugin = OidcAaa
    params = PARAMS


# Passwords are for the few who are named


async def test_a_password_counts_only_of_whom_the_file_names() -> None:
    shelf, watch = Shelf(), Watch()
    answers = {Perform: shelf.perform, RecallAccess: shelf.recall}
    params = PARAMS | {"passwords": ["root"]}
    async with Bench(OidcAaa, params, assignment=aaa_assignment(watch), answers=answers) as bench:
        house = House(bench, shelf, watch)
        await house.add("root", Role.ADMIN)
        await house.log_in("root")
        await house.add("ann", password=Secret())
        for wish in (SetPassword("ann", "root", RIGHT), AddUser("bob", Role.ADMIN, "root", RIGHT)):
            refused = await bench.ask(wish)
            assert isinstance(refused, NotDone)
            assert (refused.fault, "at the provider" in refused.reason) == (Fault.INVALID, True)
        shelf.logins["ann"] = shelf.logins["root"]  # a password of the time before there was a provider
        assert await house.try_to_log_in("ann") == AccessRefused(Denial.CREDENTIALS)
        await house.add("eve", Role.ADMIN, Secret())
        alone = await bench.ask(ChangeUser("root", "root", active=False))
        assert isinstance(alone, NotDone)
        assert alone.fault is Fault.LAST_ADMIN, "who cannot log in administers nothing"
        assert isinstance(await bench.ask(ChangeUser("eve", "root", active=False)), UserChanged)


# What it is told


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"issuer": "http://login.example.com"}, "only https"),
        ({"issuer": "https://user:word@login.example.com"}, "secrets do not belong"),
        ({"issuer": "login.example.com"}, "written like"),
        ({"redirect_uri": "http://lts.example.com/callback"}, "only https"),
        ({"client_secret_file": "secret"}, "whole path"),
        ({"scopes": ["profile"]}, "openid"),
        ({"scopes": ["openid profile"]}, "scopes"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": ["RS256", "HS256"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"roles": []}, "roles"),
        (
            {"roles": [{"claim": "email", "value": "ann@example.com", "role": "admin"}]},
            "somebody else tomorrow",
        ),
        ({"roles": [{"claim": "groups", "value": "machines", "role": "service"}]}, "role"),
        ({"name_claim": "email"}, "somebody else tomorrow"),
        ({"users": {"1": "ann", "2": "ann"}}, "one subject"),
        ({"users": {"1": "<ann>"}}, "users"),
        ({"leeway_s": 301}, "leeway_s"),
    ],
)
def test_parameters_that_cannot_be_are_refused_in_one_sentence(change: dict[str, Any], part: str) -> None:
    with pytest.raises(Misfit, match=part) as refused:
        parse_params(OidcParams, PARAMS | change, "test.toml: access.params")
    assert "\n" not in str(refused.value)


def test_the_example_of_the_documentation_can_be_used() -> None:
    page = Path(__file__).parents[3] / "docs" / "operations" / "access.md"
    examples = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    [access] = [tomllib.loads(each)["access"] for each in examples if "oidc" in each]
    plan = AccessPlan.model_validate(access)
    params = parse_params(OidcParams, plan.params, "access.md")
    assert (plan.plugin, params.users, params.passwords) == ("oidc", {"248289761001": "ann"}, ("root",))


def test_an_issuer_is_taken_letter_by_letter() -> None:
    params = OidcParams.model_validate(PARAMS | {"issuer": "https://login.example.com/"})
    assert params.issuer == "https://login.example.com/"


async def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("a-secret\n")
    file.chmod(0o644)
    with pytest.raises(Refused, match="client secret has mode 0644"):
        async with Bench(OidcAaa, PARAMS | {"client_secret_file": str(file)}):
            pass


# Roles and names


def test_the_first_rule_that_holds_gives_the_role_and_without_one_there_is_none() -> None:
    roles = [
        {"claim": "realm_access.roles", "value": "lts-admin", "role": "admin"},
        {"claim": "https://example.com/desk", "value": "fx", "role": "trader"},
        {"claim": "groups", "value": "staff", "role": "viewer"},
    ]
    params = OidcParams.model_validate(PARAMS | {"roles": roles})
    for claims, role in (
        ({"realm_access": {"roles": ["x", "lts-admin"]}, "groups": ["staff"]}, Role.ADMIN),
        ({"https://example.com/desk": "fx", "groups": ["staff"]}, Role.TRADER),
        ({"groups": ["staff"]}, Role.VIEWER),
        ({"groups": "staff"}, Role.VIEWER),
        ({"groups": "my staff"}, None),
        ({"groups": {"staff": True}}, None),
        ({"groups": [["staff"]], "realm_access": ["roles"]}, None),
        ({}, None),
    ):
        assert params.role_of(claims) is role, claims


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", max_size=3), inner, max_size=3)
    ),
)


@given(st.dictionaries(st.text("ab.", max_size=3), JSON, max_size=3), st.text("ab.", max_size=6))
def test_whatever_is_claimed_a_claim_is_there_or_not(claims: dict[str, Any], name: str) -> None:
    if name in claims:
        assert claim_in(claims, name) == claims[name]
    OidcParams.model_validate(PARAMS | {"name_claim": name or "a"}).name_of(claims)


# Attempts


def test_an_attempt_is_taken_once_by_its_own_browser_in_time() -> None:
    watch = Watch()
    attempts = Attempts(cheap_security(watch))
    state, ticket, begun = attempts.begin()
    other, theirs, _ = attempts.begin()
    assert attempts.take(state, theirs) is None, "somebody else's ticket is as good"
    assert attempts.take(state, ticket) is None, "it can be tried again"
    state, ticket, begun = attempts.begin()
    assert attempts.take(state, ticket) == begun
    assert attempts.take(state, ticket) is None
    watch.advance(LASTS_S)
    assert attempts.take(other, theirs) is None


def test_so_many_attempts_are_remembered_and_no_more() -> None:
    attempts = Attempts(cheap_security(Watch()))
    first, ticket, _ = attempts.begin()
    for _ in range(MOST):
        attempts.begin()
    assert len(attempts) == MOST
    assert attempts.take(first, ticket) is None


# What the provider says of itself


def test_a_provider_that_cannot_be_dealt_with_is_told_from_one_that_can() -> None:
    url = "https://login.example.com"
    good = Described(url, f"{url}/authorize", f"{url}/token", f"{url}/keys")
    assert not good.objection(url)
    assert "otherwise" in good.objection(f"{url}/")
    for end in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        for bad in ("http://login.example.com/x", "http://127.0.0.1/x", "javascript:alert(1)", ""):
            assert "https" in replace(good, **{end: bad}).objection(url)
    near = "http://127.0.0.1:9"
    assert not Described(near, f"{near}/authorize", f"{near}/token", f"{near}/keys").objection(near)
    assert "PKCE" in replace(good, code_challenge_methods_supported=("plain",)).objection(url)
