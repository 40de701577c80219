"""Actors that may await: each has a task of its own for as long as something waits for it."""

from __future__ import annotations

import asyncio
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from bus.calls import ERRAND, Errand
from bus.cell import Cell, State
from bus.clock import SystemClock

if TYPE_CHECKING:
    from bus.dispatcher import Dispatcher
    from bus.mailbox import Mailbox


class Workers:
    """The tasks in which `async def` handlers run, one message at a time an actor."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.busy: set[Cell] = set()
        """The actors that have a task now."""
        self._dispatcher = dispatcher
        self._system = SystemClock()

    def hire(self, cell: Cell, lane: Mailbox) -> None:
        """Have an actor's waiting messages handled in a task, which lasts until none waits."""
        cell.worker = asyncio.get_running_loop().create_task(self._work(cell, lane), name=cell.name)
        cell.worker.add_done_callback(partial(self._gone, cell))
        self.busy.add(cell)
        self._dispatcher.open_work += 1

    async def _work(self, cell: Cell, lane: Mailbox) -> None:
        dispatcher = self._dispatcher
        while lane and cell.state is State.RUNNING:
            handler, message, cause = lane.take()
            cell.working_on, cell.working_since = message, self._system.monotonic()
            ERRAND.set(Errand(cause, cell))
            dispatcher.turns += 1
            dispatcher.last = cell
            try:
                result = handler(message)
                if result.__class__ is CoroutineType:
                    await result
            except asyncio.CancelledError:
                self._failed(cell, message, cause, InterruptedError("its handler was cancelled"))
                raise
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a guest raises is the supervisor's
                self._failed(cell, message, cause, error)
            dispatcher.pressure.relieve(cell)

    def _failed(self, cell: Cell, message: Any, cause: int, error: BaseException) -> None:
        """What follows from a failure has the cause of the message, as it would in a drain."""
        self._dispatcher.cause = cause
        self._dispatcher.failed(cell, message, error)
        self._dispatcher.cause = 0

    def _gone(self, cell: Cell, _: asyncio.Task[None]) -> None:
        cell.working_on, cell.worker, cell.listed = None, None, False
        self.busy.discard(cell)
        self._dispatcher.list_ready(cell)
        self._dispatcher.finish_work()
