"""Access tokens: short-lived, signed by the node, and readable by whoever has them (RFC 7519, RFC 8037).

A token is a JSON Web Token of one form alone: its header is `{"alg":"EdDSA","kid":…,"typ":"at+jwt"}` to the
byte, its claims are those of `Claims`. There is no choice of algorithm to get wrong: what has another form
is no token.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable

import msgspec

from lts.security.claims import Claims
from lts.security.signing import SigningKey, verify

ISSUER = "lts"
AUDIENCE = "lts/api/v1"
LIFETIME_S = 600
"""Seconds that a token may live, at most."""
_LONGEST = 2_048
_SKEW_S = 5


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: str
    typ: str


class TokenKeys:
    """The key that signs tokens, and those of before, for as long as a token of theirs can live.

    They are derived from the database's signing keys: they are wrapped with those, outlive a restart with
    those, and are rotated with those. Whoever opens the database hands them over.
    """

    def __init__(self) -> None:
        self._current: SigningKey | None = None
        self._publics: dict[str, tuple[bytes, int | None]] = {}

    def adopt(self, keys: Iterable[tuple[SigningKey, int | None]]) -> None:
        """Take the signing keys of a database, the one in use first, each with when it was retired."""
        derived = [(key.derived("access tokens"), retired) for key, retired in keys]
        self._current = derived[0][0]
        self._publics = {key.id: (key.public, retired) for key, retired in derived}

    @property
    def current(self) -> SigningKey:
        """The key that signs.

        Raises:
            LookupError: no database is open.
        """
        if self._current is None:
            raise LookupError("there are no keys before the database is open")
        return self._current

    def public(self, key_id: str, now_s: int) -> bytes | None:
        """Return the public key of an id; None if there is none, or its last token is over."""
        public, retired = self._publics.get(key_id, (None, None))
        return None if retired is not None and retired // 10**9 + LIFETIME_S < now_s else public

    def __repr__(self) -> str:
        return f"<TokenKeys {' '.join(self._publics)}>"


def issue(keys: TokenKeys, claims: Claims) -> str:
    """Return a token; issuer and audience are always the same."""
    key = keys.current
    header = msgspec.json.encode(_Header("EdDSA", key.id, "at+jwt"))
    body = msgspec.json.encode(msgspec.structs.replace(claims, iss=ISSUER, aud=AUDIENCE))
    signed = b".".join((_encoded(header), _encoded(body)))
    return b".".join((signed, _encoded(key.sign(signed)))).decode()


def read(keys: TokenKeys, token: str, now_s: int) -> Claims | None:
    """Return what a token says if it is one of ours and of now; None for all else."""
    parts = token.encode("ascii", "replace").split(b".") if len(token) <= _LONGEST else []
    try:
        head, body, signature = map(_decoded, parts)
        header = msgspec.json.decode(head, type=_Header)
        claims = msgspec.json.decode(body, type=Claims)
    except (ValueError, NotBase64, msgspec.MsgspecError):
        return None
    public = keys.public(header.kid, now_s)
    if public is None or head != msgspec.json.encode(_Header("EdDSA", header.kid, "at+jwt")):
        return None
    if not verify(public, signature, b".".join(parts[:2])):
        return None
    ours = claims.iss == ISSUER and claims.aud == AUDIENCE
    timely = claims.iat - _SKEW_S <= now_s < claims.exp <= claims.iat + LIFETIME_S
    return claims if ours and timely else None


def _encoded(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")


def _decoded(text: bytes) -> bytes:
    """Return what a part of a token holds; another spelling of the same is an error."""
    content = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    if _encoded(content) != text:
        raise ValueError("it is not written as base64url")
    return content
