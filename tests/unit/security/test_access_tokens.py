"""An access token is of one form, one signer and one time, or it is none."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.security.claims import Claims
from lts.security.mac import MacKey
from lts.security.signing import SigningKey
from lts.security.tokens import LIFETIME_S, TokenKeys, issue, read

pytestmark = pytest.mark.requirement("INT-022", "INT-025", "INT-4.1")

NOW = 1_700_000_000
OLD, NEW = SigningKey("old", bytes(32)), SigningKey("new", bytes(range(32)))
CLAIMS = Claims("ann", "s1", NOW, NOW + 600, "j1")


@pytest.fixture
def keys() -> TokenKeys:
    keys = TokenKeys()
    keys.adopt([(NEW, None)])
    return keys


def part(content: Any) -> str:
    return urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def forged(keys: TokenKeys, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token of the right signer, that says something else."""
    signed = f"{part(header)}.{part(claims)}"
    signature = urlsafe_b64encode(keys.current.sign(signed.encode())).decode().rstrip("=")
    return f"{signed}.{signature}"


HEADER = {"alg": "EdDSA", "kid": "new", "typ": "at+jwt"}
BODY = {
    "sub": "ann", "sid": "s1", "iat": NOW, "exp": NOW + 600, "jti": "j1", "iss": "lts", "aud": "lts/api/v1",
}  # fmt: skip


def test_a_token_says_what_it_was_issued_for(keys: TokenKeys) -> None:
    said = read(keys, issue(keys, CLAIMS), NOW)
    assert said is not None
    assert (said.sub, said.sid, said.exp) == ("ann", "s1", NOW + 600)
    assert forged(keys, HEADER, BODY) == issue(keys, CLAIMS)  # what is forged below differs in one thing


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"}, {"alg": "HS256"}, {"alg": "eddsa"}, {"typ": "JWT"}, {"typ": "AT+JWT"}, {"kid": "?"},
        {"crit": []}, {"jwk": {}},
    ],
)  # fmt: skip
def test_another_header_is_no_token_of_ours(keys: TokenKeys, header: dict[str, Any]) -> None:
    assert read(keys, forged(keys, HEADER | header, BODY), NOW) is None


@pytest.mark.parametrize(
    "body",
    [
        {"iss": "else"}, {"aud": "lts"}, {"exp": NOW}, {"exp": NOW + 601}, {"iat": NOW + 60},
        {"exp": "never"}, {"admin": True}, {"sub": None}, {"exp": 1e12},
    ],
)  # fmt: skip
def test_other_claims_are_no_token_of_now(keys: TokenKeys, body: dict[str, Any]) -> None:
    assert read(keys, forged(keys, HEADER, BODY | body), NOW) is None


def test_a_token_signed_by_a_mac_of_the_public_key_is_none(keys: TokenKeys) -> None:
    signed = f"{part(HEADER | {'alg': 'HS256'})}.{part(BODY)}"
    mac = MacKey("k", keys.current.public).mac(signed.encode())
    assert read(keys, f"{signed}.{urlsafe_b64encode(mac).decode().rstrip('=')}", NOW) is None


@given(st.data())
def test_any_changed_character_makes_it_none(data: st.DataObject) -> None:
    keys = TokenKeys()
    keys.adopt([(NEW, None)])
    token = issue(keys, CLAIMS)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda each: each != token[at]))
    assert read(keys, token[:at] + other + token[at + 1 :], NOW) is None


@given(st.text(max_size=300))
def test_what_is_no_token_is_none_and_no_error(text: str) -> None:
    keys = TokenKeys()
    keys.adopt([(NEW, None)])
    assert read(keys, text, NOW) is None
    assert read(keys, f"{part(HEADER)}.{text}.{text}", NOW) is None


def test_the_key_of_before_counts_for_as_long_as_its_last_token(keys: TokenKeys) -> None:
    keys.adopt([(OLD, None)])
    token = issue(keys, CLAIMS)
    keys.adopt([(NEW, None), (OLD, NOW * 10**9)])
    assert read(keys, token, NOW + 1) is not None
    assert read(keys, issue(keys, CLAIMS), NOW + 1) is not None
    late = begun_at(CLAIMS, NOW + LIFETIME_S)
    keys.adopt([(OLD, None)])
    token = issue(keys, late)
    keys.adopt([(NEW, None), (OLD, NOW * 10**9)])
    assert read(keys, token, NOW + LIFETIME_S + 1) is None


def begun_at(claims: Claims, at: int) -> Claims:
    return Claims(claims.sub, claims.sid, at, at + 600, claims.jti)


def test_there_is_no_key_before_a_database_is_open() -> None:
    with pytest.raises(LookupError, match="before the database is open"):
        _ = TokenKeys().current


def test_the_keys_are_derived_from_those_that_sign_seals(keys: TokenKeys) -> None:
    assert keys.current.id == NEW.id
    assert keys.current.public != NEW.public
    assert keys.current.public == NEW.derived("access tokens").public != NEW.derived("else").public
    assert repr(keys) == "<TokenKeys new>"
