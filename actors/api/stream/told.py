"""Something told: encoded once, for however many readers, and framed once for each door."""

from collections.abc import Hashable
from typing import Any, Literal

import msgspec

_encode = msgspec.json.Encoder(decimal_format="string").encode
_SHORT, _MIDDLE = 126, 65_536
_TEXT = 0x81
"""The first byte of a frame that is a whole text (RFC 6455, section 5.2)."""


class News(msgspec.Struct, frozen=True):
    """What readers get: the snapshot of something, or an event."""

    type: Literal["snapshot", "event"]
    topic: str
    key: str
    seq: int
    """In the journal, of what is journalled; else of this topic and key. A snapshot is as of a number."""
    data: Any


class Told:
    """What is sent to readers, as one JSON object."""

    __slots__ = ("_frame", "body", "journalled", "name", "seq", "slot")

    def __init__(
        self, view: Any, name: str, *, slot: Hashable = None, seq: int = 0, journalled: bool = False
    ) -> None:
        self.body = _encode(view)
        self.name = name
        """The topic, or what sort of answer it is."""
        self.slot = slot
        """Of what it is the latest; None: each one counts."""
        self.seq = seq
        self.journalled = journalled
        self._frame = b""

    @property
    def frame(self) -> bytes:
        """As a frame of a WebSocket."""
        if not self._frame:
            self._frame = framed(self.body)
        return self._frame

    @property
    def line(self) -> bytes:
        """As a server-sent event; those that are journalled have their number as id."""
        number = b"id: %d\n" % self.seq if self.journalled else b""
        return b"%bevent: %b\ndata: %b\n\n" % (number, self.name.encode(), self.body)


def framed(payload: bytes) -> bytes:
    r"""Return a text as a server frames it: whole, unmasked, uncompressed.

    >>> framed(b"{}")
    b'\x81\x02{}'
    """
    length = len(payload)
    if length < _SHORT:
        return bytes((_TEXT, length)) + payload
    if length < _MIDDLE:
        return bytes((_TEXT, 126)) + length.to_bytes(2, "big") + payload
    return bytes((_TEXT, 127)) + length.to_bytes(8, "big") + payload
