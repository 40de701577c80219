"""A message with market data as it arrives: whose it is, and what it says, or why it is of no use."""

from base64 import b64decode
from collections.abc import Mapping
from hashlib import sha256
from math import isfinite
from typing import NamedTuple

import msgspec

from lts.sdk import Bar, Quote, Trade, is_signed

MOST_BYTES = 16_384
WORDS: Mapping[str, type[Quote | Trade | Bar]] = {"quote": Quote, "trade": Trade, "bar": Bar}
"""What the last word of a topic says that comes under it."""


class Unusable(Exception):
    """A message that is not taken; its word is what it is counted as."""


class Told(NamedTuple):
    """Something of a market, and by what it is numbered: since when, and how far; 0 if it is not."""

    event: Quote | Trade | Bar
    at: int
    prices: tuple[float, ...]
    """All of it, the one that tells most last."""
    number: tuple[int, int]


class _Envelope(msgspec.Struct, frozen=True):
    schema: str
    node: str
    body: msgspec.Raw
    seq: int = 0
    since: int = 0
    signature: str = ""


_open = msgspec.json.Decoder(_Envelope).decode
_BODIES = {name: msgspec.json.Decoder(kind).decode for name, kind in WORDS.items()}


def told(topic: str, payload: bytes, symbol: str, sources: frozenset[str], keys: Mapping[str, bytes]) -> Told:
    """Return what a message tells of an instrument.

    Args:
        topic: under which it came.
        payload: one JSON object, as a node of LTS publishes it.
        symbol: the instrument.
        sources: whose messages are taken.
        keys: the public keys of those that sign.

    Raises:
        Unusable: it is not taken.
    """
    if len(payload) > MOST_BYTES:
        raise Unusable("oversized")
    word = topic.rpartition("/")[2]
    try:
        envelope = _open(payload)
        if envelope.node not in sources:
            raise Unusable("unknown-source")
        if word not in WORDS or envelope.schema != f"{WORDS[word].__name__}/1":
            raise Unusable("malformed")
        if key := keys.get(envelope.node):
            _check_signature(topic, envelope, key)
        event = _BODIES[word](envelope.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unusable("malformed") from None
    if event.instrument != symbol:
        raise Unusable("another-instrument")
    return _checked(event, (envelope.since, envelope.seq))


def signed_text(topic: str, source: str, body: bytes) -> bytes:
    """Return what a source signs: the topic, itself, and the body letter by letter.

    >>> print(signed_text("lts/v1/n/in/market/X/trade", "lab", b"{}").decode())
    lts-market/1
    topic: lts/v1/n/in/market/X/trade
    source: lab
    sha-256: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
    """
    lines = ("lts-market/1", f"topic: {topic}", f"source: {source}", f"sha-256: {sha256(body).hexdigest()}")
    return "\n".join(lines).encode()


def _check_signature(topic: str, envelope: _Envelope, key: bytes) -> None:
    try:
        signature = b64decode(envelope.signature, validate=True)
    except ValueError:
        raise Unusable("bad-signature") from None
    if not is_signed(key, signature, signed_text(topic, envelope.node, bytes(envelope.body))):
        raise Unusable("bad-signature")


def _checked(event: Quote | Trade | Bar, number: tuple[int, int]) -> Told:
    """Return what can be true of a market; raises Unusable."""
    prices: tuple[float, ...]
    sizes: tuple[float, ...]
    match event:
        case Quote():
            prices = (event.bid, event.ask, (event.bid + event.ask) / 2)
            at, sizes, makes_sense = event.at, (event.bid_size, event.ask_size), event.bid <= event.ask
        case Trade():
            at, prices, sizes, makes_sense = event.at, (event.price,), (event.size,), True
        case Bar():
            prices = (event.open, event.high, event.low, event.close)
            at, sizes = event.closed_at, (event.volume,)
            makes_sense = event.opened_at < at and (event.low, event.high) == (min(prices), max(prices))
    possible = all(isfinite(each) and each > 0 for each in prices)
    if not (makes_sense and possible and all(isfinite(each) and each >= 0 for each in sizes)):
        raise Unusable("out-of-range")
    return Told(event, at, prices, number)
