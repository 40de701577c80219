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

    __slots__ = ("_arrived", "_latest", "_urgent", "conflated")

    def __init__(self) -> None:
        self._urgent: deque[Waiting] = deque()
        self._arrived: deque[Waiting | tuple[type, Any]] = deque()
        self._latest: dict[tuple[type, Any], Waiting] = {}
        self.conflated = 0

    def put(self, handler: Callable[[Any], Any], message: Any, cause: int) -> None:
        """Let a message wait; a LATEST one replaces its elder under the same key, in the elder's place."""
        match message.delivery:
            case Delivery.EVERY:
                self._arrived.append((handler, message, cause))
            case Delivery.URGENT:
                self._urgent.append((handler, message, cause))
            case Delivery.LATEST:
                slot = (message.__class__, message.key)
                if slot in self._latest:
                    self.conflated += 1
                else:
                    self._arrived.append(slot)
                self._latest[slot] = (handler, message, cause)

    def take(self) -> Waiting:
        """Remove and return what is next in line.

        Raises:
            IndexError: nothing waits.
        """
        if self._urgent:
            return self._urgent.popleft()
        return self._opened(self._arrived.popleft())

    def remove(self, unwanted: Callable[[Any], bool]) -> list[Any]:
        """Take out every message that `unwanted` says yes to, and return them in order."""
        kept: list[Waiting] = []
        removed: list[Waiting] = []
        while self:
            waiting = self.take()
            (removed if unwanted(waiting[1]) else kept).append(waiting)
        for waiting in kept:
            self.put(*waiting)
        return [message for _, message, _ in removed]

    def __len__(self) -> int:
        return len(self._urgent) + len(self._arrived)

    def _opened(self, entry: Waiting | tuple[type, Any]) -> Waiting:
        return entry if len(entry) == 3 else self._latest.pop(entry)  # noqa: PLR2004 - a slot is a pair
