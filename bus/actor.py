"""An actor: private state, handlers of messages, and a port to the bus that is as wide as declared."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import structlog

from bus.calls import ERRAND, Ask, Send, Undeclared, objection_to, unowned
from bus.clock import MarketClock, SystemClock, pause
from bus.later import Later
from bus.message import Event, Message, Request

if TYPE_CHECKING:
    from bus.cell import Cell
    from bus.dispatcher import Dispatcher
    from bus.drivers import Moment
    from bus.router import Routes, Targets
    from bus.system import Bus
    from bus.wiring import Enter, Outlets, Owners

P = TypeVar("P")
R = TypeVar("R")

PATIENCE = 5.0
"""Seconds that an ask waits unless told otherwise."""
INLINE = 1024
"""How many messages an ask may drain in place before it really waits."""
BREATH = 256
"""Asks that may be answered in place, one after the other, before the event loop gets its turn."""


class Actor(Generic[P]):
    """Private state and the handlers that change it, one message at a time.

    Subclasses mark handlers with `@on` and timers with `@every`, declare what
    they publish and ask, and make their state in `lifespan`: it runs at every
    start, so a restart is just another start. `params` is opaque to the bus.
    """

    publishes: ClassVar[tuple[type[Event], ...]] = ()
    """The events that this class may publish."""
    asks: ClassVar[tuple[type[Request[Any]], ...]] = ()
    """The requests that this class may send or ask."""
    external: ClassVar[bool] = False
    """Whether what it publishes comes from outside the process, and so is numbered and witnessed."""

    spawns: ClassVar[bool] = False
    """Whether this class may start, widen and end other actors."""

    __slots__ = (
        "_bus",
        "_cell",
        "_dispatcher",
        "_outlets",
        "_owners",
        "assignment",
        "clock",
        "name",
        "params",
        "scope",
    )

    name: str
    params: P
    assignment: Any
    """What this instance is here for, as whoever spawned it says; opaque to the bus, like `params`."""
    scope: Mapping[str, Any]
    clock: MarketClock
    """Market time."""
    _bus: Bus
    _cell: Cell
    _dispatcher: Dispatcher
    _outlets: Outlets
    _owners: Owners

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Make the actor's state, `yield` once while it lives, then clean up."""
        yield

    @property
    def system(self) -> SystemClock:
        """System time: for tokens, time-outs and measurements, never for decisions."""
        return self._bus.system

    @property
    def cause(self) -> int:
        """The number of the input that set off what is being handled; 0 if none did."""
        return ERRAND.get().cause if self._cell.asynchronous else self._dispatcher.cause

    @property
    def log(self) -> Any:
        """A structured logger that knows the actor's name and the cause of what is being handled."""
        return structlog.get_logger(actor=self.name, cause=self.cause)

    def publish(self, event: Event) -> None:
        """Tell a fact to all who listen. It never waits.

        Raises:
            Undeclared: the event's type is not among those granted.
        """
        dispatcher = self._dispatcher
        try:
            table, enter = self._outlets[type(event)]
            targets = table[event.key]
        except KeyError:
            enter, targets = self.__first_with_this_key(event)
        enter((targets, event, dispatcher.cause))
        if not dispatcher.awake:
            dispatcher.wake()

    def send(self, request: Request[Any]) -> None:
        """Put a request to its owner and go on; its answer, a message, arrives at this actor's own handler.

        A request that gets no answer comes back as `Undeliverable`.

        Raises:
            Undeclared: the request's type is not among those granted.
        """
        routes, enter = self.__way_to_owner(request)
        dispatcher, cell = self._dispatcher, self._cell
        cause = ERRAND.get().cause if cell.asynchronous else dispatcher.cause
        call = Send(request, cell, cause)
        targets = routes.table.get(request.key) or routes.targets(request.key)
        if not targets:
            self._bus.supervisor.refuse(call, unowned(request))
            return
        enter((targets, call, cause))
        if not dispatcher.awake:
            dispatcher.wake()

    async def ask(self, request: Request[R], within: float = PATIENCE) -> R:
        """Put a request to its owner and await the answer.

        Args:
            request: the question or command.
            within: the deadline, in seconds of system time.

        Raises:
            AskTimeout: no answer within the deadline.
            AskCycle: the owner waits for this actor, directly or through others.
            Unowned, OwnerFailed: nobody can answer.
            Undeclared: the request's type is not among those granted.
        """
        routes, enter = self.__way_to_owner(request)
        call = Ask(request, self._cell)
        targets = routes.table.get(request.key) or routes.targets(request.key)
        held = ERRAND.get().holds is self._cell
        owners = (targets[0][0],) if targets else ()
        if refusal := objection_to(request, self._cell, owners, held=held):
            self._bus.supervisor.refuse(call, refusal)
        else:
            dispatcher = self._dispatcher
            dispatcher.awake = True
            enter((targets, call, self.cause))
            if not dispatcher.drain(INLINE):
                dispatcher.wake()
            dispatcher.asks += 1
            if not call.done:
                with self._cell.waiting_for(targets[0][0]) if held else nullcontext():
                    await call.wait(within)
            elif not dispatcher.asks % BREATH:
                await pause(0)
        answer: R = call.result()
        return answer

    def after(self, seconds: float, message: Event) -> None:
        """Deliver a message to this actor alone, `seconds` of market time from now."""
        self._bus.supervisor.appoint(self._cell, seconds, message)

    def later(self, *, holds: bool = True) -> Later[Any]:
        """Return what a plain handler returns in the place of an answer that it will give later.

        Args:
            holds: whether a replay's market time stands still, and a stop waits, until it is given.
        """
        return Later(self._cell, self._dispatcher, holds=holds)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine beside the handlers; if it raises, the actor has failed. It ends with the actor."""
        self._bus.supervisor.adopt(self._cell, work)

    def replay(self, moments: Iterator[Moment]) -> None:
        """Hand a finite series of moments to the driver, which publishes each in its turn."""
        self._bus.driver.replay(self._cell, self._outlets, moments)

    def take_in(self, event: Event) -> None:
        """Publish an input from outside when its turn has come: in a replay, when nothing is under way.

        For those whose class says that it is `external`. What is to have the same consequences whenever
        the session is replayed comes in like this.

        Raises:
            Undeclared: the event's type is not among those granted, or the class is not external.
        """
        if event.__class__ not in self._outlets or not self.external:
            raise self.__undeclared(event, "publishes")
        self._bus.driver.take_in(self._cell, event)

    def give_up(self, message: Message, reason: str) -> None:
        """Make a dead letter of a message that this actor can do nothing with, without having failed."""
        self._bus.supervisor.dead_letter(self._cell, message, reason)

    def spawn(self, actor_class: type[Actor[Any]], params: Any, **how: Any) -> str:
        """Start another actor, for those whose class says that it `spawns`; return its name.

        The keywords are those of `Bus.spawn`.

        Raises:
            Undeclared: the class does not say so.
            NameTaken, OwnerConflict: as `Bus.spawn`.
        """
        if not self.spawns:
            raise Undeclared(f"{self.name} may not spawn actors")
        return self._bus.spawn(actor_class, params, **how).name

    async def dismiss(self, name: str, within: float = PATIENCE) -> bool:
        """End another actor, for those whose class says that it `spawns`; see `Bus.dismiss`.

        Raises:
            Undeclared: the class does not say so.
        """
        if not self.spawns:
            raise Undeclared(f"{self.name} may not end actors")
        return await self._bus.dismiss(name, within)

    def widen(self, name: str, scope: Mapping[str, Iterable[Any]]) -> None:
        """Have another actor hear more keys, for those whose class says that it `spawns`; see `Bus.widen`.

        Raises:
            Undeclared: the class does not say so.
            KeyError: as `Bus.widen`.
        """
        if not self.spawns:
            raise Undeclared(f"{self.name} may not widen what others hear")
        self._bus.widen(name, scope)

    async def room(self) -> None:
        """Wait while mailboxes are too full: what a live feed awaits before it publishes more."""
        await self._bus.dispatcher.pressure.room()

    def forget(self, unwanted: Callable[[Any], bool]) -> int:
        """Drop the events in this actor's mailbox that it knows already, and return how many they were."""
        return self._bus.supervisor.forget(self._cell, unwanted)

    def __first_with_this_key(self, event: Event) -> tuple[Enter, Targets]:
        if event.__class__ not in self._outlets:
            raise self.__undeclared(event, "publishes")
        routes = self._bus.router.of(event.__class__)
        return self._outlets[event.__class__][1], routes.targets(event.key)

    def __way_to_owner(self, request: Request[Any]) -> tuple[Routes, Enter]:
        try:
            return self._owners[request.__class__]
        except KeyError:
            raise self.__undeclared(request, "asks") from None

    def __undeclared(self, message: Message, word: str) -> Undeclared:
        name = type(message).__name__
        return Undeclared(f"{self.name} may not use {name}: it is not in what its {word} grants")
