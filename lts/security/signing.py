"""Signatures: who holds the public key can tell that a message is from the holder of the secret one."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lts.security.key import SECRET_SIZE, Key


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

    def derived(self, purpose: str) -> "SigningKey":
        """The key for another purpose, under the same id: HKDF-SHA256 (RFC 5869) of the secret."""
        info = b"lts signing key: " + purpose.encode()
        seed = HKDF(algorithm=SHA256(), length=SECRET_SIZE, salt=None, info=info).derive(self.secret)
        return SigningKey(self.id, seed)


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the holder of the secret behind `public` signed this message.

    It is False, and no error, for a public key or a signature that is none.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
