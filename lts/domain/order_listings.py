"""Orders as they are listed, and what became of each of them: the latest first."""

from decimal import Decimal

import msgspec

from bus.message import Event, Request
from lts.domain.fills import Fill
from lts.domain.listings import FEW, NotListed
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, Terms


class ListedOrder(msgspec.Struct, frozen=True):
    """An order as it stands."""

    order: Order
    """As it was intended."""
    status: OrderStatus
    filled: Decimal
    terms: Terms
    """On which it works, or did at last: as intended, unless its venue has confirmed others."""
    venue_order_id: str
    """The one in use last; empty where none is known."""
    changed_at: int
    reason: str
    """Of its latest change: why it was denied, for example. Empty where none was told."""


class OrderEvent(msgspec.Struct, frozen=True):
    """A state that an order went to."""

    seq: int
    """Grows with each event of any order."""
    portfolio: str
    client_order_id: str
    status: OrderStatus
    at: int
    reason: str
    exec_id: str
    """The fill that led to it; empty if none did."""
    venue_order_id: str = ""
    """Told together with it."""
    terms: Terms | None = None
    """That it has worked on since, or of PENDING_UPDATE: that were asked for; None if they stayed."""


class OrdersListed(Event):
    """Orders, the latest first."""

    orders: tuple[ListedOrder, ...]
    next: str = ""


class ListOrders(Request[OrdersListed | NotListed]):
    """Asks for orders by when they were made, UTC nanoseconds of market time: since, and before `until`."""

    portfolios: tuple[str, ...] | None = None
    """To which the answer is limited; None: all there are."""
    statuses: tuple[OrderStatus, ...] = ()
    """Empty: whatever it is."""
    open: bool = False
    """Only those that may still trade, of whatever status."""
    instrument: str = ""
    broker: str = ""
    since: int | None = None
    until: int | None = None
    after: str = ""
    limit: int = FEW


class OrderTold(Event):
    """An order, with all that became of it, oldest first."""

    listed: ListedOrder
    events: tuple[OrderEvent, ...]
    fills: tuple[Fill, ...]


class OrderNotFound(Event):
    """None of the portfolios has such an order; perhaps it was archived."""

    client_order_id: str


class GetOrder(Request[OrderTold | OrderNotFound]):
    """Asks for one order with all that became of it."""

    client_order_id: str
    portfolios: tuple[str, ...] | None = None


class OrderEventsListed(Event):
    """What became of orders, the latest first."""

    events: tuple[OrderEvent, ...]
    next: str = ""


class ListOrderEvents(Request[OrderEventsListed | NotListed]):
    """Asks what became of orders, in the order in which it was journalled."""

    portfolios: tuple[str, ...] | None = None
    client_order_id: str = ""
    after: str = ""
    limit: int = FEW


class FillsListed(Event):
    """Fills, the latest first."""

    fills: tuple[Fill, ...]
    next: str = ""


class ListFills(Request[FillsListed | NotListed]):
    """Asks for fills by when they traded, UTC nanoseconds of market time: since, and before `until`."""

    portfolios: tuple[str, ...] | None = None
    instrument: str = ""
    client_order_id: str = ""
    since: int | None = None
    until: int | None = None
    after: str = ""
    limit: int = FEW
