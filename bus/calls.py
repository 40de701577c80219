"""A request on its way to its owner, and the answer on its way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from bus.cell import Cell
from bus.facts import Undeliverable
from bus.message import Delivery, Request

if TYPE_CHECKING:
    from bus.later import Later


class Errand(NamedTuple):
    """What a task does: its cause, and the actor that can do nothing else until it is done, if any."""

    cause: int = 0
    holds: Cell | None = None


NO_ERRAND = Errand()
ERRAND: ContextVar[Errand] = ContextVar("ERRAND", default=NO_ERRAND)
"""The current task's errand, which its children inherit. Only what may await has any: a decider's
cause is the dispatcher's."""


class Undeclared(Exception):
    """An actor used a message that its port does not carry."""


class AskError(Exception):
    """A request has no answer."""


class Unowned(AskError):
    """No actor owns the request."""


class AskCycle(AskError):
    """The owner waits, directly or through others, for whoever asks."""


class AskTimeout(AskError):
    """The owner did not answer within the deadline."""


class OwnerFailed(AskError):
    """The owner raised while handling the request, or is quarantined or stopped."""


class Call:
    """A request and the way back. It travels in the place of the request."""

    __slots__ = ("asked_by", "request")

    def __init__(self, request: Request[Any], asked_by: Cell) -> None:
        self.request = request
        self.asked_by = asked_by

    @property
    def key(self) -> Any:
        """The key of the request."""
        return self.request.key

    @property
    def delivery(self) -> Delivery:
        """The delivery of the request."""
        return self.request.delivery

    def relax(self) -> None:
        """Take the news that the answer will take its time, and that nobody has to wait for it."""

    def resolve(self, answer: Any) -> None:
        """Take the owner's answer."""
        raise NotImplementedError

    def refuse(self, error: AskError, *, delivered: bool) -> None:
        """Take the news that there will be no answer."""
        raise NotImplementedError


class Ask(Call):
    """A call that somebody awaits."""

    __slots__ = ("_answer", "_error", "_future", "done")

    def __init__(self, request: Request[Any], asked_by: Cell) -> None:
        super().__init__(request, asked_by)
        self.done = False
        self._answer: Any = None
        self._error: AskError | None = None
        self._future: asyncio.Future[None] | None = None

    def resolve(self, answer: Any) -> None:
        """Wake the asker with the answer; too late an answer goes nowhere."""
        if not self.done:
            self._answer = answer
            self._finish()

    def refuse(self, error: AskError, *, delivered: bool) -> None:  # noqa: ARG002 - the error says it
        """Wake the asker with an error."""
        if not self.done:
            self._error = error
            self._finish()

    async def wait(self, within: float) -> None:
        """Wait until the call is done.

        Raises:
            AskTimeout: `within` seconds of system time have passed.
        """
        self._future = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within):
                await self._future
        except TimeoutError:
            self.done = True
            name = self.request.__class__.__name__
            raise AskTimeout(f"{name} was not answered within {within} s") from None

    def when_given_up(self, then: Callable[[], None]) -> None:
        """Have `then` called if whoever awaits the answer stops to."""
        if self._future is not None:
            self._future.add_done_callback(lambda future: then() if future.cancelled() else None)

    def result(self) -> Any:
        """Return the answer.

        Raises:
            AskError: there is none.
        """
        if self._error is not None:
            raise self._error
        return self._answer

    def _finish(self) -> None:
        self.done = True
        if self._future is not None and not self._future.done():
            self._future.set_result(None)


class Send(Call):
    """A call whose answer returns to the sender's mailbox as a message, with the cause of the call."""

    __slots__ = ("_cause",)

    def __init__(self, request: Request[Any], asked_by: Cell, cause: int) -> None:
        self.request = request  # every order makes two of these, and super() would take as long as all this
        self.asked_by = asked_by
        self._cause = cause

    def resolve(self, answer: Any) -> None:
        """Send the answer back; None means that there is nothing to say."""
        if answer is not None:
            asker = self.asked_by
            asker.actor._bus.supervisor.deliver(asker, answer, self._cause)  # noqa: SLF001 - the way back into an actor is the bus's

    def refuse(self, error: AskError, *, delivered: bool) -> None:
        """Send back an `Undeliverable`."""
        self.resolve(Undeliverable(self.request, str(error), delivered))


def objection_to(
    request: Request[Any], asker: Cell, owners: Sequence[Cell], *, held: bool
) -> AskError | None:
    """Why a request cannot be answered: nobody owns it, or its owner waits for the asker's handler.

    Args:
        request: the request.
        asker: who puts it.
        owners: who owns it: one or none.
        held: whether the asker can do nothing else until it is answered.
    """
    if not owners:
        return unowned(request)
    owner = owners[0]
    if held and (owner.awaits or owner is asker) and (path := way_back(owner, asker)):
        cycle = " -> ".join(cell.name for cell in (asker, *path))
        return AskCycle(f"{type(request).__name__} would wait for itself: {cycle}")
    return None


def unowned(request: Request[Any]) -> Unowned:
    """Return the error that says that nobody owns a request."""
    name = type(request).__name__
    return Unowned(
        f"no actor owns {name}" if request.key is None else f"no actor owns {name} for {request.key!r}"
    )


def way_back(owner: Cell, asker: Cell) -> tuple[Cell, ...]:
    """Return the actors, each waiting for the next, from an owner to its asker; () if there are none."""
    paths: list[tuple[Cell, ...]] = [(owner,)]
    seen = {owner}
    for path in paths:
        if path[-1] is asker:
            return path
        paths += [(*path, each) for each in path[-1].awaits if each not in seen]
        seen.update(path[-1].awaits)
    return ()


def answering(method: Callable[[Any], Any]) -> Callable[[Call], None]:
    """Return a handler of calls whose answer is what `method` returns."""

    def answer(call: Call) -> None:
        call.resolve(method(call.request))

    return answer


def answering_once_known(method: Callable[[Any], Later[Any]]) -> Callable[[Call], None]:
    """Return a handler of calls whose answer is given to the `Later` that `method` returns."""

    def answer(call: Call) -> None:
        method(call.request).take(call)

    return answer


def answering_later(method: Callable[[Any], Any]) -> Callable[[Call], Any]:
    """Return a handler of calls whose answer is what awaiting `method` returns."""

    async def answer(call: Call) -> None:
        call.resolve(await method(call.request))

    return answer
