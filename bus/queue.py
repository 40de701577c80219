"""The queue in which every message waits first: one entry a publish, whoever hears it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import length_hint
from typing import Any

from bus.message import Delivery
from bus.router import Handler, Router, Targets

Entry = tuple[Targets, Any, int]
"""Who gets it, the message, and its cause."""


class _NoCell:
    """Stands where a cell stands, in the entries that are not for one actor."""

    name = "the bus"
    lane = None


class CommonQueue:
    """Entries in the order of their delivery: a plain list, because a publish appends to it."""

    def __init__(self, router: Router, deliver_newest: Handler) -> None:
        self.entries: list[Entry] = []
        self.reader: Iterator[Entry] | None = None
        """Where a drain is, None when there is none: a list's iterator, which goes on to what is appended."""
        self.conflated = 0
        self._router = router
        self._urgent_end = 0
        self._newest: Targets = ((_NoCell(), deliver_newest),)  # type: ignore[assignment]

    def entrance(self, delivery: Delivery) -> Callable[[Entry], None]:
        """Return how entries of one delivery come into the queue."""
        match delivery:
            case Delivery.EVERY:
                return self.entries.append
            case Delivery.URGENT:
                return self.put_first
            case Delivery.LATEST:
                return self.put_newest

    def entrance_of_series(self, delivery: Delivery) -> Callable[[Entry], None]:
        """Return how an entry comes in that is never conflated: it is one of a series."""
        return self.put_first if delivery is Delivery.URGENT else self.entries.append

    def put_first(self, entry: Entry) -> None:
        """Insert ahead of all that is not urgent: right after the reader's place and earlier urgent ones."""
        place = 0 if self.reader is None else len(self.entries) - length_hint(self.reader)
        self._urgent_end = max(place, self._urgent_end)
        self.entries.insert(self._urgent_end, entry)
        self._urgent_end += 1

    def put_newest(self, entry: Entry) -> None:
        """Take the place of an elder with the same key that is queued still, or queue up."""
        _, message, cause = entry
        newest = self._router.of(message.__class__).newest
        if message.key in newest:
            self.conflated += 1
        else:
            self.entries.append((self._newest, message, cause))
        newest[message.key] = message, cause

    def newest(self, first: Any) -> Entry:
        """Return, once, what took the place of the first of a LATEST key."""
        routes = self._router.of(first.__class__)
        return (routes.targets(first.key), *routes.newest.pop(first.key))

    def forget_read(self, reader: Iterator[Entry]) -> int:
        """Stop reading, drop what was read, and return how many entries that were."""
        entries = self.entries
        done = len(entries) - length_hint(reader)
        del entries[:done]
        self.reader = None
        if self._urgent_end:
            self._urgent_end = max(0, self._urgent_end - done)
        return done

    def take_all(self) -> Iterator[Entry]:
        """Empty the queue, and return what was in it."""
        entries = self.entries[:]
        self.entries.clear()
        self._urgent_end = 0
        for entry in entries:
            yield self.newest(entry[1]) if entry[0] is self._newest else entry
