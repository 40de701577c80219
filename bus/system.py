"""The bus as a whole: spawn actors on it, run it, stop it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from bus.actor import Actor
from bus.calls import Undeclared
from bus.cell import ENDED, Cell, State
from bus.clock import MarketClock, SystemClock
from bus.dismissal import Dismissal
from bus.dispatcher import Dispatcher
from bus.drivers import Driver
from bus.message import Event, Message, Request
from bus.packing import Untransportable
from bus.pressure import WaterMarks
from bus.remote import ChildProcess
from bus.router import OwnerConflict, Router
from bus.shutdown import Shutdown
from bus.supervision import Group, Supervision
from bus.supervisor import Supervisor
from bus.timers import Timers
from bus.watchdog import Watchdog
from bus.wiring import Wiring

P = TypeVar("P")

DEFAULT_SUPERVISION = Supervision()
NO_SCOPE: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the machine counts, since it was made."""

    messages: int
    inputs: int
    conflated: int
    failures: int
    dead_letters: int
    trespasses: int
    """Messages outside of their ports that bodies in child processes tried to use."""
    actors: int
    quarantined: dict[str, str]
    """Why each of those is out of service."""
    mailboxes: dict[str, int]
    """The depth of every mailbox in which something waits."""
    load: dict[str, float]
    """The share of the watched time in which each actor was seen running, the busiest first."""


class NameTaken(Exception):
    """Two actors want one name."""


