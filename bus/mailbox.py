"""What waits for one actor: urgent first, then in order of arrival, one slot a LATEST key."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from bus.message import Delivery

Waiting = tuple[Callable[[Any], Any], Any, int]
"""A handler, the message that it will get, and the message's cause."""


class Mailbox:
    """Messages in waiting. An actor that keeps up has none of these: see `Dispatcher`."""

    __slots__ = ("_arrived", "_latest", "_urgent")

    def __init__(self) -> None:
        self._urgent: deque[Waiting] = deque()
        self._arrived: deque[Waiting | tuple[type, Any]] = deque()
        self._latest: dict[tuple[type, Any], Waiting] = {}

    def put(self, handler: Callable[[Any], Any], message: Any, cause: int) -> bool:
        """Let a message wait, and return whether an elder had to go.

        A LATEST one replaces its elder under the same key, in the elder's place.
        """
        match message.delivery:
            case Delivery.EVERY:
                self._arrived.append((handler, message, cause))
            case Delivery.URGENT:
                self._urgent.append((handler, message, cause))
            case Delivery.LATEST:
                slot = (message.__class__, message.key)
                elder = slot in self._latest
                if not elder:
                    self._arrived.append(slot)
                self._latest[slot] = (handler, message, cause)
                return elder
        return False

    def take(self) -> Waiting:
        """Remove and return what is next in line.

        Raises:
            IndexError: nothing waits.
        """
        if self._urgent:
            return self._urgent.popleft()
        entry = self._arrived.popleft()
        return entry if len(entry) == 3 else self._latest.pop(entry)  # noqa: PLR2004 - a slot is a pair

    def remove(self, unwanted: Callable[[Any], bool]) -> list[Any]:
        """Take out every message that `unwanted` says yes to, and return them in order."""
        waiting = [*self._urgent, *map(self._seen, self._arrived)]
        judged = [(each, unwanted(each[1])) for each in waiting]
        self._urgent.clear()
        self._arrived.clear()
        self._latest.clear()
        for each, goes in judged:
            if not goes:
                self.put(*each)
        return [message for (_, message, _), goes in judged if goes]

    def __len__(self) -> int:
        return len(self._urgent) + len(self._arrived)

    def _seen(self, entry: Waiting | tuple[type, Any]) -> Waiting:
        return entry if len(entry) == 3 else self._latest[entry]  # noqa: PLR2004 - as above
