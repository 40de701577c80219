"""A session: one system, from its start to its end, in the hands of the command line."""

import asyncio
import gc
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from bus import AskError, Livelock
from lts.cli.failure import Failed
from lts.cli.log import SessionLog
from lts.cli.loop import new_event_loop
from lts.cli.signals import EndingSignals
from lts.main import NotStarted, System
from lts.refusal import Refused

T = TypeVar("T")

log = structlog.get_logger("lts")

Watch = Callable[[System], Awaitable[None]]
"""What looks on while a system runs; it is cancelled at the end."""


@dataclass(frozen=True, slots=True)
class Session(Generic[T]):
    """How to run a system, and what to bring home."""

    system: System
    log: SessionLog
    harvest: Callable[[System], Awaitable[T]]
    """Asks for the result, when time stands still and every actor is there."""
    greet: Watch | None = None
    """What is done and said when the system is up, before it runs."""
    watch: Watch | None = None
    stays: bool = False
    """Whether it goes on when the feeds have ended, until a signal."""
    seconds: float | None = None
    """Real time after which it ends of itself."""
    json: bool = False
    """Whether stdout is for the result alone: what a plugin prints goes to stderr then."""

    def conduct(self) -> "Ended[T]":
        """Run the system to its end.

        Raises:
            Refused: it did not start.
            Failed: it came to no result.
        """
        try:
            aside = redirect_stdout(sys.stderr) if self.json else nullcontext()
            with aside, asyncio.Runner(loop_factory=new_event_loop) as runner:
                return runner.run(self._conduct())
        except (Livelock, AskError) as error:
            raise Failed(str(error)) from None

    async def _conduct(self) -> "Ended[T]":
        system = self.system
        with self.log, EndingSignals(system.bus) as signals:
            await self._start(signals)
            try:
                if self.greet is not None:
                    await self.greet(system)
                async with _watched(self.watch, system):
                    await self._run()
                result, trouble = await self.harvest(system), system.trouble()
            finally:
                await system.stop(signals.patience)
            return Ended(result, trouble, interrupted=bool(signals.received))

    async def _start(self, signals: EndingSignals) -> None:
        try:
            await self.system.start()
        except (Refused, Livelock) as refused:
            if signals.received:
                raise Failed("it was interrupted while it started") from None
            if isinstance(refused, NotStarted | Livelock):
                self.log.release()
            raise
        self.log.release()
        log.info("system started", file=str(self.system.plan.file), actors=len(self.system.bus.cells))
        # What is there now stays to the end. Frozen, it is not gone through again at every collection.
        gc.collect()
        gc.freeze()

    async def _run(self) -> None:
        driver = self.system.bus.driver
        if self.seconds is not None:
            asyncio.get_running_loop().call_later(self.seconds, driver.stop)
        await self.system.run()
        if self.stays and not driver.stopping:
            log.info("feeds ended, staying up until SIGINT or SIGTERM")
            await driver.stopped.wait()
        log.info("system stopping")


@dataclass(frozen=True, slots=True)
class Ended(Generic[T]):
    """What a session brought home."""

    result: T
    trouble: str | None
    """Why it did not go as planned, in one sentence; None if it did."""
    interrupted: bool
    """Whether a signal ended it."""


@asynccontextmanager
async def _watched(watch: Watch | None, system: System) -> AsyncGenerator[None, None]:
    if watch is None:
        yield
        return
    task = asyncio.ensure_future(watch(system))
    task.add_done_callback(lambda _: system.bus.driver.stop())  # it failed: nobody reads what it writes
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
