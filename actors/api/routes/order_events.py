"""Order events: the states that orders went to."""

from decimal import Decimal

import msgspec
from starlette.responses import Response

from actors.api.amounts import Amount
from actors.api.call import Call
from actors.api.listings import Listing, portfolios_of
from actors.api.pages import USUAL, Page
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, Limit, NameQuery
from lts.domain.money import plain
from lts.domain.order_listings import ListOrderEvents, OrderEvent
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Terms
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("order-events", "The states that orders went to, the latest first.")


class TermsView(msgspec.Struct, frozen=True):
    """On what terms an order works."""

    quantity: Amount
    limit_price: Amount | None
    trigger_price: Amount | None
    trailing_offset: Amount | None


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
    """On which it has worked since; null: they stayed."""


@routes.get(
    "/order-events",
    Rule(needs=Permission.READ_ORDERS, owned_by="portfolio"),
    answers=Page[OrderEventView],
    problems=(Kind.NOT_FOUND,),
)
async def list_order_events(
    call: Call, portfolio: NameQuery = None, cursor: CursorQuery = None, limit: Limit = USUAL
) -> Response:
    """List the states that orders went to, and why."""
    page = Listing(call, ("order events", portfolio), cursor)
    portfolios = await portfolios_of(call, Permission.READ_ORDERS, "order_events", portfolio)
    listed = await page.ask(ListOrderEvents(portfolios, "", page.after, limit))
    return call.answer(Page(tuple(map(view_of, listed.events)), page.cursor(listed.next)))


def view_of(event: OrderEvent) -> OrderEventView:
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
