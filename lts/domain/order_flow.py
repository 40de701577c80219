"""The journey of an order: proposed, screened by risk, journalled, placed, executed, reported."""

from decimal import Decimal
from enum import StrEnum

from bus.message import Delivery, Event, Request
from lts.domain.fills import Fill
from lts.domain.money import ZERO
from lts.domain.orders import ApprovedOrder, Order, OrderStatus


class OrderProposed(Event, key="portfolio", gc=False):
    """A portfolio would like to trade."""

    portfolio: str
    order: Order


class OrderApproved(Event, key="portfolio", gc=False):
    """Risk has reserved what the order needs and lets it pass."""

    portfolio: str
    order: ApprovedOrder


class OrderDenied(Event, key="portfolio", gc=False):
    """Risk does not let the order pass; it ends here, for this reason."""

    portfolio: str
    order: Order
    reason: str
    at: int


class OrderJournalled(Event, gc=False):
    """The intent is durable: the order may go on the wire."""

    order: ApprovedOrder


class OrderNotJournalled(Event, gc=False):
    """The intent could not be made durable, for this reason: the order goes nowhere."""

    order: ApprovedOrder
    reason: str


class JournalOrder(Request[OrderJournalled | OrderNotJournalled], gc=False):
    """Asks the journal to keep an intent."""

    order: ApprovedOrder


class PlaceOrder(Request[None], key="broker", gc=False):
    """Tells a broker to send an order to its venue; what becomes of it arrives in reports."""

    broker: str
    order: ApprovedOrder


class WithdrawOrder(Request[None], key="broker", gc=False):
    """Tells a broker to cancel an order at its venue; what becomes of it arrives in reports."""

    broker: str
    client_order_id: str


class ExecType(StrEnum):
    """What an execution report says."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"

    __hash__ = str.__hash__  # the enum's own is a Python function, and these are looked up all the time


class ExecutionReport(Event, key="broker", gc=False):
    """What a venue says of an order.

    FILLED, whole or in part, carries the exec id, the price and quantity of this execution, and
    its fee; REJECTED, CANCELED and EXPIRED the reason, where the venue gives one.
    """

    broker: str
    client_order_id: str
    kind: ExecType
    at: int
    exec_id: str = ""
    price: Decimal | None = None
    quantity: Decimal | None = None
    fee: Decimal = ZERO
    reason: str = ""
    venue_order_id: str = ""


class OrderChanged(Event, key="portfolio", gc=False):
    """An order went to a new state without a fill."""

    portfolio: str
    client_order_id: str
    status: OrderStatus
    at: int
    reason: str = ""


class OrderFilled(Event, key="portfolio", gc=False):
    """An order traded, and the state that it is in since."""

    portfolio: str
    fill: Fill
    status: OrderStatus


class CancelOrder(Request[None], gc=False):
    """Commands the end of one order, as far as it has not traded."""

    client_order_id: str


class CancelAll(Request[None], delivery=Delivery.URGENT, gc=False):
    """Commands the end of every open order of a portfolio, or of all portfolios if it names none."""

    portfolio: str | None = None


class OrderAlarmed(Event, key="portfolio", gc=False):
    """Something about an order that must not happen, happened; somebody has to look."""

    portfolio: str
    client_order_id: str
    alarm: str
    at: int
