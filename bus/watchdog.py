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
from operator import length_hint
from typing import TYPE_CHECKING, Any

import structlog

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
        self._reported: set[Any] = set()

    def start(self) -> None:
        """Begin to look, from the thread of the running event loop; starting twice changes nothing."""
        if self._thread is None:
            watched = (asyncio.get_running_loop(), threading.get_ident())
            self._thread = threading.Thread(target=self._watch, args=watched, name="watchdog", daemon=True)
            self._thread.start()

    def expect_end(self, within: float) -> None:
        """Exit the process if `stop` has not been called within so many seconds."""
        self._deadline = self._system.monotonic() + round(within * SECOND)

    def stop(self) -> None:
        """Stop looking."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        while not self._over.wait(LOOK_EVERY):
            now = self._system.monotonic()
            self.looks += 1
            self._look_at_the_running_handler(loop, thread, now)
            self._look_at_awaiting_handlers(loop, now)
            if self._deadline is not None and now > self._deadline:
                self._exit(thread)

    def _look_at_the_running_handler(self, loop: asyncio.AbstractEventLoop, thread: int, now: int) -> None:
        dispatcher = self._dispatcher
        cell, reader = dispatcher.running, dispatcher.reader
        if cell is None:
            self._place = ()
            return
        self.samples[cell.name] += 1
        place = (cell, dispatcher.messages, dispatcher.turns, None if reader is None else length_hint(reader))
        if place != self._place:
            self._place, self._since = place, now
        elif now - self._since > self._slow and place not in self._reported:
            self._reported.add(place)
            frame = sys._current_frames().get(thread)  # noqa: SLF001 - the documented way to another thread's stack
            self._report(loop, cell, "", now - self._since, "".join(traceback.format_stack(frame)))

    def _look_at_awaiting_handlers(self, loop: asyncio.AbstractEventLoop, now: int) -> None:
        for cell in tuple(self._dispatcher.working):
            self.samples[cell.name] += cell is self._dispatcher.running
            spell, worker = (cell, cell.working_since), cell.worker
            if worker is None or now - cell.working_since <= self._slow or spell in self._reported:
                continue
            self._reported.add(spell)
            frames = [line for frame in worker.get_stack() for line in traceback.format_stack(frame, limit=1)]
            self._report(
                loop, cell, type(cell.working_on).__name__, now - cell.working_since, "".join(frames)
            )

    def _report(
        self, loop: asyncio.AbstractEventLoop, cell: Cell, message: str, took: int, stack: str
    ) -> None:
        seconds = round(took / SECOND, 3)
        log.warning("handler slow", actor=cell.name, message=message, seconds=seconds, stack=stack)
        loop.call_soon_threadsafe(self._dispatcher.publish, HandlerSlow(cell.name, message, seconds, stack))

    def _exit(self, thread: int) -> None:
        stack = "".join(traceback.format_stack(sys._current_frames().get(thread)))  # noqa: SLF001 - as above
        log.critical("stop deadline passed, exiting", stack=stack)
        sys.stderr.write("stopping took longer than allowed: a handler does not return; exiting\\n")
        sys.stderr.flush()
        os._exit(EXIT_CODE)
