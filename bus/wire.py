"""Messages as text and back: one canonical JSON object each, under a versioned name.

>>> from bus import Event
>>> class Ticked(Event, version=2):
...     symbol: str
...     price: float
>>> wire = Wire([Ticked])
>>> wire.encode(Ticked("ABC", 1.5))
b'{"type":"Ticked/2","body":{"price":1.5,"symbol":"ABC"}}'

Decimals travel as strings, times as whole nanoseconds, floats so that they come
back bit by bit. What is not finite does not travel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import isfinite
from typing import Any

import msgspec

from bus.message import Message

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, ValueError)
_UNWRITABLE = (UnicodeEncodeError, RecursionError, TypeError, ValueError)


class Garbled(Exception):
    """This is no message that can travel: what it should have been, and what is wrong with it."""


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """A message as it travels."""

    type: str
    body: msgspec.Raw


class Wire:
    """Turns messages of the given types into bytes, or plain values, and back.

    Raises:
        ValueError: two of the types have one name and version.
    """

    def __init__(self, types: Iterable[type[Message]]) -> None:
        self._encoder = msgspec.json.Encoder(order="deterministic")
        self._envelope = msgspec.json.Decoder(_Envelope)
        self._types: dict[str, type[Message]] = {}
        for each in types:
            if self._types.setdefault(name_of(each), each) is not each:
                raise ValueError(f"two types of message are called {name_of(each)}")
        self._decoders = {name: msgspec.json.Decoder(each) for name, each in self._types.items()}

    def encode(self, message: Message) -> bytes:
        """Return the one form in which a message travels.

        Raises:
            Garbled: its type is not one of the given, or something in it has no place in JSON.
        """
        return b'{"type":"%b","body":%b}' % (self._name(message).encode(), self._body(message))

    def decode(self, data: bytes) -> Message:
        """Return the message that travelled.

        Raises:
            Garbled: it is malformed, of an unknown type or version, or a value in it is of the wrong type.
        """
        try:
            envelope = self._envelope.decode(data)
        except _UNREADABLE as error:
            raise Garbled(f"not a message: {error}") from None
        decoder = self._decoders.get(envelope.type)
        if decoder is None:
            raise self._unknown(envelope.type)
        try:
            message = decoder.decode(envelope.body)
        except _UNREADABLE as error:
            raise Garbled(f"{envelope.type}: {error}") from None
        text = data.lower()
        if b"nan" in text or b"inf" in text:
            self._body(message)
        return message

    def describe(self, message: Message) -> dict[str, Any]:
        """Return a message as plain values, which JSON can hold.

        Raises:
            Garbled: as `encode`.
        """
        name, body = self._name(message), self._body(message)
        return {"type": name, "body": msgspec.json.decode(body)}

    def read(self, description: Mapping[str, Any]) -> Message:
        """Return the message that was described.

        Raises:
            Garbled: as `decode`.
        """
        match description:
            case {"type": str(name), "body": dict(body), **rest} if not rest:
                pass
            case _:
                raise Garbled("not a message: it has a type and a body, and nothing else")
        if name not in self._types:
            raise self._unknown(name)
        try:
            message = msgspec.convert(body, self._types[name], str_keys=True)
        except _UNREADABLE as error:
            raise Garbled(f"{name}: {error}") from None
        self._body(message)
        return message

    def _name(self, message: Message) -> str:
        name = name_of(type(message))
        if self._types.get(name) is not type(message):
            raise self._unknown(name)
        return name

    def _body(self, message: Message) -> bytes:
        """The message's fields in the order of their names; what is not finite is looked for on suspicion."""
        try:
            body = self._encoder.encode(msgspec.to_builtins(message, str_keys=True))
        except _UNWRITABLE as error:
            raise Garbled(f"{name_of(type(message))}: {error}") from None
        if b"null" in body or b"NaN" in body or b"Infinity" in body:
            _refuse_what_is_not_finite(message, name_of(type(message)))
        return body

    def _unknown(self, name: str) -> Garbled:
        return Garbled(f"{name[:100]!r} is not a message known here, in this version")


def name_of(message_type: type[Message]) -> str:
    """Return what a type of message is called outside: its name and version."""
    return f"{message_type.__name__}/{message_type.version}"


def _refuse_what_is_not_finite(message: Message, where: str) -> None:
    remaining = [msgspec.to_builtins(message, builtin_types=(Decimal,), str_keys=True)]
    while remaining:
        match remaining.pop():
            case dict() as fields:
                remaining.extend(fields.values())
            case list() | tuple() as items:
                remaining.extend(items)
            case Decimal() as number if not number.is_finite():
                raise Garbled(f"{where}: {number} is not a finite number")
            case float() as number if not isfinite(number):
                raise Garbled(f"{where}: {number} is not a finite number")
