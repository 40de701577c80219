"""What is due at a moment of market time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from bus.clock import SECOND


class Timer:
    """One appointment. Timers of one instant keep the order in which they were made."""

    __slots__ = ("at", "cancelled", "fire", "number")

    def __init__(self, at: int, number: int, fire: Callable[[], None]) -> None:
        self.at = at
        self.number = number
        self.fire = fire
        self.cancelled = False

    def cancel(self) -> None:
        """Forget the appointment; harmless when it has been kept already."""
        self.cancelled = True

    def __lt__(self, other: Timer) -> bool:
        return (self.at, self.number) < (other.at, other.number)


class Timers:
    """Appointments in market time, earliest first.

    The driver says what time it is `now`, and wants to know when the earliest has `changed`.
    """

    __slots__ = ("_numbers", "changed", "heap", "now")

    def __init__(self) -> None:
        self.heap: list[Timer] = []
        self._numbers = count()
        self.changed: Callable[[], None] = lambda: None
        self.now: Callable[[], int]

    def at(self, when: int, fire: Callable[[], None]) -> Timer:
        """Call `fire` when market time reaches `when` (UTC nanoseconds)."""
        timer = Timer(when, next(self._numbers), fire)
        heapq.heappush(self.heap, timer)
        if self.heap[0] is timer:
            self.changed()
        return timer

    def after(self, seconds: float, fire: Callable[[], None]) -> Timer:
        """Call `fire` when so much market time has passed from now on."""
        return self.at(self.now() + round(seconds * SECOND), fire)

    def shift(self, by: int) -> None:
        """Move every appointment by so many nanoseconds."""
        for timer in self.heap:
            timer.at += by

    def next_at(self) -> int | None:
        """Return the time of the next appointment, None if there is none."""
        while self.heap and self.heap[0].cancelled:
            heapq.heappop(self.heap)
        return self.heap[0].at if self.heap else None

    def pop_due(self, now: int) -> Timer | None:
        """Remove and return the earliest appointment at or before `now`, None if there is none."""
        due = self.next_at()
        return heapq.heappop(self.heap) if due is not None and due <= now else None
