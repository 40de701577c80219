"""An outbox: what waits for one reader, bounded, so that who reads slowly costs only themselves."""

from collections.abc import Hashable

from actors.api.stream.told import Told

MOST = 1_000
"""Of what each one counts, so many may wait."""
AT_ONCE = 32_768
"""Bytes, about, that are taken at once."""


class Outbox:
    """What waits for a reader, in order. Of what only the latest counts, the newest has the oldest place."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._waiting: dict[Hashable, Told] = {}
        self._next = 0
        self.each = 0
        """How many wait of which each one counts."""
        self.conflated = 0
        """How many were not sent because a newer one took their place."""

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def put(self, told: Told) -> bool:
        """Have something wait; False: there is no room, and the reader would miss it."""
        if told.slot is None:
            if self.each >= self._most:
                return False
            self.each += 1
            self._next += 1
            self._waiting[self._next] = told
        else:
            self.conflated += told.slot in self._waiting
            self._waiting[told.slot] = told
        return True

    def take(self, at_once: int = AT_ONCE) -> list[Told]:
        """Take what waits, the oldest first: at least one, if there is any, and about so many bytes."""
        taken: list[Told] = []
        size = 0
        for told in self._waiting.values():
            taken.append(told)
            size += len(told.body)
            if size >= at_once:
                break
        if len(taken) == len(self._waiting):
            self.clear()
        else:
            for place in list(self._waiting)[: len(taken)]:
                self.each -= self._waiting.pop(place).slot is None
        return taken

    def clear(self) -> None:
        """Let nothing wait any more."""
        self._waiting.clear()
        self.each = 0
