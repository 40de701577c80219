"""The ledger as it is stored: the entries of one portfolio, and among them what was paid in."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.listings.keyset import Newest, room, same, within
from actors.persistence.listings.names import portfolios_named
from actors.persistence.page import table_of
from actors.persistence.rows import LedgerEntryRow
from actors.persistence.rows.ledger import PAID_IN
from lts.domain.book_listings import DepositsListed, LedgerEntry, LedgerListed, ListDeposits, ListLedger
from lts.domain.journal import Deposit

_LEDGER = table_of(LedgerEntryRow)
_LATEST = Newest(_LEDGER.c.at, _LEDGER.c.booking, _LEDGER.c.line)


async def list_ledger(connection: AsyncConnection, wanted: ListLedger) -> LedgerListed:
    """Return a page of a portfolio's ledger."""
    limits = same((_LEDGER.c.account, wanted.account))
    limits += within(_LEDGER.c.at, wanted.since, wanted.until)
    rows, following = await _page(connection, wanted, limits)
    return LedgerListed(tuple(_entry(row, wanted.portfolio) for row in rows), following)


async def list_deposits(connection: AsyncConnection, wanted: ListDeposits) -> DepositsListed:
    """Return a page of what was paid into a portfolio."""
    limits = [_LEDGER.c.account == "cash", text(PAID_IN)]
    rows, following = await _page(connection, wanted, limits)
    return DepositsListed(
        tuple(Deposit(json.loads(row.booking)[1], row.amount, row.at) for row in rows), following
    )


async def _page(
    connection: AsyncConnection,
    wanted: ListLedger | ListDeposits,
    limits: Sequence[Any],
) -> tuple[Sequence[Any], str]:
    room(wanted.limit)
    found = await portfolios_named(connection, (wanted.portfolio,))
    if not found:
        return (), ""
    [portfolio_id] = found
    return await _LATEST.page(connection, wanted, [_LEDGER.c.portfolio_id == portfolio_id, *limits])


def _entry(row: Any, portfolio: str) -> LedgerEntry:
    booking = tuple(json.loads(row.booking))
    return LedgerEntry(portfolio, booking, row.line, row.account, row.currency, row.amount, row.at)
