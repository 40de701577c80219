"""The ledger: the postings of each portfolio's bookings, and what was paid in."""

from typing import Annotated

import msgspec
from fastapi import Query
from starlette.responses import Response

from actors.api.amounts import Amount
from actors.api.call import Call
from actors.api.listings import Listing, interval, portfolios_of
from actors.api.pages import USUAL, Page
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InPath, InstantQuery, Limit
from lts.domain.book_listings import LedgerEntry, ListDeposits, ListLedger
from lts.domain.journal import Deposit
from lts.domain.money import plain
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("ledger", "The double-entry books of each portfolio, the latest first.")
READ = Rule(needs=Permission.READ_PORTFOLIOS, owned_by="portfolio")
Account = Annotated[
    str | None,
    Query(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9 ._:/-]+$", examples=["cash"]),
]


class LedgerEntryView(msgspec.Struct, frozen=True):
    """One posting; the lines of a booking sum to zero in each currency."""

    booking: tuple[str, ...]
    """Of what: broker, portfolio and exec id of a fill; or `deposit`, `financing` or another, and which."""
    line: int
    account: str
    currency: str
    amount: Amount
    at: str


class DepositView(msgspec.Struct, frozen=True):
    """Money that was paid in, or out if it is negative."""

    reference: str
    amount: Amount
    at: str


@routes.get(
    "/portfolios/{portfolio:name}/ledger", READ, answers=Page[LedgerEntryView], problems=(Kind.NOT_FOUND,)
)
async def list_ledger(  # noqa: PLR0913, PLR0917 - by what it can be filtered
    call: Call,
    portfolio: InPath,
    account: Account = None,
    since: InstantQuery = None,
    until: InstantQuery = None,
    cursor: CursorQuery = None,
    limit: Limit = USUAL,
) -> Response:
    """List the entries of a portfolio's ledger: since an instant, and before another."""
    begin, end = interval(since, until)
    page = Listing(call, ("ledger", portfolio, account, begin, end), cursor)
    await portfolios_of(call, Permission.READ_PORTFOLIOS, "ledger_entries", portfolio)
    listed = await page.ask(ListLedger(portfolio, account or "", begin, end, page.after, limit))
    return call.answer(Page(tuple(map(_entry, listed.entries)), page.cursor(listed.next)))


@routes.get(
    "/portfolios/{portfolio:name}/deposits", READ, answers=Page[DepositView], problems=(Kind.NOT_FOUND,)
)
async def list_deposits(
    call: Call, portfolio: InPath, cursor: CursorQuery = None, limit: Limit = USUAL
) -> Response:
    """List what was paid into a portfolio, or out of it."""
    page = Listing(call, ("deposits", portfolio), cursor)
    await portfolios_of(call, Permission.READ_PORTFOLIOS, "ledger_entries", portfolio)
    listed = await page.ask(ListDeposits(portfolio, page.after, limit))
    return call.answer(Page(tuple(map(_deposit, listed.deposits)), page.cursor(listed.next)))


def _entry(each: LedgerEntry) -> LedgerEntryView:
    amount, at = plain(each.amount), to_rfc3339(each.at)
    return LedgerEntryView(each.booking, each.line, each.account, each.currency, amount, at)


def _deposit(each: Deposit) -> DepositView:
    return DepositView(each.reference, plain(each.amount), to_rfc3339(each.at))
