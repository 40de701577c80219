"""A named secret: what every key here is."""

import re
import secrets
from typing import NoReturn, Self, SupportsIndex

SECRET_SIZE = 32
"""Bytes in the secret of every key."""

_ID = re.compile(r"[!-~]{1,16}")


class UnknownKey(LookupError):
    """A key is asked for by an id that none of the keys at hand has."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key with the id {key_id} is here")
        self.key_id = key_id


class Key:
    """A secret of 32 bytes under a public id; it shows the id alone, and is neither copied nor pickled.

    Args:
        key_id: 1 to 16 printable ASCII characters without spaces.
        secret: 32 bytes.

    Raises:
        ValueError: either has another form; the message does not repeat the secret.
    """

    __slots__ = ("_secret", "id")

    def __init__(self, key_id: str, secret: bytes) -> None:
        if not _ID.fullmatch(key_id):
            raise ValueError(f"the id of a key is 1 to 16 printable characters, not {key_id!r}")
        if len(secret) != SECRET_SIZE:
            raise ValueError(f"the secret of a key is {SECRET_SIZE} bytes, not {len(secret)}")
        self.id = key_id
        self._secret = bytes(secret)

    @classmethod
    def generate(cls) -> Self:
        """A new key of the machine's randomness, under a random id of 16 hex digits."""
        return cls(secrets.token_hex(8), secrets.token_bytes(SECRET_SIZE))

    @property
    def secret(self) -> bytes:
        """The 32 bytes themselves: to wrap them or derive from them, never to show them."""
        return self._secret

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is neither copied nor pickled")
