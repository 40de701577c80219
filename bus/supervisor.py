"""Keeps actors alive: starts them, restarts what fails, quarantines what keeps failing, ends them.

What fails never takes others down: the failing message becomes a dead letter,
the rest of the mailbox waits, and the state is born again in `lifespan`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from random import Random
from typing import Any

import structlog

from bus.actor import Actor
from bus.beats import Beating
from bus.calls import ERRAND, NO_ERRAND, Ask, AskError, Call, Errand, OwnerFailed
from bus.cell import ENDED, LIVING, Cell, State
from bus.dispatcher import Dispatcher
from bus.facts import ActorFailed, ActorQuarantined, ActorStarted, ActorStopped, DeadLetter
from bus.handlers import beats
from bus.mailbox import Mailbox, Waiting
from bus.message import Event, Message
from bus.router import Handler
from bus.supervision import Overwhelmed, explained
from bus.timers import Timers
from bus.wiring import Wiring

log = structlog.get_logger("bus")


class Supervisor:
    """Owns the life of every actor."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        wiring: Wiring,
        timers: Timers,
        hopeless: tuple[type[Exception], ...] = (),
    ) -> None:
        self.failures = 0
        self.dead_letters = 0
        self.trespasses = 0
        """How many messages outside of their ports the bodies in child processes have tried to use."""
        self.stopping = False
        self._dispatcher = dispatcher
        self._wiring = wiring
        self._timers = timers
        self.hopeless = hopeless
        """Exceptions in a lifespan that no restart can mend."""
        self._random = Random(0)  # noqa: S311 - jitter, not a secret; one seed, so that a replay rests as long
        dispatcher.failed = self.handler_failed
        dispatcher.undelivered = self.undelivered
        dispatcher.pressure.drowning = self.drowned
        dispatcher.gave_out = partial(self.failed, final=True)

    # Birth

    def start(self, cell: Cell) -> None:
        """Bring an actor to life: at once if there is nothing to wait for, else in a task."""
        dying = cell.worker or cell.tasks or cell.lifespan
        if type(cell.actor).lifespan is Actor.lifespan and not dying:
            _forget_state(cell)
            cell.state = State.STARTING
            self._started(cell)
            return
        cell.lane = Mailbox() if cell.lane is None else cell.lane
        self._dispatcher.open_work += 1
        birth = self._keep(cell, self._give_birth(cell))
        birth.add_done_callback(lambda _: self._dispatcher.finish_work())

    async def _give_birth(self, cell: Cell) -> None:
        ERRAND.set(Errand(holds=cell))
        try:
            await self._wind_down(cell)
            if cell.state in ENDED:
                return
            cell.state = State.STARTING
            _forget_state(cell)
            cell.lifespan = cell.actor.lifespan()
            await anext(cell.lifespan)
        except self.hopeless as refusal:
            self.quarantine(cell, str(refusal))
        except asyncio.CancelledError:
            if cell.state is State.STARTING:
                self.failed(cell, InterruptedError("its start was cancelled"))
            raise
        except StopAsyncIteration:
            self.failed(cell, RuntimeError("its lifespan ended without a yield"))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a guest raises is its failure
            self.failed(cell, error)
        else:
            if cell.state is State.STARTING:
                self._started(cell)

    def _started(self, cell: Cell) -> None:
        cell.state = State.RUNNING
        self.wind_up(cell)
        self._dispatcher.keep_up(cell)
        self._dispatcher.publish(ActorStarted(cell.name, cell.restarts))

    def wind_up(self, cell: Cell) -> None:
        """Start the timers of an actor's class."""
        for beat in beats(type(cell.actor)):
            Beating(cell, beat, self._dispatcher, self._timers)

    # Actors that cannot take more

    def hold(self, cell: Cell) -> None:
        """Let the messages of an actor wait that cannot take more for now, though its handlers would."""
        if cell.state is State.RUNNING:
            cell.state = State.HELD
            cell.lane = Mailbox() if cell.lane is None else cell.lane
            if len(cell.lane) >= self._dispatcher.pressure.marks.hard:
                self.drowned(cell)

    def go_on(self, cell: Cell) -> None:
        """Let an actor that was held have what waits for it."""
        if cell.state is State.HELD:
            cell.state = State.RUNNING
            self._dispatcher.keep_up(cell)

    def drowned(self, cell: Cell) -> None:
        """Fail an actor that is held while its mailbox fills beyond the hard mark, and empty the mailbox."""
        if cell.state is not State.HELD:
            return
        reason = f"it does not keep up: {cell.depth:,} messages wait for it"
        self.failed(cell, Overwhelmed(reason))
        if cell.state not in ENDED:
            left, cell.lane = cell.lane, Mailbox()
            self._dispose(cell, left, reason)

    def put_back(self, cell: Cell, messages: Iterable[Waiting]) -> None:
        """Let an actor that is to be born again have messages that it has not seen, before all others."""
        if cell.state is not State.RESTARTING:
            for _, message, _ in messages:
                self.undelivered(cell, message, f"{cell.name} is {cell.state.value}")
            return
        left, cell.lane = cell.lane, Mailbox()
        for waiting in messages:
            cell.lane.put(*waiting)
        while left:
            cell.lane.put(*left.take())

    # Failure

    def handler_failed(self, cell: Cell, message: Any, error: BaseException) -> None:
        """Take the news that a handler raised while it had this message."""
        reason = explained(error)
        if isinstance(message, Call):
            message.refuse(OwnerFailed(f"{cell.name} failed: {reason}"), delivered=True)
        self.dead_letter(cell, message, reason, failed=True)
        self.failed(cell, error)

    def failed(self, cell: Cell, error: BaseException, *, final: bool = False) -> None:
        """Rest and restart an actor that raised, or quarantine it when its budget is used up."""
        self.failures += cell.state in LIVING
        reason = explained(error)
        if self.stopping or cell.state not in LIVING:
            log.error("actor failed while it ended", actor=cell.name, error=reason, exc_info=error)
            return
        cell.reason = reason
        failures = cell.supervision.count(cell.failures, self._timers.now(), self._dispatcher.inputs)
        over = final or failures > cell.supervision.restarts
        rest = None if over else cell.supervision.rest(failures, self._random)
        log.error("actor failed", actor=cell.name, failures=failures, restart_in=rest, exc_info=error)
        self._dispatcher.publish(ActorFailed(cell.name, reason, failures, rest))
        if rest is None:
            often = f"failed {failures} times in {cell.supervision.window:g} s: " if failures > 1 else ""
            self.quarantine(cell, often + reason)
        else:
            for affected in [cell, *(cell.group.affected_by(cell) if cell.group else ())]:
                self._rest(affected, rest)

    def quarantine(self, cell: Cell, reason: str) -> None:
        """Take an actor out of service for good; what it would have got becomes dead letters."""
        cell.reason = reason
        log.error("actor quarantined", actor=cell.name, reason=reason, policy=cell.supervision.policy)
        self._retire(cell, State.QUARANTINED)
        self._dispatcher.publish(ActorQuarantined(cell.name, reason, cell.supervision.policy))

    def undelivered(self, cell: Cell, message: Any, reason: str) -> None:
        """Take the news that an actor never got to see a message."""
        if isinstance(message, Call):
            message.refuse(OwnerFailed(reason), delivered=False)
        if not cell.mourned:  # a full mailbox is one line in the log, not thousands
            cell.mourned = True
            log.warning("messages are undelivered from now on", actor=cell.name, reason=reason)
        self._bury(cell, message, reason)

    def refuse(self, call: Call, error: AskError) -> None:
        """Refuse a request that nobody will get."""
        self.dead_letter(call.asked_by, call, str(error))
        call.refuse(error, delivered=False)

    def dead_letter(self, cell: Cell, message: Any, reason: str, *, failed: bool = False) -> None:
        """Make a fact of a message that was not handled to its end."""
        name = type(message.request if isinstance(message, Call) else message).__name__
        log.warning("dead letter", actor=cell.name, message=name, reason=reason)
        self._bury(cell, message, reason, failed=failed)

    def _bury(self, cell: Cell, message: Any, reason: str, *, failed: bool = False) -> None:
        self.dead_letters += 1
        message = message.request if isinstance(message, Call) else message
        if not isinstance(message, DeadLetter):
            self._dispatcher.publish(DeadLetter(message, cell.name, reason, failed))

    def forget(self, cell: Cell, unwanted: Callable[[Any], bool]) -> int:
        """Take events out of an actor's mailbox; return how many."""
        return len(self._take_out(cell, lambda message: isinstance(message, Event) and unwanted(message)))

    def _rest(self, cell: Cell, seconds: float) -> None:
        if cell.state not in LIVING:
            return
        cell.state = State.RESTARTING
        self._dispatcher.look_up()
        cell.lane = Mailbox() if cell.lane is None else cell.lane
        self._disarm(cell)
        for ask in self._take_out(cell, lambda message: isinstance(message, Ask)):
            ask.refuse(OwnerFailed(f"{cell.name} failed before it came to this"), delivered=False)
        cell.restarts += 1
        self._timers.after(seconds, partial(self._restart, cell))

    def _restart(self, cell: Cell) -> None:
        if cell.state is State.RESTARTING and not self.stopping:
            self.start(cell)

    def _take_out(self, cell: Cell, unwanted: Callable[[Any], bool]) -> list[Any]:
        taken = [] if cell.lane is None else cell.lane.remove(unwanted)
        self._dispatcher.pressure.relieve(cell)
        return taken

    # End

    async def end(self, cell: Cell, within: float) -> bool:
        """Stop an actor, what it has going and then its lifespan; return whether it ended in time."""
        quarantined = cell.state in ENDED
        cell.grace = within
        if not quarantined:
            self._retire(cell, State.STOPPED)
        if cell.tasks and (await asyncio.wait(tuple(cell.tasks), timeout=within))[1]:
            return False
        if not quarantined:
            self._dispatcher.publish(ActorStopped(cell.name))
        return True

    def _retire(self, cell: Cell, state: State) -> None:
        self._wiring.disconnect(cell)
        cell.state = state
        self._dispatcher.look_up()
        self._disarm(cell)
        left, cell.lane = cell.lane, Mailbox()
        self._dispose(cell, left, f"{cell.name} is {state.value}")
        if cell.group is not None:
            cell.group.members.remove(cell)
            cell.group = None
        if cell.worker or cell.tasks or cell.lifespan:
            self._keep(cell, self._wind_down(cell))

    def _dispose(self, cell: Cell, mailbox: Mailbox | None, reason: str) -> None:
        while mailbox:
            _, message, _ = mailbox.take()
            self.undelivered(cell, message, reason)
        self._dispatcher.pressure.relieve(cell)

    async def _wind_down(self, cell: Cell) -> None:
        """Wait until nothing of an actor runs any more, then let its lifespan clean up."""
        itself = asyncio.current_task()
        going = {task for task in (cell.worker, *cell.tasks) if task is not None and task is not itself}
        if going:
            await asyncio.wait(going)
        lifespan, cell.lifespan = cell.lifespan, None
        if lifespan is None:
            return
        try:
            await anext(lifespan)
            log.error("lifespan yielded twice", actor=cell.name)
            await lifespan.aclose()
        except StopAsyncIteration:
            return
        except (Exception, asyncio.CancelledError):
            log.exception("actor failed while it ended", actor=cell.name)

    # What an actor has going beside its handlers

    def adopt(self, cell: Cell, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as part of an actor."""
        self._keep(cell, self._watched(cell, work)).add_done_callback(lambda _: work.close())

    def appoint(self, cell: Cell, seconds: float, message: Event) -> None:
        """Deliver a message to an actor when so much market time has passed."""
        appointment = object()

        def keep() -> None:
            del cell.timers[appointment]
            self._dispatcher.inputs += 1
            self.deliver(cell, message, self._dispatcher.inputs)

        cell.timers[appointment] = self._timers.after(seconds, keep)

    def deliver(self, cell: Cell, message: Message, cause: int) -> None:
        """Deliver a message to one actor alone; one that it does not hear becomes a dead letter."""
        handler = cell.handlers.get(message.__class__) or self._wiring.handler(cell, message.__class__)
        if handler is None:
            self.dead_letter(cell, message, f"{cell.name} has no handler for it")
        else:
            self._dispatcher.put_one(cell, handler, message, cause)

    def handler(self, cell: Cell, message_type: type[Message]) -> Handler | None:
        """Return an actor's handler of a type of message, None if it has none."""
        return self._wiring.handler(cell, message_type)

    async def _watched(self, cell: Cell, work: Coroutine[Any, Any, None]) -> None:
        ERRAND.set(NO_ERRAND)
        try:
            await work
        except asyncio.CancelledError:
            if cell.state in LIVING:
                self.failed(cell, InterruptedError("its background work was cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever a guest raises is a failure of that guest
            self.failed(cell, error)

    def _keep(self, cell: Cell, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=cell.name)
        cell.tasks[task] = None
        task.add_done_callback(cell.tasks.pop)
        return task

    def _disarm(self, cell: Cell) -> None:
        for promise in tuple(cell.owes):
            promise.fail(f"{cell.name} failed or ended before it could answer")
        for timer in cell.timers.values():
            timer.cancel()
        cell.timers.clear()
        for task in (cell.worker, *cell.tasks):
            if task is not None:
                task.cancel()


def _forget_state(cell: Cell) -> None:
    if cell.restarts:  # a dictionary that was once asked for is slower than none
        vars(cell.actor).clear()
