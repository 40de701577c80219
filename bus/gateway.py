"""The child's side of an actor's port: what its body is given, and what its body says and asks."""

from __future__ import annotations

import asyncio
from typing import Any

from bus.actor import Actor
from bus.calls import ERRAND, Ask, AskCycle, AskError, AskTimeout, Call, OwnerFailed, Unowned
from bus.cell import Cell
from bus.letters import Answer, Done, Put, Refusal, Relaxed, Tell, Withdrawal
from bus.line import Line
from bus.message import Delivery, Event, Message, Request
from bus.packing import Packing, Untransportable
from bus.router import Handler

ERRORS: dict[str, type[AskError]] = {
    each.__name__: each for each in (AskCycle, AskTimeout, OwnerFailed, Unowned)
}


class Parcel(Call):
    """A message from the parent on its way to the body: each one counts, so none takes another's place."""

    __slots__ = ("_gateway", "number")

    def __init__(self, number: int, message: Any, gateway: Gateway) -> None:
        super().__init__(message, gateway.cell)
        self.number = number
        self._gateway = gateway

    @property
    def delivery(self) -> Delivery:
        """How it waits here: which is the newest has been settled on the other side."""
        return Delivery.URGENT if self.request.delivery is Delivery.URGENT else Delivery.EVERY

    def relax(self) -> None:
        """Pass on that nobody has to wait for the answer."""
        self._gateway.line.write(Relaxed(self.number))

    def resolve(self, answer: Any) -> None:
        """Pass on the answer."""
        self._gateway.answer(self.number, self.request, answer)

    def refuse(self, error: AskError, *, delivered: bool) -> None:
        """Pass on that there is none."""
        self._gateway.refuse(self.number, error, delivered=delivered)


class Gateway(Actor[None]):
    """Owns all that the body asks, and hears all that it publishes."""

    def open_port(self, body: Cell, packing: Packing, line: Line) -> None:
        """Begin to carry what the body's port has."""
        self.line = line
        self.shut = False
        """Whether the body has failed: its answers go nowhere then."""
        self._body = body
        self._packing = packing
        self._done: list[int] = []
        self._due: asyncio.Handle | None = None
        self._number = 0
        self._open: dict[int, Call] = {}
        router = self._bus.router
        for event_type in body.actor._outlets:  # noqa: SLF001 - this is the other side of that port
            router.of(event_type).add((self.cell, self.tell), None)
        for request_type in body.actor._owners:  # noqa: SLF001 - as above
            router.of(request_type).add((self.cell, self.put), None)

    @property
    def cell(self) -> Cell:
        """The bus's record of this actor."""
        return self._cell

    # Out: what the body says and asks

    def tell(self, event: Event) -> None:
        """Pass on an event."""
        try:
            name, body = self._packing.pack(event)
        except Untransportable as error:
            self._bus.supervisor.failed(self._body, error)
        else:
            self.line.write(Tell(0, self._dispatcher.cause, name, body), len(body))

    def put(self, call: Call) -> None:
        """Pass on a request."""
        try:
            name, body = self._packing.pack(call.request)
        except Untransportable as error:
            call.refuse(OwnerFailed(str(error)), delivered=False)
            return
        self._number += 1
        number, awaited = self._number, isinstance(call, Ask)
        held = awaited and ERRAND.get().holds is self._body
        self._open[number] = call
        self.line.write(Put(number, self._dispatcher.cause, name, body, awaited, held), len(body))
        if isinstance(call, Ask):
            asyncio.get_running_loop().call_soon(self._watch, number, call)

    def _watch(self, number: int, ask: Ask) -> None:
        """Have a request withdrawn when nobody waits for its answer any more."""

        def given_up() -> None:
            if self._open.pop(number, None) is not None:
                self.line.write(Withdrawal(number))

        ask.when_given_up(given_up)

    # In: what answers the body, and what it is given

    def answered(self, letter: Answer) -> None:
        """Take an answer to what the body has asked; too late it goes nowhere."""
        call = self._open.pop(letter.number, None)
        if call is not None:
            call.resolve(self._packing.answers(call.request).unpack(letter.which, letter.body))

    def refused(self, letter: Refusal) -> None:
        """Take the news that there is no answer."""
        call = self._open.pop(letter.number, None)
        if call is not None:
            error = ERRORS.get(letter.error, OwnerFailed)(letter.reason)
            call.refuse(error, delivered=letter.delivered)

    def give(self, number: int, message: Message, opened: Handler, cause: int) -> None:
        """Put a message into the body's mailbox."""
        self._dispatcher.put_one(self._body, opened, Parcel(number, message, self), cause)

    def opening(self, handler: Handler, *, asynchronous: bool, request: bool) -> Handler:
        """Return what has a parcel's content handled, and acknowledges that."""
        if asynchronous:

            async def open_and_wait(parcel: Parcel) -> None:
                await handler(parcel if request else parcel.request)
                self._handled(parcel.number)

            return open_and_wait

        def open_it(parcel: Parcel) -> None:
            handler(parcel if request else parcel.request)
            self._handled(parcel.number)

        return open_it

    def settle(self) -> None:
        """Acknowledge all that has been handled."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._done and not self.shut:
            done, self._done = self._done, []
            self.line.write(Done(done))

    def answer(self, number: int, request: Request[Any], answer: Any) -> None:
        """Pass on what the body answers."""
        try:
            which, body = self._packing.answers(request).pack(answer)
        except Untransportable as error:
            self.refuse(number, OwnerFailed(str(error)), delivered=True)
        else:
            if not self.shut:
                self.line.write(Answer(number, which, body), len(body))

    def refuse(self, number: int, error: AskError, *, delivered: bool) -> None:
        """Pass on that the body will not answer."""
        if not self.shut:
            self.line.write(Refusal(number, type(error).__name__, str(error), delivered))

    def _handled(self, number: int) -> None:
        self._done.append(number)
        if self._due is None:
            self._due = asyncio.get_running_loop().call_soon(self.settle)
