"""The secret of a node: all its other secrets are wrapped by it or derived from it."""

import re
import secrets
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lts.security.key import SECRET_SIZE, Key, UnknownKey

_LINE = re.compile(r"lts-node-key-v1 ([0-9a-f]{16}) ([A-Za-z0-9+/]{43}=)")


class NodeKey(Key):
    """32 random bytes, whose id is the first 16 hex digits of SHA-256("lts node key" + the secret)."""

    __slots__ = ()

    def __init__(self, secret: bytes) -> None:
        super().__init__(sha256(b"lts node key" + secret).hexdigest()[:16], secret)

    @classmethod
    def generate(cls) -> Self:
        """A new key of the machine's randomness."""
        return cls(secrets.token_bytes(SECRET_SIZE))

    def derive(self, purpose: str, length: int = 32) -> bytes:
        """A secret for one purpose: HKDF-SHA256 (RFC 5869) without salt, its info "lts node key: " + purpose.

        Args:
            purpose: what it is for; another purpose gives a secret that tells nothing of this one.
            length: bytes, 1 to 8,160.
        """
        info = b"lts node key: " + purpose.encode()
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(self.secret)


class NodeKeys:
    """The key in use, and the retired ones that still unwrap what was wrapped by them.

    Its text form is a line a key, the current one first: `lts-node-key-v1 ID BASE64-OF-THE-SECRET`.
    """

    __slots__ = ("_keys",)

    def __init__(self, current: NodeKey, *retired: NodeKey) -> None:
        self._keys = {key.id: key for key in (current, *retired)}
        if len(self._keys) != 1 + len(retired):
            raise ValueError("it holds a node key twice")

    @property
    def current(self) -> NodeKey:
        """The key in use."""
        return next(iter(self._keys.values()))

    @property
    def retired(self) -> tuple[NodeKey, ...]:
        """The keys of before, the latest first."""
        return tuple(self._keys.values())[1:]

    def of(self, key_id: str) -> NodeKey:
        """The key with this id, current or retired.

        Raises:
            UnknownKey: none has it.
        """
        try:
            return self._keys[key_id]
        except KeyError:
            raise UnknownKey(key_id) from None

    def rotated(self) -> "NodeKeys":
        """The same keys, retired, behind a new current one."""
        return NodeKeys(NodeKey.generate(), *self._keys.values())

    def format(self) -> str:
        """The text form: it holds the secrets."""
        lines = (f"lts-node-key-v1 {key.id} {b64encode(key.secret).decode()}" for key in self._keys.values())
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; lines of white space count for nothing.

        Raises:
            ValueError: it is not that form; the message names the line and repeats nothing of it.
        """
        lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if not lines:
            raise ValueError("there is no node key in it")
        return cls(*(_parse_line(number, line) for number, line in lines))

    def __repr__(self) -> str:
        return f"<NodeKeys {' '.join(self._keys)}>"


def _parse_line(number: int, line: str) -> NodeKey:
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError(f"line {number} does not read `lts-node-key-v1 ID SECRET`")
    key = NodeKey(b64decode(found[2]))
    if key.id != found[1]:
        raise ValueError(f"the secret in line {number} is not the one that its id was made of")
    return key
