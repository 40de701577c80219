"""The least that a body can do: what a child process costs is measured with it."""

from __future__ import annotations

from bus.actor import Actor
from bus.handlers import on
from bus.message import Event, Request


class Shout(Event):
    """A message that is heard, and no more."""

    number: int


class Call(Request[int]):
    """A question whose answer is its own number."""

    number: int


class Echo(Actor[None]):
    """Hears shouts and answers calls."""

    @on
    def hear(self, shout: Shout) -> None:
        """Take the shout, and no more."""

    @on
    def answer(self, call: Call) -> int:
        """Give back the number."""
        return call.number
