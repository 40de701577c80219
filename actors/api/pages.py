"""Pages: a list in parts, each with a cursor to the next that cannot be read into or altered."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_bytes
from typing import Generic, TypeVar

import msgspec

from actors.api.problems import Kind, Problem, Reason

T = TypeVar("T")

MOST = 500
USUAL = 100
_SEAL = 16
SHORTEST = 22
"""Of a cursor: the letters of its seal."""
Position = tuple[str | int, ...]
"""Where a page ended: the values that its list is ordered by."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list, and where to go on."""

    items: tuple[T, ...]
    next: str | None
    """The cursor of the page that follows; null: this is the last one."""


class Cursors:
    """Makes cursors that only it can make: each is good for one list, in one user's hands."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or token_bytes(32)

    def seal(self, what: str, position: Position) -> str:
        """Return the cursor of a position in a list."""
        body = msgspec.msgpack.encode(position)
        return _text(self._mac(what, body) + body)

    def open(self, what: str, cursor: str) -> Position:
        """Return the position that a cursor of a list stands for.

        Raises:
            Problem: it is none of this list's, or of another start of the API; then there is no such page.
        """
        with suppress(ValueError):
            raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            seal, body = raw[:_SEAL], raw[_SEAL:]
            if compare_digest(seal, self._mac(what, body)) and _text(raw) == cursor:
                return msgspec.msgpack.decode(body, type=Position)
        raise Problem(
            Kind.NOT_FOUND,
            errors=(Reason("query", "/cursor", "it is no cursor of this list; begin without one"),),
        )

    def _mac(self, what: str, body: bytes) -> bytes:
        return blake2b(what.encode() + b"\0" + body, key=self._key, digest_size=_SEAL).digest()


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def page_of(  # noqa: PLR0913, PLR0917 - a list, its order, and where in it
    items: Iterable[T],
    order: Callable[[T], Position],
    cursors: Cursors,
    what: str,
    cursor: str | None,
    limit: int,
) -> Page[T]:
    """Return the part of a whole list that begins behind a cursor.

    Args:
        items: all of them.
        order: what they are ordered by, different for each.
        cursors: who makes the cursors.
        what: the list, and whose; a cursor of another one is refused.
        cursor: where to go on; None: at the beginning.
        limit: how many at most.
    """
    after = None if cursor is None else cursors.open(what, cursor)
    ordered = sorted(items, key=order)
    rest = ordered if after is None else [each for each in ordered if order(each) > after]
    part = tuple(rest[:limit])
    return Page(part, cursors.seal(what, order(part[-1])) if len(rest) > limit else None)
