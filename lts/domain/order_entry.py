"""Orders by hand: what users command, how they are answered, and the inputs that their commands become.

A command goes to the order entry, which owns it. What it accepts becomes an event, an input from outside
like a price: it is numbered, recorded, and played back by a tape. Whoever it is about answers that event
with `EntryAnswered`, `OrderDenied` or `ModificationDenied`, which all name the entry.
"""

from enum import StrEnum
from typing import Self

from bus.message import Event, Request
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.order_ticket import OrderTicket
from lts.domain.orders import Entered, Terms
from lts.domain.request_mark import RequestMark


class EntryCode(StrEnum):
    """Why a command was not taken."""

    INVALID = "invalid"
    """What it says contradicts itself, or the rules of the instrument."""
    UNKNOWN_PORTFOLIO = "unknown_portfolio"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    """The portfolio does not trade it."""
    UNKNOWN_ORDER = "unknown_order"
    """The portfolio has no such order, or it was archived."""
    CLOSED_ORDER = "closed_order"
    """The order is over."""
    DENIED = "denied"
    """Risk or a trading state does not let it pass, or it could not be journalled."""
    KEY_REUSED = "key_reused"
    """Its key marks another command of the user."""
    UNAVAILABLE = "unavailable"
    """Whoever is needed is out of service; nothing was done."""


class OrderTaken(Event):
    """An order is durable, under this id."""

    client_order_id: str
    status: OrderStatus | None
    """Where it stands; None of one that was archived since, which only a repeated command can find."""
    repeated: bool = False
    """Whether it is the order of an earlier command with the same mark."""


class OrderNotTaken(Event):
    """What was commanded of an order was not done, for this reason."""

    client_order_id: str
    """Of the order, if there is one: one that was denied is kept like any other."""
    reason: str
    code: EntryCode
    repeated: bool = False
    """Whether it became of an earlier command with the same mark."""


class SubmitOrder(Request[OrderTaken | OrderNotTaken]):
    """Commands an order, in the name of a user. Whether that user may do so, who asks has found out."""

    portfolio: str
    ticket: OrderTicket
    who: str
    request: RequestMark | None = None


class RevisionTaken(Event):
    """An order is on its way to its venue with other terms, which hold when the venue confirms them."""

    client_order_id: str
    status: OrderStatus


class ReviseOrder(Request[RevisionTaken | OrderNotTaken]):
    """Commands other terms for an order of a portfolio, in the name of a user."""

    portfolio: str
    client_order_id: str
    terms: Terms
    who: str


class RetractionTaken(Event):
    """That orders are to end is durable: whatever happens to this process, they are cancelled."""

    orders: int
    """How many were open."""
    client_order_id: str = ""
    """Of the last one."""
    status: OrderStatus | None = None
    """Where that one stands."""


class RetractOrder(Request[RetractionTaken | OrderNotTaken]):
    """Commands the end of an order of a portfolio, as far as it has not traded, in the name of a user."""

    portfolio: str
    client_order_id: str
    who: str


class RetractAll(Request[RetractionTaken | OrderNotTaken]):
    """Commands the end of all open orders of a portfolio, or of those in one instrument."""

    portfolio: str
    who: str
    instrument: str = ""


class OrderEntered(Event, key="portfolio"):
    """Somebody has entered an order by hand."""

    portfolio: str
    ticket: OrderTicket
    entered: Entered


class RevisionEntered(Event, key="portfolio"):
    """Somebody has entered other terms for an order."""

    portfolio: str
    client_order_id: str
    terms: Terms
    entered: Entered


class RetractionEntered(Event, key="portfolio"):
    """Somebody wants an order cancelled, or all of a portfolio (and an instrument) if it names none."""

    portfolio: str
    entered: Entered
    client_order_id: str = ""
    instrument: str = ""


class EntryAnswered(Event, key="portfolio"):
    """What became of an entry, by its number."""

    portfolio: str
    number: int
    client_order_id: str = ""
    status: OrderStatus | None = None
    reason: str = ""
    code: EntryCode | None = None
    """Why it was not taken; None if it was."""
    orders: int = 1
    """How many orders it was about."""

    @classmethod
    def about(
        cls, record: OrderRecord, entered: Entered, reason: str = "", code: EntryCode | None = None
    ) -> Self:
        """Return the answer to an entry about one order, as it stands now."""
        order = record.order
        return cls(order.portfolio, entered.number, order.client_order_id, record.status, reason, code)


def objection_to_entry(
    entry: RevisionEntered | RetractionEntered, record: OrderRecord | None
) -> EntryAnswered | None:
    """Return the answer to an entry that means no open order of its portfolio; None if it means one.

    Args:
        entry: which; it names an order.
        record: the order of that name, if there is one.
    """
    if record is None or record.order.portfolio != entry.portfolio:
        unknown = f"portfolio {entry.portfolio} has no order {entry.client_order_id}"
        code = EntryCode.UNKNOWN_ORDER
        return EntryAnswered(entry.portfolio, entry.entered.number, reason=unknown, code=code)
    if record.status.is_closed:
        return EntryAnswered.about(record, entry.entered, f"it is {record.status}", EntryCode.CLOSED_ORDER)
    return None
