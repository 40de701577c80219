"""The bus's own record of one actor: its name, its mailbox, and where it is in its life."""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Iterator

    from bus.actor import Actor
    from bus.later import Later
    from bus.mailbox import Mailbox
    from bus.supervision import Group, Supervision
    from bus.timers import Timer


class State(Enum):
    """Where an actor is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    HELD = "held"
    """It has been given as much as it can take, and its messages wait until it has caught up."""
    RESTARTING = "restarting"
    QUARANTINED = "quarantined"
    STOPPED = "stopped"


LIVING = frozenset({State.STARTING, State.RUNNING, State.HELD})
AT_WORK = frozenset({State.RUNNING, State.HELD})
ENDED = frozenset({State.QUARANTINED, State.STOPPED})


class Cell:
    """One actor as the bus sees it.

    `lane` is None while the actor keeps up: the dispatcher then calls its
    handlers straight from the common queue. It becomes a mailbox when messages
    have to wait: the actor is starting or restarting, awaits something, is
    crowded, or the dispatcher permutes the order of actors.
    """

    __slots__ = (
        "actor",
        "asynchronous",
        "awaits",
        "external",
        "failures",
        "grace",
        "group",
        "handlers",
        "lane",
        "lifespan",
        "listed",
        "mourned",
        "name",
        "order",
        "owes",
        "pressed",
        "reason",
        "restarts",
        "state",
        "supervision",
        "tasks",
        "timers",
        "worker",
        "working_on",
        "working_since",
    )

    def __init__(self, name: str, order: int, actor: Actor[Any], supervision: Supervision) -> None:
        self.name = name
        self.order = order
        self.actor = actor
        self.supervision = supervision
        self.group: Group | None = None
        self.state = State.STARTING
        self.reason = ""
        """Why it failed last, or is quarantined."""
        self.failures: list[tuple[int, int]] = []
        self.restarts = 0
        self.grace = inf
        """Seconds that its end may take."""
        self.lane: Mailbox | None = None
        self.asynchronous = False
        self.awaits: tuple[Cell, ...] = ()
        """The owners whose answers it cannot go on without."""
        self.external = False
        self.listed = False
        """Whether it has its place among those that take turns, or a worker task."""
        self.mourned = False
        """Whether the log has it that its messages are undelivered."""
        self.pressed = False
        """Whether its mailbox is above the high mark."""
        self.worker: asyncio.Task[None] | None = None
        self.working_on: Any = None
        self.working_since = 0
        self.lifespan: AsyncGenerator[None, None] | None = None
        self.handlers: dict[type, Callable[[Any], Any] | None] = {}
        """The actor's own handlers, of the types that were delivered to it alone so far."""
        self.owes: dict[Later[Any], None] = {}
        """The answers that it has promised for later."""
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.timers: dict[object, Timer | asyncio.TimerHandle] = {}

    @contextmanager
    def waiting_for(self, owner: Cell) -> Iterator[None]:
        """While the actor's handler waits for an owner's answer."""
        self.awaits = (*self.awaits, owner)
        try:
            yield
        finally:
            left = [*self.awaits]
            left.remove(owner)
            self.awaits = tuple(left)

    @property
    def depth(self) -> int:
        """How many messages wait in this actor's own mailbox."""
        return 0 if self.lane is None else len(self.lane)

    def __repr__(self) -> str:
        return f"<{self.name} {self.state.value}>"
