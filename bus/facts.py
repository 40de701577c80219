"""What the machine says of itself: events like any other."""

from __future__ import annotations

from enum import Enum
from typing import Any

from bus.message import Delivery, Event


class ActorStarted(Event, key="actor"):
    """An actor's lifespan has reached its `yield`; it takes messages now."""

    actor: str
    restarts: int = 0


class ActorFailed(Event, key="actor"):
    """A handler, a timer, a background task or a lifespan raised."""

    actor: str
    error: str
    failures: int
    restart_in: float | None
    """Seconds of market time until the next start; None: there will be none."""


class ActorQuarantined(Event, key="actor"):
    """An actor used up its restart budget, or refused to start; it gets no more messages."""

    actor: str
    reason: str
    policy: str


class ActorStopped(Event, key="actor"):
    """An actor ended in good order."""

    actor: str


class DeadLetter(Event, delivery=Delivery.URGENT):
    """A message that nobody handled to its end, and why.

    It is urgent: an actor that takes up once more what it `failed` at does so before what waits for it.
    """

    message: Any
    actor: str
    reason: str
    failed: bool = False
    """Whether the actor raised while it handled the message; otherwise it never saw it, or gave it up."""


class Undeliverable(Event):
    """The answer to a `send` that got none: the request, and why.

    `delivered` is False when the owner certainly never saw the request.
    """

    request: Any
    reason: str
    delivered: bool


class Pressure(Enum):
    """How far a mailbox has filled."""

    NORMAL = "normal"
    HIGH = "high"
    HARD = "hard"


class PressureChanged(Event, key="actor", delivery=Delivery.URGENT):
    """A mailbox crossed a water mark, upwards or back."""

    actor: str
    pressure: Pressure
    depth: int


class HandlerSlow(Event, key="actor"):
    """A handler has kept its actor (and, if it does not await, everybody) for too long."""

    actor: str
    message: str
    seconds: float
    stack: str


class Accepted(Event):
    """An input from outside has been given its number, in the order of acceptance."""

    number: int
    at: int
    source: str
    message: Any


class Tick(Event, key="name", delivery=Delivery.LATEST):
    """A timer of an actor's own has come due."""

    name: str
