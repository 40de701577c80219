"""Connects an actor to the bus: its handlers to the routes, and its port to what it may publish and ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import isasyncgenfunction
from typing import Any

from bus.actor import Actor
from bus.calls import ERRAND, Undeclared, answering, answering_later, answering_once_known
from bus.cell import Cell
from bus.dispatcher import Dispatcher
from bus.handlers import Hearing, beats, hearings
from bus.mailbox import Mailbox
from bus.message import Event, Message, Request
from bus.queue import Entry
from bus.router import Handler, OwnerConflict, Router, Routes, Targets

Keys = frozenset[Any] | None
Enter = Callable[[Entry], None]
Outlets = dict[type[Message], tuple[dict[Any, Targets], Enter]]
"""For each event that a port carries: the route table, and how an entry comes into the queue."""
Owners = dict[type[Message], tuple[Routes, Enter]]
"""The same for each request that a port carries."""


class Wiring:
    """Makes and unmakes the connections between cells and routes."""

    def __init__(self, router: Router, dispatcher: Dispatcher) -> None:
        self._router = router
        self._dispatcher = dispatcher
        self._shared: dict[tuple[type[Event], ...], Outlets] = {}
        self._asked: dict[tuple[type[Request[Any]], ...], Owners] = {}

    def connect(
        self,
        cell: Cell,
        publishes: Iterable[type[Event]],
        asks: Iterable[type[Request[Any]]],
        hears: Iterable[type[Message]] | None,
    ) -> None:
        """Subscribe a cell's actor to what it hears within its scope, and open its port.

        Raises:
            OwnerConflict: it hears a request that has an owner already.
            Undeclared: it hears what is not among `hears`.
            TypeError: its class, or what it is granted, makes no sense.
        """
        actor = cell.actor
        cell.external = actor.external
        kind = type(actor)
        publishes, asks = tuple(publishes), tuple(asks)
        _refuse_nonsense(kind, publishes, asks)
        awaits = [each.asynchronous for each in hearings(kind)] + [each.asynchronous for each in beats(kind)]
        cell.asynchronous = any(awaits)
        if cell.asynchronous or self._dispatcher.seeded:
            cell.lane = Mailbox()
        actor._cell = cell  # noqa: SLF001 - an actor's port is this module's to fill
        actor._dispatcher = self._dispatcher  # noqa: SLF001
        actor._outlets = self._outlets(cell, publishes)  # noqa: SLF001
        actor._owners = self._owners_of(asks)  # noqa: SLF001
        if hears is not None:
            self._refuse_eavesdropping(cell, frozenset(hears))
        for hearing, keys in self._subscriptions(cell):
            self._router.of(hearing.message_type).add((cell, self._bound(cell, hearing)), keys)

    def disconnect(self, cell: Cell) -> None:
        """Unsubscribe a cell from all that it hears."""
        for hearing, keys in self._subscriptions(cell):
            self._router.of(hearing.message_type).remove(cell, keys)

    def widen(self, cell: Cell, more: Mapping[str, Iterable[Any]]) -> None:
        """Subscribe a cell to more keys of the fields that its scope limits.

        Raises:
            KeyError: its scope does not limit such a field.
            OwnerConflict: it hears a request that has an owner for such a key already.
        """
        actor = cell.actor
        known = {field: _keys(actor.scope[field]) for field in more}
        new = {field: frozenset(keys) - known[field] for field, keys in more.items()}
        added: list[tuple[Routes, frozenset[Any]]] = []
        try:
            for hearing in hearings(type(actor)):
                field = hearing.message_type.key_name
                if field is not None and (keys := new.get(field)):
                    routes = self._router.of(hearing.message_type)
                    routes.add((cell, self._bound(cell, hearing)), keys)
                    added.append((routes, keys))
        except OwnerConflict:
            for routes, keys in added:
                routes.remove(cell, keys)
            raise
        actor.scope = {**actor.scope, **{field: known[field] | new[field] for field in more}}

    def handler(self, cell: Cell, message_type: type[Message]) -> Handler | None:
        """Return the actor's own handler of a type, None if it has none."""
        known = cell.handlers
        if message_type not in known:
            found = (each for each in hearings(type(cell.actor)) if each.message_type is message_type)
            hearing = next(found, None)
            known[message_type] = None if hearing is None else self._bound(cell, hearing)
        return known[message_type]

    def _refuse_eavesdropping(self, cell: Cell, granted: frozenset[type[Message]]) -> None:
        for hearing in hearings(type(cell.actor)):
            own = hearing.message_type.__module__ == type(cell.actor).__module__
            if not own and hearing.message_type not in granted:
                name = hearing.message_type.__name__
                raise Undeclared(f"{cell.name} may not hear {name}: it is not in what its hears grants")

    def _bound(self, cell: Cell, hearing: Hearing) -> Handler:
        method: Handler = getattr(cell.actor, hearing.method)
        if not issubclass(hearing.message_type, Request):
            return method
        if hearing.later:
            return answering_once_known(method)
        return answering_later(method) if hearing.asynchronous else answering(method)

    def _subscriptions(self, cell: Cell) -> Iterator[tuple[Hearing, Keys]]:
        """Each hearing with its keys: those of the scope for the type's key field, or None for all."""
        for hearing in hearings(type(cell.actor)):
            field, scope = hearing.message_type.key_name, cell.actor.scope
            if field is None or field not in scope:
                yield hearing, None
            else:
                yield hearing, _keys(scope[field])

    def _outlets(self, cell: Cell, granted: tuple[type[Event], ...]) -> Outlets:
        """The port of a cell: a look-up in it is route table and capability check in one.

        Deciders with the same grants share one; whoever awaits or comes from outside has its own.
        """
        if cell.external or cell.asynchronous:
            return {each: (self._router.of(each).table, self._door(cell, each)) for each in granted}
        if granted not in self._shared:
            entrance = self._dispatcher.queue.entrance
            self._shared[granted] = {
                each: (self._router.of(each).table, entrance(each.delivery)) for each in granted
            }
        return self._shared[granted]

    def _owners_of(self, granted: tuple[type[Request[Any]], ...]) -> Owners:
        if granted not in self._asked:
            entrance = self._dispatcher.queue.entrance
            self._asked[granted] = {
                each: (self._router.of(each), entrance(each.delivery)) for each in granted
            }
        return self._asked[granted]

    def _door(self, cell: Cell, event_type: type[Event]) -> Enter:
        """How events enter from outside a drain: as inputs, or with the cause of a task's errand."""
        routes, dispatcher = self._router.of(event_type), self._dispatcher
        if cell.external:

            def accept(entry: Entry) -> None:
                dispatcher.accept(routes, entry[1], cell.name)

            return accept
        enter = dispatcher.queue.entrance(event_type.delivery)

        def stamp(entry: Entry) -> None:
            enter((entry[0], entry[1], ERRAND.get().cause))

        return stamp


def _keys(wanted: Any) -> frozenset[Any]:
    """The keys that a scope names for a field: several, or the only one."""
    return wanted if isinstance(wanted, frozenset) else frozenset((wanted,))


def _refuse_nonsense(kind: type[Actor[Any]], publishes: tuple[type, ...], asks: tuple[type, ...]) -> None:
    if not isasyncgenfunction(kind.lifespan):
        raise TypeError(
            f"{kind.__name__}.lifespan must be an async generator: an `async def` with one `yield`"
        )
    for granted, wanted in ((publishes, Event), (asks, Request)):
        for each in granted:
            if not issubclass(each, wanted):
                raise TypeError(f"{kind.__name__} is granted {each.__name__}, which is no {wanted.__name__}")
