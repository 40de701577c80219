"""Fills as they are stored, each with the position that it moved and the rate at which it was converted."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.forms import booking_id
from actors.persistence.listings.keyset import Newest, parted, room, same, within
from actors.persistence.listings.names import portfolios_named, portfolios_of
from actors.persistence.page import table_of
from actors.persistence.readings import fill_of, position_in
from actors.persistence.rows import ConversionRateRow, FillRow, OrderConditionRow
from lts.domain.fills import Fill
from lts.domain.order_listings import FillsListed, ListFills

_FILLS, _RATES, _CONDITIONS = table_of(FillRow), table_of(ConversionRateRow), table_of(OrderConditionRow)
_LATEST = Newest(_FILLS.c.at, _FILLS.c.portfolio_id, _FILLS.c.broker, _FILLS.c.exec_id)


async def list_fills(connection: AsyncConnection, wanted: ListFills) -> FillsListed:
    """Return a page of fills."""
    room(wanted.limit)
    portfolios = await portfolios_named(connection, wanted.portfolios)
    if portfolios is not None and not portfolios:
        return FillsListed(())
    names = (_FILLS.c.instrument, wanted.instrument), (_FILLS.c.client_order_id, wanted.client_order_id)
    limits = same(*names) + within(_FILLS.c.at, wanted.since, wanted.until)
    parts = parted(_FILLS.c.portfolio_id, None if portfolios is None else sorted(portfolios))
    rows, following = await _LATEST.page(connection, wanted, limits, parts)
    if not rows:
        return FillsListed(())
    known = await portfolios_of(connection, portfolios, rows)
    orders = {row.client_order_id for row in rows}
    special = await connection.execute(select(_CONDITIONS).where(_CONDITIONS.c.client_order_id.in_(orders)))
    return FillsListed(await fills_of(connection, rows, known, special.all()), following)


async def fills_of(
    connection: AsyncConnection, rows: Sequence[Any], portfolios: Mapping[int, str], conditions: Sequence[Any]
) -> tuple[Fill, ...]:
    """Return the fills of rows, in their order.

    Args:
        connection: where the rates are.
        rows: what is stored of the fills.
        portfolios: their names.
        conditions: what is stored of their orders' conditions.
    """
    if not rows:
        return ()
    special = {row.client_order_id: row for row in conditions}
    fills = [fill_of(row, portfolios, position_in(special, row)) for row in rows]
    bookings = [booking_id(fill.uid) for fill in fills]
    ids = {row.portfolio_id for row in rows}
    query = select(_RATES).where(_RATES.c.portfolio_id.in_(ids), _RATES.c.booking.in_(bookings))
    rates = {(row.portfolio_id, row.booking): row.rate for row in await connection.execute(query)}
    if not rates:
        return tuple(fills)
    return tuple(fill_of(row, portfolios, position_in(special, row), rates) for row in rows)
