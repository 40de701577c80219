"""Order events: the states that orders went to."""

from starlette.responses import Response

from actors.api.call import Call
from actors.api.listings import Listing, portfolios_of
from actors.api.pages import USUAL, Page
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, Limit, NameQuery
from actors.api.views.orders import OrderEventView, event_view
from lts.domain.order_listings import ListOrderEvents
from lts.domain.permissions import Permission

routes = Table("order-events", "The states that orders went to, the latest first.")


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
    return call.answer(Page(tuple(map(event_view, listed.events)), page.cursor(listed.next)))