class Bus:
    """All actors of one process, and the machine that they run on.

    Args:
        driver: what moves market time: `LiveDriver` or `ReplayDriver`.
        seed: permutes the order in which ready actors run; None is the fast, common order.
        marks: the water marks of the mailboxes.
        hopeless: exceptions in a lifespan that no restart can mend: the actor is quarantined at once.
        slow: seconds after which a handler is reported with its stack.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        seed: int | None = None,
        marks: WaterMarks | None = None,
        hopeless: tuple[type[Exception], ...] = (),
        slow: float = 1.0,
    ) -> None:
        self.clock = MarketClock()
        self.system = SystemClock()
        self.timers = Timers()
        self.router = Router()
        self.dispatcher = Dispatcher(self.router, marks or WaterMarks(), seed)
        self.wiring = Wiring(self.router, self.dispatcher)
        self.supervisor = Supervisor(self.dispatcher, self.wiring, self.timers, hopeless)
        self.watchdog = Watchdog(self.dispatcher, slow)
        self.driver = driver
        self.cells: dict[str, Cell] = {}
        self._spawned = 0
        driver.attach(self.dispatcher, self.clock, self.timers)

    def spawn(  # noqa: PLR0913 - all that makes an actor what it is
        self,
        actor_class: type[Actor[P]],
        params: P,
        *,
        name: str,
        assignment: Any = None,
        scope: Mapping[str, Any] = NO_SCOPE,
        publishes: Iterable[type[Event]] | None = None,
        asks: Iterable[type[Request[Any]]] | None = None,
        hears: Iterable[type[Message]] | None = None,
        supervision: Supervision = DEFAULT_SUPERVISION,
        group: Group | None = None,
        home: ChildProcess | None = None,
    ) -> Cell:
        """Make an actor, connect it, and start it. Messages for it wait until its lifespan yields.

        Args:
            actor_class: what to make; it is called without arguments.
            params: the actor's `params`.
            name: unique among living actors.
            assignment: the actor's `assignment`.
            scope: for a key field, the key (or frozenset of keys) to which what it hears is limited.
            publishes: the events that its port carries; None: those that its class declares.
            asks: the requests that its port carries; None: those that its class declares.
            hears: the messages that it may hear; None: all.
            supervision: its restart budget and backoff.
            group: those it restarts with.
            home: where its body lives; None: here.

        Raises:
            NameTaken: a living actor has this name.
            OwnerConflict: it hears a request that has an owner already.
            Undeclared: it hears what is not among `hears`.
            Untransportable: what it is made of, or what it says or hears, cannot get to its home.
        """
        taken = self.cells.get(name)
        if taken is not None and taken.state not in ENDED:
            raise NameTaken(f"an actor named {name!r} is {taken.state.value}")
        makes: type[Actor[P]] = actor_class if home is None else home.stand_in_for(actor_class)
        cell = Cell(name, self._spawned, makes(), supervision)
        self._spawned += 1
        cell.actor.name, cell.actor.params = name, params
        cell.actor.assignment, cell.actor.scope = assignment, scope
        cell.actor.clock = self.clock
        cell.actor._bus = self  # noqa: SLF001 - an actor's port is the bus's to fill
        try:
            self.wiring.connect(
                cell,
                actor_class.publishes if publishes is None else publishes,
                actor_class.asks if asks is None else asks,
                hears,
            )
            if home is not None:
                home.furnish(cell)
        except (OwnerConflict, Undeclared, Untransportable):
            self.wiring.disconnect(cell)
            raise
        self.cells[name] = cell
        if group is not None:
            cell.group = group
            group.members.append(cell)
        self.supervisor.start(cell)
        return cell

    def widen(self, name: str, scope: Mapping[str, Iterable[Any]]) -> None:
        """Have an actor hear more keys of what its scope limits, from the next message on.

        Raises:
            KeyError: no actor has this name, or its scope does not limit such a field.
        """
        self.wiring.widen(self.cells[name], scope)

    async def dismiss(self, name: str, within: float = 5.0) -> bool:
        """End one actor while the others go on, and free its name; one that is not there is no trouble.

        Args:
            name: of the actor.
            within: seconds of system time, half of them for what waits for it.

        Returns:
            Whether it ended in time. One that did not hears nothing any more.
        """
        cell = self.cells.get(name)
        if cell is None:
            return True
        ended = await Dismissal(self.dispatcher, self.wiring, self.supervisor, cell, within).carry_out()
        if self.cells.get(name) is cell:
            del self.cells[name]
        return ended

    def vitals(self) -> Vitals:
        """Return what is counted."""
        cells = [cell for cell in self.cells.values() if cell.state is not State.STOPPED]
        looks = max(1, self.watchdog.looks)
        return Vitals(
            messages=self.dispatcher.messages,
            inputs=self.dispatcher.inputs,
            conflated=self.dispatcher.conflated + self.dispatcher.queue.conflated,
            failures=self.supervisor.failures,
            dead_letters=self.supervisor.dead_letters,
            trespasses=self.supervisor.trespasses,
            actors=len(cells),
            quarantined={cell.name: cell.reason for cell in cells if cell.state is State.QUARANTINED},
            mailboxes={cell.name: cell.depth for cell in cells if cell.depth},
            load={name: seen / looks for name, seen in self.watchdog.samples.most_common()},
        )

    async def started(self) -> None:
        """Wait until nothing is under way: every lifespan has yielded, every message is handled.

        Raises:
            Livelock: actors keep each other busy without end.
        """
        self.watchdog.start()
        await self.driver.quiet()

    async def run(self) -> None:
        """Let time pass until the driver's sources end, or `driver.stop()`.

        Raises:
            Livelock: actors keep each other busy without end.
        """
        self.watchdog.start()
        await self.driver.run()

    async def stop(self, within: float = 10.0) -> None:
        """Stop in order: sources, then what is under way, then the actors, the youngest first.

        Args:
            within: seconds for all of it. What still awaits after half of them is cancelled;
                when a handler that never returns holds up the process past the end, the process exits.
        """
        self.watchdog.expect_end(within)
        shutdown = Shutdown(self.dispatcher, self.supervisor, self.driver, within)
        try:
            self.driver.stop()
            await shutdown.finish_what_is_under_way()
            await shutdown.end_all(self.cells)
        finally:
            self.watchdog.stop()
