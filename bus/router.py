"""Who gets what: (message type, key) -> the actors that subscribed, in the order they were spawned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bus.cell import Cell
from bus.message import Message, Request

Handler = Callable[[Any], Any]
Target = tuple[Cell, Handler]
Targets = tuple[Target, ...]

REMEMBERED = 65_536
"""How many keys of one type, none of them subscribed to by name, a route table remembers."""


class OwnerConflict(Exception):
    """Two actors claim the same request."""


class Routes:
    """Who hears one type of message.

    `table` answers for the keys seen so far: a plain dictionary, because a
    publish reads it. `targets` answers for every key, and fills the table.
    """

    __slots__ = ("_by_key", "_everyone", "delivery", "message_type", "newest", "table")

    def __init__(self, message_type: type[Message]) -> None:
        self.message_type = message_type
        self.delivery = message_type.delivery
        self.table: dict[Any, Targets] = {}
        self.newest: dict[Any, Any] = {}
        """For a LATEST type: the newest message of each key that is queued, and its cause."""
        self._everyone: dict[Cell, Handler] = {}
        """Who hears every key. There may be thousands, so that one more must not cost a copy of all."""
        self._by_key: dict[Any, Targets] = {}

    def targets(self, key: Any) -> Targets:
        """Return who hears messages with this key."""
        try:
            return self.table[key]
        except KeyError:
            if len(self.table) >= REMEMBERED + len(self._by_key):
                self.table.clear()
            targets = (*self._everyone.items(), *self._by_key.get(key, ()))
            self.table[key] = targets = tuple(sorted(targets, key=_order))
            return targets

    def add(self, target: Target, keys: Iterable[Any] | None) -> None:
        """Subscribe a target, to `keys` alone or (None) to every key.

        Raises:
            OwnerConflict: the type is a request and a key has an owner already.
        """
        wanted = None if keys is None else tuple(keys)
        if issubclass(self.message_type, Request):
            self._refuse_second_owner(target[0], wanted)
        if wanted is None:
            self._everyone[target[0]] = target[1]
            self.table.clear()
            return
        for key in wanted:
            self._by_key[key] = (*self._by_key.get(key, ()), target)
            self.table.pop(key, None)

    def remove(self, cell: Cell, keys: Iterable[Any] | None) -> None:
        """Take back what `add` did for a cell with the same keys."""
        if keys is None:
            self._everyone.pop(cell, None)
            self.table.clear()
            return
        for key in keys:
            left = tuple(target for target in self._by_key.pop(key, ()) if target[0] is not cell)
            if left:
                self._by_key[key] = left
            self.table.pop(key, None)

    def _refuse_second_owner(self, cell: Cell, keys: tuple[Any, ...] | None) -> None:
        claimed = [*self._everyone]
        for key in self._by_key if keys is None else keys:
            claimed += [owner for owner, _ in self._by_key.get(key, ())]
        if claimed:
            name = self.message_type.__name__
            raise OwnerConflict(f"{cell.name} cannot own {name}: {claimed[0].name} owns it already")


class Router:
    """The route tables of all message types."""

    __slots__ = ("_routes",)

    def __init__(self) -> None:
        self._routes: dict[type[Message], Routes] = {}

    def of(self, message_type: type[Message]) -> Routes:
        """Return the route table of a type, made at first use."""
        routes = self._routes.get(message_type)
        if routes is None:
            routes = self._routes[message_type] = Routes(message_type)
        return routes


def _order(target: Target) -> int:
    return target[0].order
