"""A broker's end of the network: what a node has of the world outside, and loses when it dies."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import ClassVar

from tests.chaos.simulation.protocol import Request
from tests.chaos.simulation.wire import Wire


class Line:
    """Sends in the name of one life of the node; a dead one sends nothing."""

    current: ClassVar[Line]
    """That of the node that is being started: a plugin gets nothing but parameters from a file."""
    numbers: ClassVar[count[int]]

    def __init__(self, wire: Wire, leaving: Callable[[Request], None], *, in_order: bool) -> None:
        self.in_order = in_order
        self.dead = False
        self._wire = wire
        self._leaving = leaving

    def number(self) -> int:
        """Return a number that nobody has used, in this life or another."""
        return next(Line.numbers)

    def send(self, request: Request) -> None:
        """Put a request on its way."""
        if not self.dead:
            self._leaving(request)
            self._wire.send(request, 0)
