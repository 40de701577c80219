"""Orders as they are shown: how they stand, and the states that they went to."""

from decimal import Decimal

import msgspec

from actors.api.amounts import Amount
from lts.domain.money import plain
from lts.domain.order_listings import ListedOrder, OrderEvent
from lts.domain.order_status import OrderStatus
from lts.domain.orders import OrderType, Side, Terms, TimeInForce
from lts.web.times import to_rfc3339


class TermsView(msgspec.Struct, frozen=True):
    """On what terms an order works."""

    quantity: Amount
    limit_price: Amount | None
    trigger_price: Amount | None
    trailing_offset: Amount | None


class OrderView(msgspec.Struct, frozen=True):
    """An order: as it was intended, and as it stands."""

    id: str
    """The client order id."""
    portfolio: str
    instrument: str
    broker: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: Amount
    limit_price: Amount | None
    trigger_price: Amount | None
    trailing_offset: Amount | None
    expires_at: str | None
    reduce_only: bool
    post_only: bool
    parent: str
    """The order that has to fill before this one is sent."""
    group: str
    """Orders of one group end each other by trading."""
    position: str
    created_at: str
    status: OrderStatus
    open: bool
    """Whether it may still trade."""
    filled: Amount
    terms: TermsView
    """On which it works, or did at last."""
    venue_order_id: str
    changed_at: str
    reason: str
    """Of its latest change: why it was denied, for example."""


class OrderEventView(msgspec.Struct, frozen=True):
    """A state that an order went to."""

    seq: int
    """Grows with each event of any order."""
    portfolio: str
    order: str
    """The client order id."""
    status: OrderStatus
    at: str
    reason: str
    exec_id: str
    """The fill that led to it; empty if none did."""
    venue_order_id: str
    terms: TermsView | None
    """On which it has worked since, or with `pending_update`, that were asked for; null: they stayed."""


def order_view(listed: ListedOrder) -> OrderView:
    """Return an order as it is shown."""
    order = listed.order
    return OrderView(
        order.client_order_id,
        order.portfolio,
        order.instrument,
        order.broker,
        order.side,
        order.type,
        order.time_in_force,
        plain(order.quantity),
        optional(order.limit_price),
        optional(order.trigger_price),
        optional(order.trailing_offset),
        None if order.expires_at is None else to_rfc3339(order.expires_at),
        order.reduce_only,
        order.post_only,
        order.parent,
        order.group,
        order.position,
        to_rfc3339(order.created_at),
        listed.status,
        listed.status.is_open,
        plain(listed.filled),
        terms_view(listed.terms),
        listed.venue_order_id,
        to_rfc3339(listed.changed_at),
        listed.reason,
    )


def event_view(event: OrderEvent) -> OrderEventView:
    """Return an event as it is shown."""
    return OrderEventView(
        event.seq,
        event.portfolio,
        event.client_order_id,
        event.status,
        to_rfc3339(event.at),
        event.reason,
        event.exec_id,
        event.venue_order_id,
        None if event.terms is None else terms_view(event.terms),
    )


def terms_view(terms: Terms) -> TermsView:
    """Return terms as they are shown."""
    prices = (terms.limit_price, terms.trigger_price, terms.trailing_offset)
    return TermsView(plain(terms.quantity), *map(optional, prices))


def optional(amount: Decimal | None) -> str | None:
    """Return an amount that there may not be as text."""
    return None if amount is None else plain(amount)
