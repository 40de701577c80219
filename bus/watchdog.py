"""A thread that looks at the dispatcher from outside: slow handlers, and a process that does not end.

It samples who is running, which costs the running code nothing; the samples
also say which actors use the time. A handler that awaits is looked at through
its task, one that computes through the event loop's thread.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from collections import Counter
from contextlib import suppress
from operator import length_hint
from typing import TYPE_CHECKING, Any

import structlog

from bus.calls import Call
from bus.clock import SECOND, SystemClock
from bus.facts import HandlerSlow

if TYPE_CHECKING:
    from bus.cell import Cell
    from bus.dispatcher import Dispatcher

log = structlog.get_logger("bus")

LOOK_EVERY = 0.02
EXIT_CODE = 70


class Watchdog:
    """Reports, with its stack, each handler that takes longer than `slow` seconds; ends what will not end."""

    def __init__(self, dispatcher: Dispatcher, slow: float) -> None:
        self.samples: Counter[str] = Counter()
        """How often each actor was seen running: its share of the time."""
        self.looks = 0
        self._dispatcher = dispatcher
        self._slow = round(slow * SECOND)
        self._system = SystemClock()
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._deadline: int | None = None
        self._place: tuple[Any, ...] = ()
        self._since = 0
        self._reported_place: tuple[Any, ...] = ()
        self._reported: dict[Cell, int] = {}
        """Of each actor that awaits, since when what was reported last has been going on."""

    def start(self) -> None:
        """Begin to look, from the thread of the running event loop; starting twice changes nothing."""
        if self._thread is None:
            watched = (asyncio.get_running_loop(), threading.get_ident())
            self._thread = threading.Thread(target=self._watch, args=watched, name="watchdog", daemon=True)
            self._thread.start()

    def expect_end(self, within: float) -> None:
        """Exit the process if `stop` has not been called within so many seconds.

        `Bus.stop` says so itself. Whoever takes a signal says so before: a handler that does not
        return keeps the event loop from ever getting to `stop`.
        """
        end = self._system.monotonic() + round(within * SECOND)
        self._deadline = end if self._deadline is None else min(end, self._deadline)

    def stop(self) -> None:
        """Stop looking."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        while not (self._over.wait(LOOK_EVERY) or loop.is_closed()):
            now = self._system.monotonic()
            self.looks += 1
            self._look_at_the_running_handler(loop, thread, now)
            self._look_at_tasks(loop, thread, now)
            if self._deadline is not None and now > self._deadline:
                self._exit(thread)

    def _look_at_the_running_handler(self, loop: asyncio.AbstractEventLoop, thread: int, now: int) -> None:
        dispatcher = self._dispatcher
        cell, reader = dispatcher.running, dispatcher.queue.reader
        if cell is None:
            self._place = ()
            return
        self.samples[cell.name] += 1
        ahead = None if reader is None else length_hint(reader)
        place = (cell, dispatcher.delivered, dispatcher.inputs, ahead)
        if place != self._place:
            self._place, self._since = place, now
        elif now - self._since > self._slow and place != self._reported_place:
            self._reported_place = place
            self._report(loop, cell, "", now - self._since, _stack_of_thread(thread))

    def _look_at_tasks(self, loop: asyncio.AbstractEventLoop, thread: int, now: int) -> None:
        """Look at handlers that have a task: what computes is on the thread's stack, else on the task's."""
        for cell in tuple(self._dispatcher.workers.busy):
            worker, since, message = cell.worker, cell.working_since, cell.working_on
            if worker is None or message is None:
                continue
            computes = getattr(worker.get_coro(), "cr_running", False)
            self.samples[cell.name] += computes
            if now - since > self._slow and self._reported.get(cell) != since:
                self._reported[cell] = since
                stack = _stack_of_thread(thread) if computes else _stack_of_task(worker)
                asked = message.request if isinstance(message, Call) else message
                self._report(loop, cell, type(asked).__name__, now - since, stack)

    def _report(
        self, loop: asyncio.AbstractEventLoop, cell: Cell, message: str, took: int, stack: str
    ) -> None:
        seconds = round(took / SECOND, 3)
        log.warning("handler slow", actor=cell.name, message=message, seconds=seconds, stack=stack)
        slow = HandlerSlow(cell.name, message, seconds, stack)
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(self._dispatcher.publish, slow)

    def _exit(self, thread: int) -> None:
        """End the process, whatever the main thread holds on to: it may hold the log's lock."""
        text = (
            f"stopping took longer than allowed, exiting; this does not return:\n{_stack_of_thread(thread)}"
        )
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
        os._exit(EXIT_CODE)


def _stack_of_thread(thread: int) -> str:
    return "".join(traceback.format_stack(sys._current_frames().get(thread)))  # noqa: SLF001 - the documented way


def _stack_of_task(task: asyncio.Task[None]) -> str:
    """The frames of a task that awaits, to the innermost; `Task.get_stack` has the outermost alone."""
    lines: list[str] = []
    awaited: Any = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        lines += traceback.format_stack(frame, limit=1)
        awaited = awaited.cr_await
    return "".join(lines)
