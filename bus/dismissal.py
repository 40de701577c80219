"""How one actor ends while the others go on: it does what waits for it, and leaves name and routes free."""

from __future__ import annotations

import asyncio

import structlog

from bus.cell import LIVING, Cell
from bus.clock import pause
from bus.deadline import Deadline
from bus.dispatcher import Dispatcher
from bus.supervisor import Supervisor
from bus.wiring import Wiring

log = structlog.get_logger("bus")

BREATH = 0.001
"""Seconds of system time between two looks at what still waits."""


class Dismissal:
    """One end, with a deadline: half of it for what waits, the rest for the lifespan.

    From the first moment on nothing new is addressed to the actor: a request finds no owner. What was
    addressed before is handled; what comes after its end, or too late, becomes dead letters.
    """

    def __init__(
        self, dispatcher: Dispatcher, wiring: Wiring, supervisor: Supervisor, cell: Cell, within: float
    ) -> None:
        self._dispatcher = dispatcher
        self._wiring = wiring
        self._supervisor = supervisor
        self._cell = cell
        self._deadline = Deadline(within)
        self._addressed = 0

    async def carry_out(self) -> bool:
        """Let the actor go, and return whether it ended in time."""
        self._wiring.disconnect(self._cell)
        self._addressed = self._dispatcher.messages + len(self._dispatcher.queue.entries)
        half = self._deadline.left() / 2
        while self._is_busy and self._deadline.left() > half:
            if self._cell.worker is not None:
                await asyncio.wait((self._cell.worker,), timeout=max(0.0, self._deadline.left() - half))
            else:
                await pause(BREATH)
        ended = await self._supervisor.end(self._cell, self._deadline.left())
        if not ended:
            log.error("actor did not end in time", actor=self._cell.name)
        return ended

    @property
    def _is_busy(self) -> bool:
        """Whether something that was addressed to it is still to be handled."""
        cell = self._cell
        if cell.state not in LIVING:
            return False
        return bool(self._dispatcher.messages < self._addressed or cell.lane or cell.worker)
