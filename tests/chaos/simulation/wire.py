"""The network between a broker and its venue: it loses, doubles, reorders and delays."""

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

from tests.chaos.simulation.faults import SECOND, Tally, Weather
from tests.chaos.simulation.protocol import Cancel, Done, Place, Reply, Request

MILLISECOND = SECOND // 1_000
USUAL = (1 * MILLISECOND, 15 * MILLISECOND)
SLOW = (200 * MILLISECOND, 4_500 * MILLISECOND)


class Wire:
    """Messages on their way, by when they arrive. It outlives the node, as networks do."""

    def __init__(self, draw: Random, now: Callable[[], int], tally: Tally) -> None:
        self.down_until = 0
        """Until when nothing comes through."""
        self.heap: list[tuple[int, int, int, Request | Reply]] = []
        self.node = 0
        """Which life of the node is being spoken to: what was meant for one before goes nowhere."""
        self.weather: Weather
        self._draw = draw
        self._now = now
        self._tally = tally
        self._numbers = count()

    def send(self, message: Request | Reply, to: int) -> None:
        """Put a message on its way: to the venue, 0, or to a life of the node."""
        weather, draw = self.weather, self._draw
        if self._now() < self.down_until or draw.random() < weather.lost:
            self._count("lost", message)
            return
        self._post(message, to)
        if draw.random() < weather.doubled:
            self._tally["message doubled"] += 1
            self._post(message, to)

    def arrived(self, at: int) -> tuple[int, Request | Reply] | None:
        """Return the next message that arrives by then."""
        while self.heap and self.heap[0][0] <= at:
            when, _, to, message = heapq.heappop(self.heap)
            if when < self.down_until:
                self._count("lost", message)
            elif not to or to == self.node:
                return to, message
        return None

    def _post(self, message: Request | Reply, to: int) -> None:
        is_slow = self._draw.random() < self.weather.slow
        if is_slow:
            self._count("delayed", message)
        at = self._now() + self._draw.randrange(*(SLOW if is_slow else USUAL))
        heapq.heappush(self.heap, (at, next(self._numbers), to, message))

    def _count(self, what: str, message: Request | Reply) -> None:
        match message:
            case Place() | Cancel():
                self._tally[f"{type(message).__name__.lower()} {what}"] += 1
            case Done():
                self._tally[f"acknowledgement {what}"] += 1
            case _:
                self._tally[f"message {what}"] += 1
