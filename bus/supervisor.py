"""Keeps actors alive: starts them, restarts what fails, quarantines what keeps failing, ends them.

What fails never takes others down: the failing message becomes a dead letter,
the rest of the mailbox waits, and the state is born again in `lifespan`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from random import Random
from typing import Any

import structlog

from bus.actor import Actor
from bus.calls import Ask, Call, OwnerFailed
from bus.cell import Cell, State
from bus.clock import SECOND, MarketClock
from bus.dispatcher import Dispatcher
from bus.facts import ActorFailed, ActorQuarantined, ActorStarted, ActorStopped, DeadLetter, Tick
from bus.handlers import Beat, Time, beats
from bus.mailbox import Mailbox
from bus.message import Event, Message
from bus.timers import Timers
from bus.wiring import Wiring

log = structlog.get_logger("bus")


class Supervisor:
    """Owns the life of every actor."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        wiring: Wiring,
        clock: MarketClock,
        timers: Timers,
        hopeless: tuple[type[Exception], ...] = (),
    ) -> None:
        self.failures = 0
        self.dead_letters = 0
        self.stopping = False
        self._dispatcher = dispatcher
        self._wiring = wiring
        self._clock = clock
        self._timers = timers
        self._hopeless = hopeless
        self._random = Random(0)  # noqa: S311 - jitter, not a secret; one seed, so that a replay rests as long
        dispatcher.failed = self.handler_failed
        dispatcher.undelivered = self.undelivered

    # Birth

    def start(self, cell: Cell) -> None:
        """Bring an actor to life: at once if it has no lifespan of its own, else in a task."""
        if type(cell.actor).lifespan is Actor.lifespan and cell.lifespan is None:
            if cell.restarts:
                vars(cell.actor).clear()
            self._started(cell)
            return
        cell.state = State.STARTING
        cell.lane = cell.lane or Mailbox()
        self._dispatcher.open_work += 1
        self._keep(cell, asyncio.get_running_loop().create_task(self._give_birth(cell), name=cell.name))

    async def _give_birth(self, cell: Cell) -> None:
        try:
            await self._close(cell)
            if cell.restarts:  # a dictionary once asked for is slower than none
                vars(cell.actor).clear()
            cell.lifespan = cell.actor.lifespan()
            await anext(cell.lifespan)
            self._started(cell)
        except self._hopeless as refusal:
            log.error("actor refused to start", actor=cell.name, reason=str(refusal))
            cell.lifespan = None
            self.quarantine(cell, str(refusal))
        except Exception as error:  # noqa: BLE001 - whatever a guest raises is a failure of that guest
            cell.lifespan = None
            self.failed(cell, error)
        finally:
            self._dispatcher.finish_work()

    def _started(self, cell: Cell) -> None:
        cell.state = State.RUNNING
        for beat in beats(type(cell.actor)):
            self._arm(cell, beat)
        if cell.lane:
            self._dispatcher.list_ready(cell)
        elif not cell.asynchronous:
            cell.lane = None
        self._dispatcher.publish(ActorStarted(cell.name, cell.restarts))

    # Failure

    def handler_failed(self, cell: Cell, message: Any, error: Exception) -> None:
        """Take the news that a handler raised while it had this message."""
        reason = _explained(error)
        if isinstance(message, Call):
            message.refuse(OwnerFailed(f"{cell.name} failed: {reason}"), delivered=True)
        self.dead_letter(cell, message, reason)
        self.failed(cell, error)

    def failed(self, cell: Cell, error: BaseException) -> None:
        """Rest and restart an actor that raised, or quarantine it when its budget is used up."""
        self.failures += 1
        if self.stopping or cell.state in {State.QUARANTINED, State.STOPPED}:
            log.error("actor failed while it ended", actor=cell.name, error=_explained(error), exc_info=error)
            return
        cell.reason = _explained(error)
        failures = cell.supervision.count(cell.failures, self._clock.now())
        over = failures > cell.supervision.restarts
        rest = None if over else cell.supervision.rest(failures, self._random)
        log.error("actor failed", actor=cell.name, failures=failures, restart_in=rest, exc_info=error)
        self._dispatcher.publish(ActorFailed(cell.name, _explained(error), failures, rest))
        if rest is None:
            self.quarantine(
                cell, f"failed {failures} times in {cell.supervision.window:g} s: {_explained(error)}"
            )
        else:
            for affected in [cell, *(cell.group.affected_by(cell) if cell.group else ())]:
                self._rest(affected, rest)

    def quarantine(self, cell: Cell, reason: str) -> None:
        """Take an actor out of service for good; what it would have got becomes dead letters."""
        cell.reason = reason
        log.error("actor quarantined", actor=cell.name, reason=reason, policy=cell.supervision.policy)
        self._retire(cell, State.QUARANTINED)
        if cell.lifespan is not None:
            self._keep(cell, asyncio.get_running_loop().create_task(self._close(cell), name=cell.name))
        self._dispatcher.publish(ActorQuarantined(cell.name, reason, cell.supervision.policy))

    def undelivered(self, cell: Cell, message: Any, reason: str) -> None:
        """Take the news that an actor never got to see a message."""
        if isinstance(message, Call):
            message.refuse(OwnerFailed(reason), delivered=False)
        self.dead_letter(cell, message, reason)

    def dead_letter(self, cell: Cell, message: Any, reason: str) -> None:
        """Make a fact of a message that was not handled to its end."""
        self.dead_letters += 1
        message = message.request if isinstance(message, Call) else message
        log.warning("dead letter", actor=cell.name, message=type(message).__name__, reason=reason)
        if not isinstance(message, DeadLetter):
            self._dispatcher.publish(DeadLetter(message, cell.name, reason))

    def _rest(self, cell: Cell, seconds: float) -> None:
        if cell.state not in {State.RUNNING, State.STARTING}:
            return
        cell.state = State.RESTARTING
        self._dispatcher.look_up()
        cell.lane = cell.lane or Mailbox()
        self._disarm(cell)
        for ask in cell.lane.remove(lambda message: isinstance(message, Ask)):
            ask.refuse(OwnerFailed(f"{cell.name} failed before it came to this"), delivered=False)
        cell.restarts += 1
        self._timers.at(self._clock.now() + round(seconds * SECOND), partial(self._restart, cell))

    def _restart(self, cell: Cell) -> None:
        if cell.state is State.RESTARTING and not self.stopping:
            self.start(cell)

    # End

    async def end(self, cell: Cell) -> None:
        """Stop an actor in good order: its tasks, then its lifespan."""
        if cell.state in {State.QUARANTINED, State.STOPPED}:
            return
        worker = cell.worker
        self._retire(cell, State.STOPPED)
        if worker is not None:
            worker.cancel()
            await asyncio.wait([worker])
        await self._close(cell)
        self._dispatcher.publish(ActorStopped(cell.name))

    def _retire(self, cell: Cell, state: State) -> None:
        self._wiring.disconnect(cell)
        self._disarm(cell)
        cell.state = state
        self._dispatcher.look_up()
        left, cell.lane = cell.lane, Mailbox()
        while left:
            _, message, _ = left.take()
            self.undelivered(cell, message, f"{cell.name} is {state.value}")
        if cell.pressed:
            self._dispatcher.pressure.fell(cell, 0)
        if cell.group is not None:
            cell.group.members.remove(cell)
            cell.group = None

    async def _close(self, cell: Cell) -> None:
        lifespan, cell.lifespan = cell.lifespan, None
        if lifespan is None:
            return
        try:
            await anext(lifespan)
        except StopAsyncIteration:
            return
        except Exception:
            log.exception("actor failed while it ended", actor=cell.name)
        else:
            log.error("lifespan yielded twice", actor=cell.name)
            await lifespan.aclose()

    # What an actor has going beside its handlers

    def adopt(self, cell: Cell, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as part of an actor."""
        self._keep(cell, asyncio.get_running_loop().create_task(self._watched(cell, work), name=cell.name))

    def appoint(self, cell: Cell, at: int, message: Event) -> None:
        """Deliver a message to an actor at a moment of market time."""
        appointment = object()

        def keep() -> None:
            del cell.timers[appointment]
            self._dispatcher.inputs += 1
            self.deliver(cell, message, self._dispatcher.inputs)

        cell.timers[appointment] = self._timers.at(at, keep)

    def deliver(self, cell: Cell, message: Message, cause: int) -> None:
        """Deliver a message to one actor alone; one that it does not hear becomes a dead letter."""
        handler = self._wiring.handler(cell, message.__class__)
        if handler is None:
            self.dead_letter(cell, message, f"{cell.name} has no handler for it")
        else:
            self._dispatcher.put_one(cell, handler, message, cause)

    async def _watched(self, cell: Cell, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever a guest raises is a failure of that guest
            self.failed(cell, error)

    def _keep(self, cell: Cell, task: asyncio.Task[Any]) -> None:
        cell.tasks[task] = None
        task.add_done_callback(cell.tasks.pop)

    def _arm(self, cell: Cell, beat: Beat) -> None:
        method = getattr(cell.actor, beat.method)
        tick = Tick(f"{cell.name}.{beat.method}")

        def handler(_: Tick) -> Any:
            return method()

        def strike() -> None:
            arm()
            self._dispatcher.inputs += 1
            self._dispatcher.put_one(cell, handler, tick, self._dispatcher.inputs)

        def arm() -> None:
            if beat.time is Time.MARKET:
                cell.timers[beat] = self._timers.at(self._clock.now() + round(beat.seconds * SECOND), strike)
            else:
                cell.timers[beat] = asyncio.get_running_loop().call_later(beat.seconds, strike)

        arm()

    def _disarm(self, cell: Cell) -> None:
        for timer in cell.timers.values():
            timer.cancel()
        cell.timers.clear()
        current = asyncio.current_task()
        for task in cell.tasks:
            if task is not current:
                task.cancel()


def _explained(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
