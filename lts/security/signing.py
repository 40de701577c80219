"""Signatures: who holds the public key can tell that a message is from the holder of the secret one."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lts.security.key import Key


class SigningKey(Key):
    """A key of Ed25519 (RFC 8032): its secret is the seed, and `public` the 32 bytes for all to know."""

    __slots__ = ("_private", "public")

    def __init__(self, key_id: str, secret: bytes) -> None:
        super().__init__(key_id, secret)
        self._private = Ed25519PrivateKey.from_private_bytes(self.secret)
        self.public = self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes: the same for the same message."""
        return self._private.sign(message)


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the holder of the secret behind `public` signed this message.

    It is False, and no error, for a public key or a signature that is none.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
