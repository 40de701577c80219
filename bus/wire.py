"""Messages as JSON: one object with a versioned name and the body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from bus.message import Message


class Garbled(Exception):
    """What came in is no message that is known here."""


class Wire:
    """Writes and reads messages of the given types, under the names `Type/version`."""

    def __init__(self, types: Iterable[type[Message]]) -> None:
        self._types = {f"{each.__name__}/{each.version}": each for each in types}

    def describe(self, message: Message) -> dict[str, Any]:
        """Return a message as plain values."""
        name = f"{type(message).__name__}/{message.version}"
        return {"type": name, "body": msgspec.to_builtins(message)}

    def read(self, described: Any) -> Message:
        """Return the message that `describe` described.

        Raises:
            Garbled: it is none.
        """
        try:
            message: Message = msgspec.convert(described["body"], self._types[described["type"]])
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            raise Garbled(f"no message: {error}") from None
        return message
