"""What was journalled, as it is told to others: numbered, in the order in which it was committed.

The number of an event is that of its entry in the audit: it grows with each event, also across restarts,
and leaves out others. An event has the same number and content for whoever asks, whenever they ask.
"""

from typing import Any

import msgspec

from bus.message import Event, Message, Request
from bus.wire import Wire
from lts.domain.financing import FinancingCharged
from lts.domain.listings import FEW, NotListed
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled, OrderJournalled
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingStateChanged

TOLD = (
    OrderJournalled,
    OrderDenied,
    OrderChanged,
    OrderFilled,
    PositionAdjusted,
    FinancingCharged,
    TradingStateChanged,
)
"""The messages that are told."""

WIRE = Wire(TOLD)


class JournalledEvent(msgspec.Struct, frozen=True):
    """A fact that is on disk."""

    seq: int
    at: int
    """When it was committed: system time, in UTC nanoseconds."""
    portfolio: str
    """Whose it is; empty for what is of no portfolio, or of more than one."""
    type: str
    """The name and version of the message, as in `OrderFilled/1`."""
    body: dict[str, Any]
    """The message as plain values: amounts are strings, times UTC nanoseconds of market time."""

    def message(self) -> Message:
        """Return the message itself."""
        return WIRE.read({"type": self.type, "body": self.body})


class EventsListed(Event):
    """Events, oldest first.

    There may be fewer than were wanted, even none, with others still to come: `through` is what to go on
    after, and whoever has reached `last` has seen all.
    """

    events: tuple[JournalledEvent, ...]
    through: int
    """Up to which number everything was looked at."""
    last: int
    """The latest number that there is, of whatever the journal has."""


class EventsGone(Event):
    """These numbers are there no more, or not yet: a retention dropped them, or a backup was restored.

    Whoever followed the events reads what is (orders, positions) anew, and goes on after `begin`.
    """

    begin: int
    reason: str


class ListEvents(Request[EventsListed | EventsGone | NotListed]):
    """Asks for the events that were journalled after a number."""

    after: int | None = None
    """0: all that there are; None: those to come, so that only where they begin is answered."""
    portfolios: tuple[str, ...] | None = None
    """To which the answer is limited; None: all there are."""
    scopes: tuple[str, ...] | None = None
    """Other scopes of trading whose states are told, as in `system` or `account:paper`; None: all."""
    limit: int = FEW
