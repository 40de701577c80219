"""An actor whose body lives in a child process, and looks from outside like any other.

`bus.spawn(Api, params, name="api", home=ChildProcess())` puts a stand-in in the body's place: it hears
what the body's class hears, has its port, its timers and its supervision, and passes everything on.
Whatever ends the child is the actor's failure. What the body merely hears holds up neither its
teller nor market time; a request to it is under way until it is answered.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, ClassVar

import msgspec
import structlog

from bus.actor import Actor
from bus.cell import Cell
from bus.child import Child
from bus.handlers import Beat, beats, every, hearings, on
from bus.later import Later
from bus.letters import Begin, Value
from bus.link import Link
from bus.message import Event, Message, Request
from bus.packing import Packing, Untransportable, path_of, wrapped


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """A home for the body of an actor: a process of its own, which ends when this one does.

    Times are seconds of system time.
    """

    prefix: tuple[str, ...] = ()
    """What stands before the interpreter on the command line: a program that confines what it starts."""
    environment: Mapping[str, str] | None = None
    """The environment; None: this process's own. The search path for modules is added."""
    prepare: str | None = None
    """The import path (`module:function`) of what is called in the child before the body is imported."""
    loop: str | None = None
    """The import path of what makes the child's event loop; None: asyncio's own."""
    comes_up_within: float = 30.0
    """Until the body's lifespan has yielded."""
    ends_within: float = 5.0
    """For the body to finish and clean up, before the process is made to end."""
    patience: float = 10.0
    """Silence after which a child counts as hung."""

    def stand_in_for(self, body: type[Actor[Any]]) -> type[Actor[Any]]:
        """Return the class of what stands in for a body that lives here.

        Raises:
            Untransportable: the class cannot be had in another process.
        """
        path_of(body)
        if body.spawns:
            raise Untransportable(f"{body.__name__} spawns actors, which one in a child process cannot")
        wanted = [hearing.message_type for hearing in hearings(body)]
        events = [each for each in wanted if issubclass(each, Event)]
        requests = [each for each in wanted if issubclass(each, Request)]
        members: dict[str, Any] = {"home": self, "body": body, "__module__": body.__module__}
        members |= {name: getattr(body, name) for name in ("publishes", "asks", "external")}
        members |= {beat.method: _striking(beat) for beat in beats(body)}
        if events:
            members["_tell"] = _passing_on(events)
        if requests:
            members["_put"] = _asking(requests)
        return type(body.__name__, (StandIn,), members)

    def furnish(self, cell: Cell) -> None:
        """Find out whether all that a stand-in has to pass on can get here.

        Raises:
            Untransportable: something cannot; it says what, and why.
        """
        stand_in = cell.actor
        assert isinstance(stand_in, StandIn)  # noqa: S101 - `stand_in_for` has made it
        stand_in.move_in()


class StandIn(Actor[Any]):
    """Has the place of an actor whose body lives in a child process."""

    __slots__ = ("__dict__", "begin", "packing")

    home: ClassVar[ChildProcess]
    body: ClassVar[type[Actor[Any]]]
    link: Link
    begin: Begin
    """What a child needs in order to be this actor, the time aside."""
    packing: Packing

    def move_in(self) -> None:
        """Make ready all that goes to the child.

        Raises:
            Untransportable: something cannot.
        """
        published, asked = tuple(self._outlets), tuple(self._owners)
        heard = [hearing.message_type for hearing in hearings(self.body)]
        passing: dict[type[Message], None] = dict.fromkeys([*heard, *published, *asked])
        for each in passing:
            path_of(each)
        self.packing = Packing(passing)
        self.begin = Begin(
            body=path_of(self.body),
            name=self.name,
            params=wrapped(self.params, f"what {self.name} is given"),
            assignment=self._wrapped_assignment(),
            scope=wrapped(_plain(self.scope), f"the scope of {self.name}"),
            publishes=tuple(map(path_of, published)),
            asks=tuple(map(path_of, asked)),
            hopeless=tuple(map(path_of, self._bus.supervisor.hopeless)),
            time=0,
            log_level=_log_level(),
            loop=self.home.loop,
            prepare=self.home.prepare,
        )

    def _wrapped_assignment(self) -> Value:
        return wrapped(self.assignment, f"what {self.name} is here for")

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Keep a child process for as long as the actor lives."""
        begin = msgspec.structs.replace(
            self.begin,
            time=self.clock.now(),
            assignment=self._wrapped_assignment(),  # as it has become since the last start
        )
        child = Child(self.home.prefix, self.home.environment)
        self.link = Link(self, self.packing, begin, child)
        try:
            await self.link.open(self.home.comes_up_within)
            self.background(self.link.watch(self.home.patience))
            yield
        finally:
            await self.link.close(self.home.ends_within)


def _passing_on(events: list[type[Event]]) -> Any:
    """A handler of events of these types."""

    def pass_on(self: StandIn, event: Event) -> None:
        self.link.outbox.tell(event)

    pass_on.__annotations__ = {"event": reduce(or_, events), "return": None}
    return on(pass_on)


def _asking(requests: list[type[Request[Any]]]) -> Any:
    """A handler of requests of these types."""

    def pass_on(self: StandIn, request: Request[Any]) -> Later[Any]:
        return self.link.outbox.put(request)

    pass_on.__annotations__ = {"request": reduce(or_, requests), "return": Later}
    return on(pass_on)


def _striking(beat: Beat) -> Any:
    """A timer that strikes where the body is."""

    def strike(self: StandIn) -> None:
        self.link.outbox.strike(beat.method)

    return every(beat.seconds, time=beat.time)(strike)


def _plain(scope: Mapping[str, Any]) -> dict[str, list[Any]]:
    """A scope as lists of keys, whether it has one or a set of them said first."""
    return {
        field: [True, *wanted] if isinstance(wanted, frozenset) else [False, wanted]
        for field, wanted in scope.items()
    }


def _log_level() -> int:
    """The least that is logged here."""
    level = getattr(structlog.get_logger(), "get_effective_level", None)
    return 0 if level is None else int(level())
