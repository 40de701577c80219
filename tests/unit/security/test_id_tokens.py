"""ID tokens: what is read is what the provider has signed for this login, and nothing else is."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lts.security.id_tokens import Algorithm, BadIdToken, IdTokenAgreement, IdTokens, UnknownKey
from tests.providers.tokens import PrivateKey, b64, new_key, published, token

pytestmark = pytest.mark.requirement("INT-021", "INT-4.1")

NOW = 1_700_000_000
ISSUER, CLIENT, NONCE = "https://login.example.com", "lts", "n-0S6_WzA2Mj"
CLAIMS = {
    "iss": ISSUER, "aud": CLIENT, "sub": "1", "nonce": NONCE, "iat": NOW, "exp": NOW + 300, "groups": ["a"],
}  # fmt: skip
ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA")


@cache
def key_of(algorithm: str) -> PrivateKey:
    return new_key(algorithm)


@cache
def another(algorithm: str) -> PrivateKey:
    return new_key(algorithm)


def reader(*algorithms: Algorithm) -> IdTokens:
    agreement = IdTokenAgreement(ISSUER, CLIENT, frozenset(algorithms or ALGORITHMS), 30)
    tokens = IdTokens(agreement)
    assert tokens.adopt([published(key_of(name), name) for name in ALGORITHMS]) == 3
    return tokens


def made(algorithm: str = "ES256", /, *, kid: str | None = None, **change: Any) -> str:
    """A token with changed claims; what is None is left out."""
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}
    return token(claims, key_of(algorithm), kid or algorithm)


def refused(shown: str, tokens: IdTokens | None = None, now: float = NOW) -> str:
    """Why a token is not read."""
    with pytest.raises(BadIdToken) as told:
        (tokens or reader()).read(shown, NONCE, now)
    return str(told.value)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_the_provider_signed_is_read(algorithm: Algorithm) -> None:
    assert reader(algorithm).read(made(algorithm), NONCE, NOW) == CLAIMS


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"iss": "https://login.example.com/"}, "another issuer"),
        ({"iss": None}, "claims"),
        ({"aud": "other"}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"aud": ["other", "third"]}, "another audience"),
        ({"aud": [CLIENT, "other"]}, "another client"),
        ({"aud": [CLIENT, "other"], "azp": "other"}, "another client"),
        ({"azp": "other"}, "another client"),
        ({"nonce": "n-0S6_WzA2Mk"}, "another login"),
        ({"nonce": None}, "claims"),
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, "claims"),
        ({"exp": "never"}, "claims"),
        ({"exp": True}, "claims"),
        ({"iat": NOW + 31}, "future"),
        ({"iat": None}, "claims"),
        ({"nbf": NOW + 31}, "future"),
        ({"sub": ""}, "subject"),
        ({"sub": "x" * 256}, "subject"),
        ({"sub": "a\nb"}, "subject"),
        ({"sub": None}, "claims"),
        ({"sub": 1}, "claims"),
    ],
)
def test_what_says_something_else_than_it_has_to_is_refused(change: dict[str, Any], why: str) -> None:
    assert why in refused(made(**change))


def test_clocks_may_differ_by_the_leeway_and_no_more() -> None:
    shown, tokens = made(iat=NOW, exp=NOW + 10), reader()
    for off in (-30, 39):
        assert tokens.read(shown, NONCE, NOW + off)
    for off in (-31, 40):
        assert refused(shown, tokens, NOW + off)


def test_many_audiences_need_the_party_that_it_was_issued_to() -> None:
    assert reader().read(made(aud=[CLIENT, "other"], azp=CLIENT), NONCE, NOW)


def test_an_algorithm_that_was_not_agreed_on_is_refused_whoever_signs() -> None:
    for header in ({"alg": "none"}, {"alg": "None"}, {"alg": "HS256"}, {"alg": "RS512"}, {"alg": ""}):
        shown = token(CLAIMS, key_of("RS256"), "RS256")
        forged = token(CLAIMS, key_of("RS256"), "RS256", header)
        assert "agreed" in refused(forged)
        swapped = ".".join((forged.split(".")[0], *shown.split(".")[1:]))
        assert "agreed" in refused(swapped)
    assert "agreed" in refused(made("ES256"), reader("RS256"))


def test_a_key_is_good_for_its_own_algorithm_alone() -> None:
    assert "not one for its algorithm" in refused(made("ES256", kid="RS256"))
    bound = published(key_of("RS256"), "RS256") | {"alg": "PS256"}
    tokens = reader()
    tokens.adopt([bound])
    assert "not one for its algorithm" in refused(made("RS256"), tokens)


def test_a_key_that_is_not_published_is_told_from_one_that_is() -> None:
    with pytest.raises(UnknownKey):
        reader().read(made(kid="other"), NONCE, NOW)
    stranger = token(CLAIMS, another("ES256"), "ES256")
    assert "signature" in refused(stranger)


def test_keys_that_are_not_for_signatures_are_passed_over() -> None:
    good = published(key_of("ES256"), "a")
    weak = {"kty": "RSA", "kid": "w", "n": b64(b"\xff" * 128), "e": "AQAB"}
    secret = {"kty": "oct", "kid": "s", "k": b64(b"x" * 32)}
    others: list[Any] = [
        weak, secret, None, "text", [], {}, {"kty": "RSA"}, {"kty": "EC", "kid": "e"},
        good | {"use": "enc"}, good | {"kid": 1}, good | {"x": "!"}, good | {"kty": "OKP"}, good | {"x": 5},
        published(key_of("RS256"), "big") | {"n": b64(b"\xff" * 2_000)},
    ]  # fmt: skip
    tokens = reader()
    assert tokens.adopt([*others, good]) == 1
    assert tokens.read(made(kid="a"), NONCE, NOW)


PARTS = st.sampled_from(
    ["P-256", "P-521", "Ed25519", "X25519", "secp256k1", "AQAB", b64(b"x" * 32), b64(b"x" * 66)]
)
ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(), max_size=2) | PARTS
)


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {"kid": st.just("a") | ANYTHING, "kty": st.sampled_from(["RSA", "EC", "OKP", "oct"]) | ANYTHING},
        optional=dict.fromkeys(("use", "alg", "crv", "x", "y", "n", "e", "d", "k"), ANYTHING),
    )
)
def test_whatever_is_published_is_taken_or_passed_over(key: dict[str, Any]) -> None:
    assert reader().adopt([key]) in {0, 1}


def test_the_keys_of_before_are_gone_with_those_of_now() -> None:
    tokens = reader()
    tokens.adopt([published(key_of("ES256"), "new")])
    with pytest.raises(UnknownKey):
        tokens.read(made(), NONCE, NOW)


def test_so_many_keys_are_looked_at_and_no_more() -> None:
    keys = (published(key_of("ES256"), f"k{number}") for number in range(1_000))
    assert reader().adopt(keys) == 100


@pytest.mark.parametrize(
    "header",
    [{"typ": "at+jwt"}, {"crit": ["b64"], "b64": False}, {"kid": None}, {"kid": 7}, {"alg": None}],
)
def test_another_sort_of_token_is_refused(header: dict[str, Any]) -> None:
    said = {"alg": "ES256", "kid": "ES256", "typ": "JWT"} | header
    _, claims, signature = made("ES256").split(".")
    assert refused(f"{b64(json.dumps(said).encode())}.{claims}.{signature}")


@pytest.mark.parametrize(
    "shown",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c.d",
        "é.é.é",
        "=.=.=",
        "x" * 20_000,
        f"{'W1tb' * 3_000}..",
        "\0.\0.\0",
    ],
)
def test_what_is_no_token_is_refused(shown: str) -> None:
    assert refused(shown)


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 10_000), letter=st.sampled_from("ABCDEFGHabcdefgh0123456789-_.="))
def test_no_letter_of_a_token_can_be_another(place: int, letter: str) -> None:
    shown, tokens = made("EdDSA"), reader()
    place %= len(shown)
    altered = shown[:place] + letter + shown[place + 1 :]
    try:
        claims = tokens.read(altered, NONCE, NOW)
    except BadIdToken:
        return
    assert claims == CLAIMS, "it says something else than was signed"
    signed = altered.rpartition(".")[0]
    assert signed == shown.rpartition(".")[0]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: f"{b64(raw)}.{b64(raw)}.{b64(raw)}"))
def test_whatever_is_shown_is_read_or_refused(shown: str) -> None:
    assert refused(shown)
