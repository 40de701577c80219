"""Fills: what was really bought and sold."""

import msgspec
from starlette.responses import Response

from actors.api.amounts import Amount
from actors.api.call import Call
from actors.api.listings import Listing, interval, portfolios_of
from actors.api.pages import USUAL, Page
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InstantQuery, Limit, NameQuery, OrderQuery
from lts.domain.fills import Fill
from lts.domain.money import plain
from lts.domain.order_listings import ListFills
from lts.domain.orders import Side
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("fills", "What was really bought and sold, the latest first.")


class FillView(msgspec.Struct, frozen=True):
    """One execution of an order."""

    portfolio: str
    instrument: str
    broker: str
    order: str
    """The client order id."""
    exec_id: str
    side: Side
    quantity: Amount
    price: Amount
    fee: Amount
    currency: str
    rate: Amount
    """What one unit of the currency was in the portfolio's when it was booked."""
    position: str
    """The position that it moved in an account that hedges; else empty."""
    at: str


@routes.get(
    "/fills",
    Rule(needs=Permission.READ_ORDERS, owned_by="portfolio"),
    answers=Page[FillView],
    problems=(Kind.NOT_FOUND,),
)
async def list_fills(  # noqa: PLR0913, PLR0917 - by what it can be filtered
    call: Call,
    portfolio: NameQuery = None,
    instrument: NameQuery = None,
    order: OrderQuery = None,
    since: InstantQuery = None,
    until: InstantQuery = None,
    cursor: CursorQuery = None,
    limit: Limit = USUAL,
) -> Response:
    """List fills by when they traded: since an instant, and before another."""
    begin, end = interval(since, until)
    page = Listing(call, ("fills", portfolio, instrument, order, begin, end), cursor)
    portfolios = await portfolios_of(call, Permission.READ_ORDERS, "fills", portfolio)
    wanted = ListFills(portfolios, instrument or "", order or "", begin, end, page.after, limit)
    listed = await page.ask(wanted)
    return call.answer(Page(tuple(map(_view, listed.fills)), page.cursor(listed.next)))


def _view(fill: Fill) -> FillView:
    return FillView(
        fill.portfolio,
        fill.instrument,
        fill.broker,
        fill.client_order_id,
        fill.exec_id,
        fill.side,
        plain(fill.quantity),
        plain(fill.price),
        plain(fill.fee),
        fill.currency,
        plain(fill.rate),
        fill.position,
        to_rfc3339(fill.at),
    )
