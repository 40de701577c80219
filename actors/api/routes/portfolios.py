"""Portfolios: what each has and holds."""

import msgspec
from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import USUAL, Page, page_of
from actors.api.problems import Kind, not_found
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InPath, Limit
from actors.api.views.accounts import PortfolioView, PositionView, account_view, position_view
from lts.domain.accounts import AccountReported, GetAccount
from lts.domain.permissions import Permission

routes = Table("portfolios", "What each portfolio has and holds, valued at the last closes.")
READ = Rule(needs=Permission.READ_PORTFOLIOS, owned_by="portfolio")


class PortfolioSummary(msgspec.Struct, frozen=True):
    """A portfolio, and whose it is."""

    name: str
    owner: str


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
    return call.answer(account_view(await _account(call, portfolio)))


@routes.get(
    "/portfolios/{portfolio:name}/positions", READ, answers=Page[PositionView], problems=(Kind.NOT_FOUND,)
)
async def list_positions(call: Call, portfolio: InPath) -> Response:
    """List what a portfolio holds, and held."""
    return call.listed([*map(position_view, (await _account(call, portfolio)).positions)])


async def _account(call: Call, portfolio: str) -> AccountReported:
    owner = call.port.owners.get(portfolio)
    if owner is None:
        raise not_found()
    call.sees(Permission.READ_PORTFOLIOS, owner)
    account = await call.ask(GetAccount(portfolio))
    await call.reading("portfolios", account.owner, portfolio)
    return account
