"""Sealed values: encrypted, authenticated, and bound to the place where they are kept.

| part of a sealed value | bytes |
|---|---|
| version, 1 | 1 |
| length of the key's id | 1 |
| id of the key, ASCII | 1 to 16 |
| nonce, random | 12 |
| ciphertext | as many as the plaintext |
| tag | 16 |

AES-256-GCM (NIST SP 800-38D) with all that stands before the ciphertext, and then the context, as associated
data. Nonces are random, so one key seals at most 2**32 values (SP 800-38D, 8.3).
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lts.security.key import Key
from lts.security.node_key import NodeKey

_VERSION = 1
_NONCE_SIZE = 12
_TAG_SIZE = 16


class Unsealable(Exception):
    """What was sealed cannot be opened: it was changed, or was sealed elsewhere or under another key."""


class SealingKey(Key):
    """A key of AES-256-GCM, which seals values and opens them again."""

    __slots__ = ("_cipher",)

    def __init__(self, key_id: str, secret: bytes) -> None:
        super().__init__(key_id, secret)
        self._cipher = AESGCM(self.secret)

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """The plaintext, sealed: at most 46 bytes longer, and never twice the same.

        Args:
            plaintext: any bytes; their number is not hidden.
            context: where the value is kept, such as a table, column and row: it opens there alone.
        """
        nonce = os.urandom(_NONCE_SIZE)
        head = bytes((_VERSION, len(self.id))) + self.id.encode() + nonce
        return head + self._cipher.encrypt(nonce, plaintext, head + context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The plaintext again.

        Raises:
            Unsealable: it was not sealed by this key in this context, or was changed since.
        """
        if key_id_of(sealed) != self.id:
            raise Unsealable(f"it was sealed under the key {key_id_of(sealed)}, not under {self.id}")
        size = 2 + len(self.id) + _NONCE_SIZE
        head = sealed[:size]
        try:
            return self._cipher.decrypt(head[-_NONCE_SIZE:], sealed[size:], head + context)
        except InvalidTag:
            raise Unsealable(
                f"it was changed since the key {self.id} sealed it, or was sealed elsewhere"
            ) from None


class SealingKeys:
    """The key that seals now, and the older ones that still open what they sealed."""

    __slots__ = ("_keys", "current")

    def __init__(self, current: SealingKey, *old: SealingKey) -> None:
        self.current = current
        self._keys = {key.id: key for key in (*old, current)}

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """The plaintext, sealed by the current key; see `SealingKey.seal`."""
        return self.current.seal(plaintext, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The plaintext again, whichever of these keys sealed it.

        Raises:
            Unsealable: none of these keys sealed it in this context, or it was changed since.
        """
        key = self._keys.get(key_id_of(sealed))
        if key is None:
            raise Unsealable(f"it was sealed under the key {key_id_of(sealed)}, which is not here")
        return key.open(sealed, context)

    def __repr__(self) -> str:
        return f"<SealingKeys {' '.join(self._keys)}>"


def key_id_of(sealed: bytes) -> str:
    """The id of the key that a value says it was sealed by, which only opening it proves.

    Raises:
        Unsealable: it does not have the form of a sealed value.
    """
    size = sealed[1] if len(sealed) > 1 else 0
    if not size or sealed[0] != _VERSION or len(sealed) < 2 + size + _NONCE_SIZE + _TAG_SIZE:
        raise Unsealable("it does not have the form of a sealed value")
    return sealed[2 : 2 + size].decode("ascii", "replace")


def wrap(node_key: NodeKey, secret: bytes, context: bytes) -> bytes:
    """A secret sealed by a key derived from the node's, under the node key's id.

    Args:
        node_key: the current one.
        secret: the secret of another key.
        context: that key's id and purpose: it unwraps as that alone.
    """
    return _wrapping_key(node_key).seal(secret, context)


def unwrap(node_key: NodeKey, wrapped: bytes, context: bytes) -> bytes:
    """The secret again; `key_id_of(wrapped)` says which node key it takes.

    Raises:
        Unsealable: it was not wrapped by this node key in this context, or was changed since.
    """
    return _wrapping_key(node_key).open(wrapped, context)


def _wrapping_key(node_key: NodeKey) -> SealingKey:
    return SealingKey(node_key.id, node_key.derive("wrap keys"))
