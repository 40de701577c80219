"""Water marks: how full a mailbox may get before the edges are asked to hold back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bus.cell import Cell
from bus.facts import Pressure, PressureChanged
from bus.message import Event


@dataclass(frozen=True, slots=True)
class WaterMarks:
    """Mailbox depths: relief at `low`, push-back from `high`, alarm from `hard`."""

    low: int = 2_000
    high: int = 10_000
    hard: int = 100_000


class PressureGauge:
    """Watches the depth of mailboxes, says when one crosses a mark, and lets the edges wait for room."""

    def __init__(self, marks: WaterMarks, publish: Callable[[Event], None]) -> None:
        self.marks = marks
        self._publish = publish
        self.drowning: Callable[[Cell], None] = lambda _: None
        """Told of a mailbox that has come above the hard mark."""
        self._levels: dict[Cell, Pressure] = {}
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def high(self) -> bool:
        """Whether any mailbox is above its high mark, so that edges should hold back."""
        return bool(self._levels)

    def rose(self, cell: Cell, depth: int) -> None:
        """Take note of a mailbox that got a message and is now `depth` deep, at or above the high mark."""
        level = Pressure.HARD if depth >= self.marks.hard else Pressure.HIGH
        if self._levels.get(cell) is None or (level is Pressure.HARD and self._levels[cell] is Pressure.HIGH):
            self._levels[cell] = level
            cell.pressed = True
            self._publish(PressureChanged(cell.name, level, depth))
            if level is Pressure.HARD:
                self.drowning(cell)

    def fell(self, cell: Cell, depth: int) -> None:
        """Take note of a pressed mailbox that is now `depth` deep."""
        if depth <= self.marks.low:
            del self._levels[cell]
            cell.pressed = False
            self._publish(PressureChanged(cell.name, Pressure.NORMAL, depth))
            if not self._levels:
                for waiter in self._waiting:
                    if not waiter.done():
                        waiter.set_result(None)
                self._waiting.clear()

    def relieve(self, cell: Cell) -> None:
        """Take note that there may be fewer messages in a mailbox."""
        if cell.pressed:
            self.fell(cell, cell.depth)

    async def room(self) -> None:
        """Return at once when no mailbox is pressed, else when the last one has been relieved."""
        while self._levels:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
