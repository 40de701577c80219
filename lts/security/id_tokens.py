"""ID tokens: what a provider of identities says of who somebody is (OpenID Connect Core 1.0, 3.1.3.7).

A signature counts only by a key that the provider publishes, under an algorithm that was agreed on
beforehand: a token has no say in either. Symmetric algorithms and `none` cannot be agreed on.
"""

import base64
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hmac import compare_digest
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast
from warnings import catch_warnings, simplefilter

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm

from lts.refusal import Refused

if TYPE_CHECKING:
    from joserfc.jwk import Key

T = TypeVar("T")

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"
]
"""What an ID token may be signed by, if it is agreed on."""
LONGEST_TOKEN = 16_384
MOST_KEYS = 100
"""Of one provider; what it publishes beyond is not looked at."""
LARGEST_RSA, SMALLEST_RSA = 8_192, 2_048
"""Bits: a smaller key can be broken, and a larger one holds up whoever verifies by it."""
LONGEST_SUBJECT = 255
_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
"""What a public key consists of, by type: all else of it stays outside, secret parts above all."""
_FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}


class BadIdToken(Exception):
    """What was shown is no ID token for us; it says why, in words for the log."""


class UnknownKey(BadIdToken):
    """It is signed by a key that the provider was not known to have: it may have a new one."""


@dataclass(frozen=True, slots=True)
class IdTokenAgreement:
    """What holds between a provider and us, whatever a token says."""

    issuer: str
    client_id: str
    algorithms: frozenset[Algorithm]
    leeway_s: float
    """By how much the clocks may differ."""


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str
    typ: str = "JWT"
    crit: Any = None


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    iat: int | float
    nonce: str
    azp: str | None = None
    nbf: int | float | None = None


class _PublicKey(NamedTuple):
    type: str
    curve: str
    algorithm: str
    """The only one that it is for; empty where it does not say."""
    key: "Key"


class IdTokens:
    """Reads the ID tokens of one provider.

    Raises:
        Refused: the library for them is not installed.
    """

    def __init__(self, agreement: IdTokenAgreement) -> None:
        self.agreement = agreement
        self._jose = _jose()
        self._keys: dict[str, list[_PublicKey]] = {}

    def adopt(self, published: Iterable[Any]) -> int:
        """Take the keys that a provider publishes (RFC 7517) for those of before.

        What is no public key for signatures is passed over.

        Returns:
            How many there are.
        """
        found: dict[str, list[_PublicKey]] = {}
        for number, each in enumerate(published):
            if number < MOST_KEYS and (key := self._public(each)):
                found.setdefault(each["kid"], []).append(key)
        self._keys = found
        return sum(map(len, found.values()))

    def read(self, token: str, nonce: str, now_s: float) -> Mapping[str, Any]:
        """Return the claims of a token that was given for a login with this nonce.

        Raises:
            UnknownKey: the key is none that is known.
            BadIdToken: anything else is wrong with it.
        """
        head, body = _parts(token)
        header = _read(head, _Header, "header")
        claims = self._verified(token, header, body)
        if objection := _objection(_read(body, _Claims, "claims"), self.agreement, nonce, now_s):
            raise BadIdToken(objection)
        return claims

    def _verified(self, token: str, header: _Header, body: bytes) -> Mapping[str, Any]:
        if header.alg not in self.agreement.algorithms:
            raise BadIdToken("it is signed by an algorithm that was not agreed on")
        if header.typ.upper() != "JWT" or header.crit is not None:
            raise BadIdToken("it is another sort of token")
        known = self._keys.get(header.kid)
        if known is None:
            raise UnknownKey("it is signed by a key that the provider does not publish")
        key = next((each.key for each in known if _fits(each, header.alg)), None)
        if key is None:
            raise BadIdToken("its key is not one for its algorithm")
        try:
            with self._in_silence():
                self._jose.jws.deserialize_compact(token, key, algorithms=[header.alg])
        except (self._jose.errors.JoseError, ValueError):
            raise BadIdToken("its signature does not fit") from None
        return cast("Mapping[str, Any]", msgspec.json.decode(body))

    @contextmanager
    def _in_silence(self) -> Iterator[None]:
        """Hear no warnings: of keys that are too small anyway, and that EdDSA has a new name (RFC 9864)."""
        with catch_warnings():
            simplefilter("ignore", self._jose.errors.SecurityWarning)
            yield

    def _public(self, published: Any) -> _PublicKey | None:
        """Return a key as it is published; None if it is none for signatures."""
        if not isinstance(published, dict) or not isinstance(published.get("kid"), str):
            return None
        parts = _PUBLIC.get(str(published.get("kty")))
        if parts is None or published.get("use", "sig") != "sig" or not all(map(published.get, parts)):
            return None
        try:
            with self._in_silence():
                key = self._jose.jwk.import_key({name: published[name] for name in ("kty", *parts)})
            size = getattr(key.public_key, "key_size", SMALLEST_RSA)
        except (self._jose.errors.JoseError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
            return None
        if published["kty"] == "RSA" and not SMALLEST_RSA <= size <= LARGEST_RSA:
            return None
        return _PublicKey(published["kty"], published.get("crv", ""), str(published.get("alg", "")), key)


def _fits(key: _PublicKey, algorithm: str) -> bool:
    return (
        key.type == _FAMILIES[algorithm[:2]]
        and key.curve == _CURVES.get(algorithm, key.curve)
        and key.algorithm in {"", algorithm}
    )


def _parts(token: str) -> tuple[bytes, bytes]:
    """Return the header and the claims of a token, as JSON."""
    parts = token.split(".") if len(token) <= LONGEST_TOKEN else []
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        raise BadIdToken("it is no signed token")
    try:
        head, body = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts[:2])
    except (NotBase64, ValueError):
        raise BadIdToken("it is not written as base64url") from None
    return head, body


def _read(content: bytes, form: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise BadIdToken(f"its {what} have not what they have to") from None


def _objection(claims: _Claims, agreed: IdTokenAgreement, nonce: str, now_s: float) -> str:
    """Return why what a token claims is nothing for us; empty if it is."""
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    shared = len(audience) > 1
    if claims.iss != agreed.issuer:
        return "another issuer says so"
    if agreed.client_id not in audience:
        return "it is for another audience"
    if (shared or claims.azp is not None) and claims.azp != agreed.client_id:
        return "it was issued to another client"
    if not compare_digest(claims.nonce.encode(), nonce.encode()):
        return "it belongs to another login"
    if not 0 < len(claims.sub) <= LONGEST_SUBJECT or not claims.sub.isprintable():
        return "its subject cannot be one"
    return _untimely(claims, agreed.leeway_s, now_s)


def _untimely(claims: _Claims, leeway_s: float, now_s: float) -> str:
    if not now_s < claims.exp + leeway_s:
        return "it has expired"
    if claims.iat > now_s + leeway_s or (claims.nbf or 0) > now_s + leeway_s:
        return "it is of the future"
    return ""


class _Jose(NamedTuple):
    errors: ModuleType
    jwk: ModuleType
    jws: ModuleType


def _jose() -> _Jose:
    """The optional library, where it is installed; raises Refused."""
    try:
        from joserfc import errors, jwk, jws  # noqa: PLC0415 - an extra: most nodes read no such tokens
    except ImportError as missing:
        raise Refused(
            f"{missing.name} is not installed; to log in at a provider, pip install 'lts[oidc]'"
        ) from None
    return _Jose(errors, jwk, jws)
