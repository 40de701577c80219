"""Frames on a stream of bytes: four bytes that say how many follow, and those."""

from __future__ import annotations

from collections.abc import Iterator

HEAD = 4
LIMIT = 16 * 1024 * 1024
"""Bytes that a frame may have. The reader refuses a longer one when it has seen the head of it."""


class Malformed(Exception):
    """What came in is no frame, or none that is read here."""


def frame(payload: bytes) -> bytes:
    """Return a payload as it travels.

    Raises:
        Malformed: it is empty, or longer than `LIMIT`.
    """
    if not 0 < len(payload) <= LIMIT:
        raise Malformed(f"a frame has 1 to {LIMIT:,} bytes, not {len(payload):,}")
    return len(payload).to_bytes(HEAD, "big") + payload


class FrameReader:
    """Cuts what arrives, in pieces of any size, into the payloads that were sent."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take a piece, and return the payloads that are complete with it.

        Raises:
            Malformed: a frame is empty or too long; nothing more can be read then.
        """
        if self._rest:
            self._rest += data
            data = bytes(self._rest) if len(self._rest) >= self._wanted() else b""
            if data:
                self._rest.clear()
        place = 0
        while len(data) - place >= HEAD:
            end = place + HEAD + self._length(data[place : place + HEAD])
            if end > len(data):
                break
            yield data[place + HEAD : end]
            place = end
        if place < len(data):
            self._rest += data[place:]

    def _wanted(self) -> int:
        """How many bytes make the next frame complete, its head included."""
        head = self._rest[:HEAD]
        return HEAD if len(head) < HEAD else HEAD + self._length(head)

    def _length(self, head: bytes | bytearray) -> int:
        length = int.from_bytes(head, "big")
        if not 0 < length <= self._limit:
            raise Malformed(f"a frame of {length:,} bytes is refused: 1 to {self._limit:,} are read")
        return length
