"""A living actor's `@every`: strikes, and is not struck again before the last strike has been heard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bus.clock import SECOND
from bus.facts import Tick
from bus.handlers import Beat, Time
from bus.timers import Timer, Timers

if TYPE_CHECKING:
    from bus.cell import Cell
    from bus.dispatcher import Dispatcher


class Beating:
    """One beat of one actor, from a start to the next; the cell keeps its timer."""

    __slots__ = ("_beat", "_cell", "_dispatcher", "_tick", "_timers", "_unheard")

    def __init__(self, cell: Cell, beat: Beat, dispatcher: Dispatcher, timers: Timers) -> None:
        self._cell = cell
        self._beat = beat
        self._dispatcher = dispatcher
        self._timers = timers
        self._tick = Tick(f"{cell.name}.{beat.method}")
        self._unheard = False
        self._arm(timers.now())

    def _arm(self, since: int) -> None:
        if self._beat.time is Time.MARKET:
            due = since + round(self._beat.seconds * SECOND)
            self._cell.timers[self] = self._timers.at(due, self._strike)
        else:
            loop = asyncio.get_running_loop()
            self._cell.timers[self] = loop.call_later(self._beat.seconds, self._strike)

    def _strike(self) -> None:
        """Arm anew from when this was due, however late it is, and strike."""
        timer = self._cell.timers[self]
        self._arm(timer.at if isinstance(timer, Timer) else 0)
        if self._unheard:
            self._dispatcher.conflated += 1
            return
        self._unheard = True
        self._dispatcher.inputs += 1
        self._dispatcher.put_one(self._cell, self._hear, self._tick, self._dispatcher.inputs)

    def _hear(self, _: Tick) -> Any:
        self._unheard = False
        return getattr(self._cell.actor, self._beat.method)()
