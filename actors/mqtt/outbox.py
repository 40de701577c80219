"""The outbox: what waits for the broker and is in no journal, bounded; what finds no room leaves a gap."""

import asyncio
from collections.abc import Hashable
from itertools import islice

from actors.mqtt.letters import Update


class Outbox:
    """What waits, in order. Of what only the latest counts, the newest has the oldest place.

    Args:
        most: of what each one counts, so many may wait; of the rest there is one for each slot.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Hashable, Update] = {}
        self._each = 0
        self._next = 0
        self.conflated = 0
        self.dropped = 0
        self.filled = asyncio.Event()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def put(self, update: Update) -> None:
        """Have something wait, if there is room."""
        if update.slot is not None:
            self.conflated += update.slot in self._waiting
            self._waiting[update.slot] = update
        elif self._each < self._most:
            self._each += 1
            self._next += 1
            self._waiting[self._next] = update
        else:
            self.dropped += 1
            return
        self.filled.set()

    def take(self, most: int) -> list[Update]:
        """Take what waits, the oldest first."""
        places = list(islice(self._waiting, most))
        taken = [self._waiting.pop(place) for place in places]
        self._each -= sum(each.slot is None for each in taken)
        if not self._waiting:
            self.filled.clear()
        return taken

    def put_back(self, updates: list[Update]) -> None:
        """Have what was not taken by the broker wait again, ahead of the rest, unless there is newer."""
        again: dict[Hashable, Update] = {}
        for update in updates:
            place = update.slot
            if place is None:
                self._each += 1
                self._next += 1
                place = self._next
            again[place] = update
        self.conflated += len(again.keys() & self._waiting.keys())
        self._waiting = {**again, **self._waiting}
        if self._waiting:
            self.filled.set()
