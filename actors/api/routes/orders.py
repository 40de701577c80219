"""Orders: what was intended, how it stands, and what became of it."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response

from actors.api.call import Call
from actors.api.listings import Listing, interval, portfolios_of
from actors.api.pages import USUAL, Page
from actors.api.problems import Kind, not_found
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InstantQuery, Limit, NameQuery
from actors.api.views.orders import OrderEventView, OrderView, event_view, order_view
from lts.domain.order_listings import GetOrder, ListedOrder, ListOrderEvents, ListOrders, OrderNotFound
from lts.domain.order_status import OrderStatus
from lts.domain.permissions import Permission

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
    return call.answer(Page(tuple(map(order_view, listed.orders)), page.cursor(listed.next)))


@routes.get("/orders/{order:name}", ONE, answers=OrderView, problems=(Kind.NOT_FOUND,))
async def read_order(call: Call, order: OrderInPath) -> Response:
    """Read how an order stands."""
    return call.answer(order_view(await _found(call, order)))


@routes.get("/orders/{order:name}/events", ONE, answers=Page[OrderEventView], problems=(Kind.NOT_FOUND,))
async def list_events_of_order(
    call: Call, order: OrderInPath, cursor: CursorQuery = None, limit: Limit = USUAL
) -> Response:
    """List the states that an order went to, and why, the latest first."""
    portfolio = (await _found(call, order)).order.portfolio
    page = Listing(call, ("events of order", order), cursor)
    listed = await page.ask(ListOrderEvents((portfolio,), order, page.after, limit))
    return call.answer(Page(tuple(map(event_view, listed.events)), page.cursor(listed.next)))


async def _found(call: Call, order: str) -> ListedOrder:
    """Return an order that the caller may see; a Problem says that there is none."""
    told = await call.ask(GetOrder(order))
    if isinstance(told, OrderNotFound):
        raise not_found()
    owner = call.port.premises.owners.get(told.listed.order.portfolio)
    call.sees(Permission.READ_ORDERS, owner)
    await call.reading("orders", owner, order)
    return told.listed
