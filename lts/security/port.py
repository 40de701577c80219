"""The security port: all that an AAA plugin needs of keys, hashes and chance, and no key itself."""

import os
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from hashlib import sha256

from lts.security import tokens, totp
from lts.security.claims import Claims
from lts.security.passwords import USUAL, Costs, Passwords
from lts.security.signing import verify
from lts.security.tokens import TokenKeys

_PUBLIC_SIZE = 32


class NodeSecurity:
    """The `lts.kinds.aaa.Security` of a node.

    Args:
        keys: what signs access tokens.
        now: system time in UTC nanoseconds.
        costs: of a password's hash.
        draw: so many random bytes.
    """

    def __init__(
        self,
        keys: TokenKeys,
        now: Callable[[], int],
        costs: Costs = USUAL,
        draw: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._keys = keys
        self._passwords = Passwords(costs, draw)
        self._draw = draw
        self.now = now

    async def hashed(self, password: str) -> str:
        """Return the hash of a password; raises Busy when too many wait for one."""
        return await self._passwords.hashed(password)

    async def fits(self, known: str, password: str) -> bool:
        """Return whether a password is the one of a hash; an empty hash fits none, and takes as long."""
        return await self._passwords.fits(known, password)

    def outdated(self, known: str) -> bool:
        """Return whether a hash was made at other costs than hashes are made now."""
        return self._passwords.outdated(known)

    def new_id(self) -> str:
        """Return a random id of 16 hexadecimal digits."""
        return self._draw(8).hex()

    def new_secret(self) -> str:
        """Return 256 random bits as 43 letters, digits, hyphens and underscores."""
        return urlsafe_b64encode(self._draw(32)).decode().rstrip("=")

    def digest(self, secret: str) -> bytes:
        """Return what of a secret of 256 bits may be stored: its SHA-256."""
        return sha256(secret.encode("utf-8", "surrogatepass")).digest()

    def new_code_secret(self) -> str:
        """Return a secret for codes by time, in base32."""
        return totp.secret_of(self._draw(totp.SECRET_SIZE))

    def code_uri(self, secret: str, user: str) -> str:
        """Return what an authenticator is set up with."""
        return totp.uri(secret, user, "LTS")

    def step_of(self, secret: str, code: str) -> int:
        """Return the step of time of a code, 0 if it is wrong now."""
        return totp.step_of(secret, code, self.now() // 10**9)

    def issue(self, user: str, session: str, lifetime_s: int) -> tuple[str, int]:
        """Return an access token, and when it ends in UTC nanoseconds."""
        now = self.now() // 10**9
        claims = Claims(user, session, now, now + lifetime_s, self.new_id())
        return tokens.issue(self._keys, claims), claims.exp * 10**9

    def read(self, token: str) -> Claims | None:
        """Return what an access token of ours says, while it holds; None for all else."""
        return tokens.read(self._keys, token, self.now() // 10**9)

    def is_public_key(self, text: str) -> bool:
        """Return whether this is a public key of Ed25519, in base64."""
        return len(_decoded(text)) == _PUBLIC_SIZE

    def is_signed(self, public_key: str, signature: bytes, base: bytes) -> bool:
        """Return whether the holder of the key behind `public_key` (base64) signed this."""
        return verify(_decoded(public_key), signature, base)


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return b""
