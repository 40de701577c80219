"""Orders: what was intended, how it stands, and what became of it."""

from typing import Annotated

import msgspec
from fastapi import Path, Query
from starlette.responses import Response

from actors.api.amounts import Amount
from actors.api.call import Call
from actors.api.listings import Listing, interval, portfolios_of
from actors.api.pages import USUAL, Page
from actors.api.problems import Kind, not_found
from actors.api.routes.order_events import OrderEventView, TermsView, optional, terms_view, view_of
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InstantQuery, Limit, NameQuery
from lts.domain.money import plain
from lts.domain.order_listings import GetOrder, ListedOrder, ListOrderEvents, ListOrders, OrderNotFound
from lts.domain.order_status import OrderStatus
from lts.domain.orders import OrderType, Side, TimeInForce
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("orders", "What was intended, how it stands, and what became of it; the latest first.")
READ = Rule(needs=Permission.READ_ORDERS, owned_by="portfolio")
ONE = Rule(needs=Permission.READ_ORDERS, owned_by="order")

OrderInPath = Annotated[
    str,
    Path(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9._/-]+$",
        examples=["main-SP500-000001"],
        description="The client order id, its slashes written as `%2F`.",
    ),
]


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


@routes.get("/orders", READ, answers=Page[OrderView], problems=(Kind.NOT_FOUND,))
async def list_orders(  # noqa: PLR0913, PLR0917 - by what it can be filtered
    call: Call,
    portfolio: NameQuery = None,
    status: Annotated[OrderStatus | None, Query(description="Only those that stand so.")] = None,
    open: Annotated[bool, Query(description="Only those that may still trade.")] = False,  # noqa: A002, FBT002
    instrument: NameQuery = None,
    broker: NameQuery = None,
    since: InstantQuery = None,
    until: InstantQuery = None,
    cursor: CursorQuery = None,
    limit: Limit = USUAL,
) -> Response:
    """List orders by when they were made: since an instant, and before another."""
    begin, end = interval(since, until)
    limited = (portfolio, status, open, instrument, broker, begin, end)
    page = Listing(call, ("orders", *limited), cursor)
    listed = await page.ask(
        ListOrders(
            await portfolios_of(call, Permission.READ_ORDERS, "orders", portfolio),
            () if status is None else (status,),
            open,
            instrument or "",
            broker or "",
            begin,
            end,
            page.after,
            limit,
        )
    )
    return call.answer(Page(tuple(map(_view, listed.orders)), page.cursor(listed.next)))


@routes.get("/orders/{order:name}", ONE, answers=OrderView, problems=(Kind.NOT_FOUND,))
async def read_order(call: Call, order: OrderInPath) -> Response:
    """Read how an order stands."""
    return call.answer(_view(await _found(call, order)))


@routes.get("/orders/{order:name}/events", ONE, answers=Page[OrderEventView], problems=(Kind.NOT_FOUND,))
async def list_events_of_order(
    call: Call, order: OrderInPath, cursor: CursorQuery = None, limit: Limit = USUAL
) -> Response:
    """List the states that an order went to, and why, the latest first."""
    portfolio = (await _found(call, order)).order.portfolio
    page = Listing(call, ("events of order", order), cursor)
    listed = await page.ask(ListOrderEvents((portfolio,), order, page.after, limit))
    return call.answer(Page(tuple(map(view_of, listed.events)), page.cursor(listed.next)))


async def _found(call: Call, order: str) -> ListedOrder:
    """Return an order that the caller may see; a Problem says that there is none."""
    told = await call.ask(GetOrder(order))
    if isinstance(told, OrderNotFound):
        raise not_found()
    owner = call.port.premises.owners.get(told.listed.order.portfolio)
    call.sees(Permission.READ_ORDERS, owner)
    await call.reading("orders", owner, order)
    return told.listed


def _view(listed: ListedOrder) -> OrderView:
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
