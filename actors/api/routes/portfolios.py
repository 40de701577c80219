"""Portfolios: what each has and holds."""

from typing import Annotated

import msgspec
from starlette.responses import Response

from actors.api.amounts import Amount
from actors.api.call import Call
from actors.api.pages import USUAL, Page, page_of
from actors.api.problems import Kind, not_found
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InPath, Limit
from lts.domain.accounts import AccountReported, GetAccount
from lts.domain.money import plain
from lts.domain.permissions import Permission
from lts.domain.positions import Position
from lts.web.times import to_rfc3339

routes = Table("portfolios", "What each portfolio has and holds, valued at the last closes.")
READ = Rule(needs=Permission.READ_PORTFOLIOS, owned_by="portfolio")
DIGITS = 12
"""To which an average price is shown: a quotient may have no end."""


class PortfolioSummary(msgspec.Struct, frozen=True):
    """A portfolio, and whose it is."""

    name: str
    owner: str


class PositionView(msgspec.Struct, frozen=True):
    """What is held of an instrument; negative: it is short."""

    instrument: str
    quantity: Amount
    average_price: Amount
    """Zero where nothing is held."""
    realised: Amount
    """The profit of what was closed, before fees."""
    fees: Amount
    round_trips: int
    id: str
    """What tells it from others of the instrument where an account hedges; else empty."""


class PortfolioView(msgspec.Struct, frozen=True):
    """A portfolio's money and positions, in its own currency."""

    name: str
    owner: str
    currency: str
    at: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
    """Market time."""
    capital: Amount
    """What it began with."""
    cash: Amount
    equity: Amount
    realised: Amount
    fees: Amount
    financing: Amount
    positions: tuple[PositionView, ...]


@routes.get("/portfolios", Rule(needs=Permission.READ_PORTFOLIOS), answers=Page[PortfolioSummary])
async def list_portfolios(call: Call, cursor: CursorQuery = None, limit: Limit = USUAL) -> Response:
    """List the portfolios that one may see."""
    may = call.identity.may
    mine = [
        PortfolioSummary(name, owner)
        for name, owner in call.port.premises.owners.items()
        if may(Permission.READ_PORTFOLIOS, owner)
    ]
    if any(each.owner != call.user for each in mine):
        await call.reading("portfolios", None)
    what = f"portfolios for {call.user}"
    return call.answer(page_of(mine, lambda each: (each.name,), call.port.cursors, what, cursor, limit))


@routes.get("/portfolios/{portfolio:name}", READ, answers=PortfolioView, problems=(Kind.NOT_FOUND,))
async def read_portfolio(call: Call, portfolio: InPath) -> Response:
    """Read what a portfolio has and holds."""
    account = await _account(call, portfolio)
    return call.answer(
        PortfolioView(
            account.portfolio,
            account.owner,
            account.currency,
            to_rfc3339(account.at),
            plain(account.capital),
            plain(account.cash),
            plain(account.equity),
            plain(account.realised),
            plain(account.fees),
            plain(account.financing),
            tuple(map(_view, account.positions)),
        )
    )


@routes.get(
    "/portfolios/{portfolio:name}/positions", READ, answers=Page[PositionView], problems=(Kind.NOT_FOUND,)
)
async def list_positions(call: Call, portfolio: InPath) -> Response:
    """List what a portfolio holds, and held."""
    return call.listed([*map(_view, (await _account(call, portfolio)).positions)])


async def _account(call: Call, portfolio: str) -> AccountReported:
    owner = call.port.owners.get(portfolio)
    if owner is None:
        raise not_found()
    call.sees(Permission.READ_PORTFOLIOS, owner)
    account = await call.ask(GetAccount(portfolio))
    await call.reading("portfolios", account.owner, portfolio)
    return account


def _view(position: Position) -> PositionView:
    return PositionView(
        position.instrument,
        plain(position.quantity),
        plain(round(position.average_price, DIGITS)),
        plain(position.realised),
        plain(position.fees),
        position.round_trips,
        position.id,
    )
