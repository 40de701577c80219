"""What passes between an actor's place on the bus and its body in a child process.

Letters are short msgpack arrays that begin with a number for their kind; several share a frame.
Each direction has its own kinds: a child that sends what only its parent may is not understood.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Letter(msgspec.Struct, array_like=True, gc=False):
    """What every letter is."""


# From the parent to the child


class Value(Letter):
    """A value with what it takes to make it anew: see `bus.packing`."""

    way: str
    path: str
    data: bytes


class Begin(Letter, tag=1):
    """Be this actor."""

    body: str
    name: str
    params: Value
    assignment: Value
    scope: Value
    publishes: tuple[str, ...]
    """Import paths, as all that names a type here."""
    asks: tuple[str, ...]
    hopeless: tuple[str, ...]
    time: int
    log_level: int
    loop: str | None
    prepare: str | None


class Clock(Letter, tag=2):
    """What follows happens at this market time."""

    time: int


class Tell(Letter, tag=3):
    """An event, in either direction; the parent numbers those that the child has to acknowledge."""

    number: int
    cause: int
    name: str
    body: msgspec.Raw


class Put(Letter, tag=4):
    """A request, in either direction; its sender numbers it, and the answer names the number."""

    number: int
    cause: int
    name: str
    body: msgspec.Raw
    awaited: bool = False
    """Whether it is asked rather than sent, and so is refused when its owner fails."""
    held: bool = False
    """Whether who asks can do nothing else until it is answered."""


class Strike(Letter, tag=5):
    """A timer of the body's own has come due."""

    number: int
    cause: int
    method: str


class Answer(Letter, tag=6):
    """The answer to a request, in either direction."""

    number: int
    which: int
    """Which of the answer's types it is: see `bus.packing.Answers`."""
    body: msgspec.Raw


class Refusal(Letter, tag=7):
    """The news that a request gets no answer, in either direction."""

    number: int
    error: str
    reason: str
    delivered: bool


class Ping(Letter, tag=8):
    """Are you there?"""


class End(Letter, tag=9):
    """Finish what has been given, clean up and exit, within so many seconds."""

    within: float


# From the child to the parent


class Born(Letter, tag=20):
    """The body's lifespan has yielded."""


class Done(Letter, tag=21):
    """What has these numbers has been handled."""

    numbers: list[int]


class Withdrawal(Letter, tag=22):
    """Nobody waits for the answer to this request any more."""

    number: int


class Relaxed(Letter, tag=23):
    """This request will be answered some day, and nobody has to wait for that."""

    number: int


class Appointment(Letter, tag=24):
    """Deliver this to the body, so many seconds of market time from now."""

    seconds: float
    name: str
    body: msgspec.Raw


class GaveUp(Letter, tag=25):
    """The body could do nothing with this message."""

    name: str
    body: msgspec.Raw
    reason: str


class Failure(Letter, tag=26):
    """The body has failed, over the message with this number if it is not 0."""

    number: int
    reason: str
    hopeless: int | None = None
    """Which of the errors that no restart can mend this is."""


class Said(Letter, tag=27):
    """A line for the log."""

    level: str
    event: str
    fields: dict[str, Any]


class Pong(Letter, tag=28):
    """I am here."""


class Ended(Letter, tag=29):
    """The body's lifespan has cleaned up."""


ToChild = Begin | Clock | Tell | Put | Strike | Answer | Refusal | Ping | End
ToParent = (
    Tell
    | Put
    | Answer
    | Refusal
    | Born
    | Done
    | Withdrawal
    | Relaxed
    | Appointment
    | GaveUp
    | Failure
    | Said
    | Pong
    | Ended
)
