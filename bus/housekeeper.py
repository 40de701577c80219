"""Supervision and time where the body of an actor lives: its parent decides, this passes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import structlog

from bus.calls import Call
from bus.cell import LIVING, Cell, State
from bus.drivers import Driver, Moment
from bus.gateway import Gateway, Parcel
from bus.letters import Appointment, Born, Failure, GaveUp
from bus.line import Line
from bus.mailbox import Mailbox
from bus.message import Event
from bus.packing import Packing, Untransportable
from bus.supervision import explained
from bus.supervisor import Supervisor

if TYPE_CHECKING:
    from bus.system import Bus
    from bus.wiring import Outlets

log = structlog.get_logger("bus")


class ToldDriver(Driver):
    """Market time is what the parent has said last."""

    async def run(self) -> None:
        """Wait for `stop`."""
        await self.stopped.wait()

    def now(self) -> int:
        """Return the time that was said last."""
        return self.clock.now()

    def time_of_input(self) -> int:
        """Return the same: nobody here moves time."""
        return self.clock.now()

    def rearm(self) -> None:
        """Do nothing: the body's timers are its parent's."""

    def replay(self, source: Cell, outlets: Outlets, moments: Iterator[Moment]) -> None:  # noqa: ARG002
        """Refuse.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{source.name} lives in a child process, and cannot replay a finite feed there")


class Housekeeper(Supervisor):
    """Reports what happens to the body: no failure is mended here."""

    def __init__(
        self, bus: Bus, line: Line, packing: Packing, unmendable: tuple[type[Exception], ...]
    ) -> None:
        super().__init__(bus.dispatcher, bus.wiring, bus.timers)
        self._line = line
        self._packing = packing
        self._unmendable = unmendable
        self._told = False
        self.gateway: Gateway
        """What carries the body's port."""

    def wind_up(self, cell: Cell) -> None:
        """Report that the body lives; its timers strike elsewhere."""
        if not isinstance(cell.actor, Gateway):
            self._line.write(Born())

    def handler_failed(self, cell: Cell, message: Any, error: BaseException) -> None:
        """Report what raised, and over which message."""
        if not isinstance(message, Parcel):
            self.dead_letter(cell, message, explained(error), failed=True)
        self._report(cell, message, error)

    def failed(self, cell: Cell, error: BaseException, *, final: bool = False) -> None:  # noqa: ARG002
        """Report that the body has failed, if it was over nothing that it was given."""
        self._report(cell, cell.working_on, error)

    def undelivered(self, cell: Cell, message: Any, reason: str) -> None:
        """Do nothing: what the body has not seen, the other side keeps."""

    def dead_letter(self, cell: Cell, message: Any, reason: str, *, failed: bool = False) -> None:  # noqa: ARG002
        """Report a message that nobody handled to its end."""
        message = message.request if isinstance(message, Call) else message
        try:
            name, body = self._packing.pack(message)
        except Untransportable:
            log.warning("dead letter", actor=cell.name, message=type(message).__name__, reason=reason)
        else:
            self._line.write(GaveUp(name, body, reason))

    def appoint(self, cell: Cell, seconds: float, message: Event) -> None:  # noqa: ARG002 - it is the body
        """Have the other side deliver a message when so much market time has passed.

        Raises:
            Untransportable: it is not among the messages that the body hears.
        """
        name, body = self._packing.pack(message)
        self._line.write(Appointment(seconds, name, body))

    def forget(self, cell: Cell, unwanted: Callable[[Any], bool]) -> int:  # noqa: ARG002 - nothing is looked at
        """Refuse: what waits for the body waits in another process.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{cell.name} lives in a child process, and cannot look into its mailbox")

    def _report(self, cell: Cell, message: Any, error: BaseException) -> None:
        if self._told or self.stopping or cell.state not in LIVING:
            log.error("actor failed while it ended", actor=cell.name, error=explained(error), exc_info=error)
            return
        self._told = True
        log.error("actor failed", actor=cell.name, exc_info=error)
        number = message.number if isinstance(message, Parcel) else 0
        self.gateway.settle()
        self.gateway.shut = True
        place = self._place_of(error)
        reason = explained(error) if place is None else str(error)
        self._line.write(Failure(number, reason, place))
        cell.state = State.RESTARTING
        cell.lane = Mailbox() if cell.lane is None else cell.lane
        self._disarm(cell)

    def _place_of(self, error: BaseException) -> int | None:
        """Which of the errors that no restart can mend this is; the reason is then its text alone."""
        places = (place for place, each in enumerate(self._unmendable) if isinstance(error, each))
        return next(places, None)
