"""A vault: a stream of any length, encrypted and authenticated, as backup files are.

| part of a vault | bytes |
|---|---|
| `lts-vault-v1` and a line feed | 13 |
| salt, random | 32 |
| length of the header, big-endian | 4 |
| header: for all to read, and authenticated | 0 to 65,536 |
| HMAC-SHA256 of all that stands before it | 32 |
| chunks of 65,536 bytes of plaintext (the last one of 1 to 65,536, or 0 if all is empty) and a tag of 16 | |

Two keys are derived from the vault's by HKDF-SHA256 (RFC 5869) with the salt, one for the HMAC and one for
the chunks, so that no two vaults share a key. The chunks are the STREAM construction of Hoang, Reyhanitabar,
Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015, over
AES-256-GCM: the nonce is the number of the chunk (11 bytes, big-endian, from 0) and a byte that is 1 for the
last one. A chunk that is changed, missing, moved or there twice does not open, nor does a stream that is cut
short or goes on.
"""

import os
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lts.security.key import SECRET_SIZE
from lts.security.mac import MAC_SIZE, MacKey
from lts.security.seal import Unsealable

CHUNK = 65_536
"""Bytes of plaintext in a chunk."""
LARGEST_HEADER = 65_536
"""Bytes in a header, at most."""

_MAGIC = b"lts-vault-v1\n"
_SALT = 32
_TAG = 16


class Writable(Protocol):
    """A binary file that takes all that it is given, as buffered ones do."""

    def write(self, data: bytes, /) -> object:
        """Append these bytes."""


class Readable(Protocol):
    """A binary file: b"" is its end, and fewer bytes than asked for are not."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most as many as asked for."""


class VaultWriter:
    """Writes a vault, a chunk at a time; used in a `with`, which completes it unless an exception leaves it.

    A vault that was not completed does not open to its end. The file stays open, neither flushed nor synced.

    Args:
        file: where the vault goes.
        key: 32 bytes; any number of vaults may share one.
        header: what a reader is told before it opens the vault, such as which key that takes: not encrypted.

    Raises:
        ValueError: the key or the header has another size.
    """

    def __init__(self, file: Writable, key: bytes, header: bytes) -> None:
        if len(header) > LARGEST_HEADER:
            raise ValueError(f"the header of a vault is at most {LARGEST_HEADER} bytes, not {len(header)}")
        salt = os.urandom(_SALT)
        mac_key, self._cipher = _keys(key, salt)
        head = _MAGIC + salt + len(header).to_bytes(4, "big") + header
        self._file = file
        self._plaintext = bytearray()
        self._chunks = 0
        self._closed = False
        file.write(head + mac_key.mac(head))

    def write(self, plaintext: bytes | bytearray | memoryview) -> int:
        """Add to the vault; how many bytes that were."""
        if self._closed:
            raise ValueError("the vault is complete")
        rest = memoryview(plaintext).cast("B")
        size = len(rest)
        while rest:
            if len(self._plaintext) == CHUNK:
                self._seal(last=False)
            taken = rest[: CHUNK - len(self._plaintext)]
            self._plaintext += taken
            rest = rest[len(taken) :]
        return size

    def close(self) -> None:
        """Complete the vault; after that nothing can be added."""
        if not self._closed:
            self._closed = True
            self._seal(last=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        self._closed = True

    def _seal(self, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._chunks, last=last), self._plaintext, None))
        self._chunks += 1
        self._plaintext.clear()


class VaultReader:
    """Reads a vault, a chunk at a time; whoever has it holds an authentic header.

    What `read` returns is authentic, and in its place. That nothing is missing is known only once `read` has
    returned b"" or been asked for all: act on nothing before.

    Args:
        file: where the vault comes from, at the beginning of it.
        key_for: the key of 32 bytes that a vault with this header takes. The header is not authentic yet: it
            says which key to try, and is to be trusted with nothing else.

    Raises:
        Unsealable: it is no vault, was changed in its head, or takes another key.
    """

    def __init__(self, file: Readable, key_for: Callable[[bytes], bytes]) -> None:
        self._file = file
        head = _take(file, len(_MAGIC) + _SALT + 4)
        salt, size = head[len(_MAGIC) : -4], int.from_bytes(head[-4:], "big")
        if not head.startswith(_MAGIC) or len(salt) < _SALT or size > LARGEST_HEADER:
            raise Unsealable("it does not have the form of a vault")
        self.header = _take(file, size)
        """The header, as it was written."""
        if len(self.header) < size:
            raise Unsealable("it was cut short in its header")
        mac_key, self._cipher = _keys(key_for(self.header), salt)
        if not mac_key.matches(head + self.header, _take(file, MAC_SIZE)):
            raise Unsealable("its head was changed, or it takes another key")
        self._ahead = b""
        self._plaintext = memoryview(b"")
        self._chunks = 0
        self._ended = False
        self._damage = ""

    def read(self, size: int = -1) -> bytes:
        """The next bytes: as many as asked for unless the vault ends there, all that is left if below 0.

        Raises:
            Unsealable: the next chunk was changed, or the vault is cut short or goes on where it ended.
        """
        parts = []
        while size and (self._plaintext or not self._ended):
            if not self._plaintext:
                self._plaintext = memoryview(self._open())
            part = self._plaintext[:size] if size > 0 else self._plaintext
            self._plaintext = self._plaintext[len(part) :]
            parts.append(part)
            size -= len(part) if size > 0 else 0
        return b"".join(parts)

    def _open(self) -> bytes:
        if self._damage:
            raise Unsealable(self._damage)
        # The first byte of the next chunk says that this one is not the last.
        sealed = self._ahead + _take(self._file, CHUNK + _TAG + 1 - len(self._ahead))
        self._ahead = sealed[CHUNK + _TAG :]
        last = not self._ahead
        try:
            plaintext = self._cipher.decrypt(_nonce(self._chunks, last=last), sealed[: CHUNK + _TAG], None)
        except InvalidTag:
            self._damage = f"it was changed or cut short after the first {self._chunks * CHUNK} bytes in it"
            raise Unsealable(self._damage) from None
        self._chunks += 1
        self._ended = last
        return plaintext


def _keys(key: bytes, salt: bytes) -> tuple[MacKey, AESGCM]:
    if len(key) != SECRET_SIZE:
        raise ValueError(f"the key of a vault is {SECRET_SIZE} bytes, not {len(key)}")

    def derived(purpose: bytes) -> bytes:
        info = b"lts vault: " + purpose
        return HKDF(algorithm=SHA256(), length=SECRET_SIZE, salt=salt, info=info).derive(key)

    return MacKey("vault", derived(b"head")), AESGCM(derived(b"chunks"))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))


def _take(file: Readable, size: int) -> bytes:
    taken = bytearray()
    while len(taken) < size and (more := file.read(size - len(taken))):
        taken += more
    return bytes(taken)
