"""Listings: what is stored, page by page, and the marks at which a listing goes on.

A listing names what it is limited to, and at most how many it wants. It is answered with a page, whose
`next` is the mark to ask with for what follows; it is empty where nothing does. Rows that are added in
between neither repeat nor hide any that were there.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from bus.message import Event

FEW, MOST = 100, 500
"""How many a page has, unless it is told, and at most."""

_LONGEST = 1_024
_LEAST, _GREATEST = -(2**63), 2**63 - 1


class NotListed(Event):
    """Nothing was looked up, for this reason: the question cannot be answered as it was put."""

    reason: str


def mark(values: tuple[str | int, ...]) -> str:
    """Return the mark of a place in an order, as text that goes into an address as it is.

    >>> place(mark((1_700_000_000, "main-X-000001")), (int, str))
    (1700000000, 'main-X-000001')
    """
    return urlsafe_b64encode(msgspec.json.encode(values)).rstrip(b"=").decode()


def place(text: str, types: tuple[type, ...]) -> tuple[str | int, ...]:
    """Return the place that a mark is of; ValueError unless it has values of these types.

    >>> place("nonsense", (int, str))
    Traceback (most recent call last):
    ...
    ValueError: 'nonsense' marks no place in this listing
    """
    try:
        decoded = urlsafe_b64decode(text[:_LONGEST].encode("ascii") + b"=" * (-len(text) % 4))
        values = msgspec.json.decode(decoded, type=tuple[str | int, ...])
    except (ValueError, msgspec.DecodeError):
        values = ()
    if tuple(map(type, values)) != types or not all(map(_is_storable, values)):
        raise ValueError(f"{text[:40]!r} marks no place in this listing")
    return values


def is_plain(text: str) -> bool:
    """Whether a text can be looked for: some databases take no NUL, and none takes half a character."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _is_storable(value: str | int) -> bool:
    return is_plain(value) if isinstance(value, str) else _LEAST <= value <= _GREATEST
