"""Positions: what portfolios hold, as of the last fill of each."""

from typing import Annotated

import msgspec
from fastapi import Query
from starlette.responses import Response

from actors.api.amounts import Amount
from actors.api.call import Call
from actors.api.listings import Listing, portfolios_of
from actors.api.pages import USUAL, Page
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, Limit, NameQuery
from actors.api.views.accounts import DIGITS
from lts.domain.book_listings import HeldPosition, ListPositions
from lts.domain.money import plain
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("positions", "What portfolios hold, as of the last fill of each.")


class HeldPositionView(msgspec.Struct, frozen=True):
    """What a portfolio holds of an instrument, or held; negative: it is short."""

    portfolio: str
    instrument: str
    id: str
    """What tells it from others of the instrument where an account hedges; else empty."""
    quantity: Amount
    average_price: Amount
    """Zero where nothing is held."""
    realised: Amount
    """The profit of what was closed, before fees."""
    fees: Amount
    round_trips: int
    at: str
    """Of the last fill or adjustment."""


@routes.get(
    "/positions",
    Rule(needs=Permission.READ_PORTFOLIOS, owned_by="portfolio"),
    answers=Page[HeldPositionView],
    problems=(Kind.NOT_FOUND,),
)
async def list_all_positions(  # noqa: PLR0913, PLR0917 - by what it can be filtered
    call: Call,
    portfolio: NameQuery = None,
    instrument: NameQuery = None,
    open: Annotated[bool, Query(description="Only those that are not closed.")] = False,  # noqa: A002, FBT002
    cursor: CursorQuery = None,
    limit: Limit = USUAL,
) -> Response:
    """List positions, each portfolio's together."""
    page = Listing(call, ("positions", portfolio, instrument, open), cursor)
    portfolios = await portfolios_of(call, Permission.READ_PORTFOLIOS, "positions", portfolio)
    listed = await page.ask(ListPositions(portfolios, instrument or "", open, page.after, limit))
    return call.answer(Page(tuple(map(_view, listed.positions)), page.cursor(listed.next)))


def _view(held: HeldPosition) -> HeldPositionView:
    position = held.position
    return HeldPositionView(
        position.portfolio,
        position.instrument,
        position.id,
        plain(position.quantity),
        plain(round(position.average_price, DIGITS)),
        plain(position.realised),
        plain(position.fees),
        position.round_trips,
        to_rfc3339(held.at),
    )
