"""How a bus stops: what is under way first, then its actors, the youngest first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from bus.cell import Cell, State
from bus.clock import pause
from bus.deadline import Deadline
from bus.dispatcher import Dispatcher
from bus.drivers import SLICE, Driver
from bus.supervisor import Supervisor

log = structlog.get_logger("bus")

LOOK_EVERY = 0.002


class Shutdown:
    """One stop, with a deadline. Each actor first does what waits for it.

    Whoever is slow gets a share of the time that is left, never all of it. Where
    actors keep each other busy without end there is no waiting for them.
    """

    def __init__(self, dispatcher: Dispatcher, supervisor: Supervisor, driver: Driver, within: float) -> None:
        self._dispatcher = dispatcher
        self._supervisor = supervisor
        self._driver = driver
        self._deadline = Deadline(within)

    async def finish_what_is_under_way(self) -> None:
        """Wait for half of the time, then cancel what still awaits."""
        try:
            async with asyncio.timeout(0 if self._driver.trouble else self._deadline.left() / 2):
                await self._dispatcher.waiters.wait()
        except TimeoutError:
            workers = {cell.name: cell.worker for cell in self._dispatcher.workers.busy}
            log.warning("stopping with work under way", actors=sorted(workers))
            for worker in workers.values():
                if worker is not None:
                    worker.cancel()

    async def end_all(self, cells: Mapping[str, Cell]) -> None:
        """End every actor, those as well that are spawned meanwhile."""
        self._supervisor.stopping = True
        ended: set[Cell] = set()
        while left := [cell for cell in cells.values() if cell not in ended]:
            for cell in sorted(left, key=lambda cell: -cell.order):
                await self._end(cell)
            ended.update(left)

    async def _end(self, cell: Cell) -> None:
        self._drain()
        if cell.worker is not None:
            await asyncio.wait((cell.worker,), timeout=self._deadline.left() / 2)
        await self._until_it_has_caught_up(cell)
        if not await self._supervisor.end(cell, self._deadline.left() / 2):
            log.error("actor did not end in time", actor=cell.name)
        self._drain()

    async def _until_it_has_caught_up(self, cell: Cell) -> None:
        long = Deadline(self._deadline.left() / 2)
        while cell.state is State.HELD and long.left():
            await pause(LOOK_EVERY)
            self._drain()

    def _drain(self) -> None:
        long = Deadline(0 if self._driver.trouble else self._deadline.left() / 8)
        while not self._dispatcher.drain(SLICE) and long.left():
            pass
