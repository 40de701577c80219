"""Message authentication: who holds the key can tell whether a message is as it was."""

from hmac import compare_digest

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from lts.security.key import Key

MAC_SIZE = 32
"""Bytes in a MAC."""


class MacKey(Key):
    """A key of HMAC-SHA256 (RFC 2104).

    It keeps a state that has taken in the key, and copies it for each message: preparing the key anew, as
    `hmac.digest` does, takes OpenSSL 3 twice as long as a short message.
    """

    __slots__ = ("_prepared",)

    def __init__(self, key_id: str, secret: bytes) -> None:
        super().__init__(key_id, secret)
        self._prepared = HMAC(self.secret, SHA256())

    def mac(self, message: bytes) -> bytes:
        """The 32 bytes that only a holder of the key can make for this message."""
        state = self._prepared.copy()
        state.update(message)
        return state.finalize()

    def matches(self, message: bytes, mac: bytes) -> bool:
        """Whether this is the MAC of this message, in a time that does not tell where they differ."""
        return compare_digest(self.mac(message), mac)
