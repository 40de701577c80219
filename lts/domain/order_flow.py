"""The journey of an order: proposed, screened by risk, journalled, placed, executed, reported."""

from decimal import Decimal
from enum import StrEnum

from bus.message import Delivery, Event, Request
from lts.domain.fills import Fill
from lts.domain.money import ZERO
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Entered, Order, Terms
from lts.domain.register import SYSTEM


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


class OrdersUnderWay(Event, key="portfolio"):
    """The orders of a portfolio that risk has let pass and that may trade, also those not journalled yet."""

    portfolio: str
    orders: tuple[Order, ...] = ()


class GetOrdersUnderWay(Request[OrdersUnderWay]):
    """Asks risk which orders of a portfolio it counts on."""

    portfolio: str


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


class JournalSynced(Event, gc=False):
    """All that was said of an order until it was asked is durable."""

    client_order_id: str


class SyncJournal(Request[JournalSynced], gc=False):
    """Asks the journal to answer when all is durable that was said of an order so far."""

    client_order_id: str


class PlaceOrder(Request[None], key="broker", gc=False):
    """Tells a broker to send an order to its venue; what becomes of it arrives in reports."""

    broker: str
    order: ApprovedOrder


class WithdrawOrder(Request[None], key="broker", gc=False):
    """Tells a broker to cancel an order at its venue; what becomes of it arrives in reports.

    One that has not been sent yet is never sent.
    """

    broker: str
    client_order_id: str


class AmendOrder(Request[None], key="broker", gc=False):
    """Tells a broker to have its venue work an order on other terms; what comes of it arrives in reports."""

    broker: str
    client_order_id: str
    terms: Terms


class QueryOrder(Request[None], key="broker", gc=False):
    """Tells a broker to find out what became of an order, by its client order id.

    What is found arrives in reports: its fills, then where it stands; ABSENT, if the venue proves
    that it never received it; or UNKNOWN, if it cannot be told yet.
    """

    broker: str
    client_order_id: str


class ExecType(StrEnum):
    """What an execution report says."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    TRIGGERED = "triggered"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    UPDATED = "updated"
    UPDATE_REJECTED = "update_rejected"
    CANCEL_REJECTED = "cancel_rejected"
    UNKNOWN = "unknown"
    """It cannot be told what became of a request: a time-out, a broken connection."""
    ABSENT = "absent"
    """The venue has proved that it never received the order."""

    __hash__ = str.__hash__  # the enum's own is a Python function, and these are looked up all the time


class ExecutionReport(Event, key="broker", gc=False):
    """What a venue says of an order, or a broker of what it cannot learn.

    FILLED, whole or in part, carries the exec id, the price and quantity of this execution, its fee,
    and the rate of conversion where the venue states one; UPDATED the terms that it works on now; the
    others the reason, where there is one.
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
    terms: Terms | None = None
    rate: Decimal | None = None
    """What one unit of the instrument's currency was in the portfolio's, if the venue has converted it."""


class OrderChanged(Event, key="portfolio", gc=False):
    """An order went to a new state without a fill, and perhaps to other terms or another id at its venue."""

    portfolio: str
    client_order_id: str
    status: OrderStatus
    at: int
    reason: str = ""
    venue_order_id: str = ""
    terms: Terms | None = None
    """That it works on since; None if they stayed."""
    wanted: Terms | None = None
    """That its venue is asked for (PENDING_UPDATE): until there is an answer, either may hold."""


class OrderFilled(Event, key="portfolio", gc=False):
    """An order traded, and the state that it is in since."""

    portfolio: str
    fill: Fill
    status: OrderStatus


class CancelOrder(Request[None], gc=False):
    """Commands the end of one order, as far as it has not traded."""

    client_order_id: str


class ModificationProposed(Event, key="portfolio", gc=False):
    """Somebody would like an order that is open to have other terms."""

    portfolio: str
    client_order_id: str
    terms: Terms
    entered: Entered


class ModificationApproved(Event, key="portfolio", gc=False):
    """Risk has reserved what an order needs on other terms, and lets them pass."""

    portfolio: str
    client_order_id: str
    terms: Terms
    entered: Entered | None = None
    """By whom they were entered by hand, if they were."""


class ModificationDenied(Event, key="portfolio", gc=False):
    """Risk does not let other terms pass; the order stays as it is."""

    portfolio: str
    client_order_id: str
    reason: str
    entered: Entered | None = None


class ModifyOrder(Request[ModificationApproved | ModificationDenied], gc=False):
    """Commands other terms for one order."""

    client_order_id: str
    terms: Terms


class CancelAll(Request[None], delivery=Delivery.URGENT, gc=False):
    """Commands the end of every open order in a scope of trading."""

    scope: str = SYSTEM


class StoodDown(Event):
    """No order of a scope is on its way any more: each has been answered by its venue, or is in doubt."""

    scope: str
    open: tuple[str, ...]
    """Orders that still work at their venue; their cancels are on the way."""
    unknown: tuple[str, ...]
    """Orders of which it cannot be told whether their venue has received them."""


class StandDown(Request[StoodDown], delivery=Delivery.URGENT, gc=False):
    """Commands that no order of a scope goes on the wire any more and that all of them are cancelled.

    It is answered when none is on its way, or after `within_s` seconds.
    """

    scope: str
    within_s: float = 5.0


class OrderAlarmed(Event, key="portfolio", gc=False):
    """Something about an order that must not happen, happened; somebody has to look."""

    portfolio: str
    client_order_id: str
    alarm: str
    at: int
