"""Positions as they are stored: those that are netted, and those that stand side by side."""

from typing import Any

from sqlalchemy import Table, literal, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.listings.keyset import behind, cut, room, same
from actors.persistence.listings.names import portfolios_named, portfolios_of
from actors.persistence.page import table_of
from actors.persistence.readings import position_of
from actors.persistence.rows import HedgedPositionRow, PositionRow
from lts.domain.book_listings import HeldPosition, ListPositions, PositionsListed
from lts.domain.money import ZERO

_NETTED, _HEDGED = table_of(PositionRow), table_of(HedgedPositionRow)
_KEY = ("portfolio_id", "instrument", "position_ref")


async def list_positions(connection: AsyncConnection, wanted: ListPositions) -> PositionsListed:
    """Return a page of positions."""
    limit = room(wanted.limit)
    portfolios = await portfolios_named(connection, wanted.portfolios)
    if portfolios is not None and not portfolios:
        return PositionsListed(())
    ids = None if portfolios is None else sorted(portfolios)
    both = [_part(table, wanted, ids, limit + 1).subquery() for table in (_NETTED, _HEDGED)]
    merged = union_all(*(select(part) for part in both)).subquery()
    query = select(merged).order_by(*(merged.c[name] for name in _KEY)).limit(limit + 1)
    found = (await connection.execute(query)).all()
    rows, following = cut(found, limit, lambda row: tuple(getattr(row, name) for name in _KEY))
    names = await portfolios_of(connection, portfolios, rows)
    held = (HeldPosition(position_of(names[row.portfolio_id], row._asdict()), row.at) for row in rows)
    return PositionsListed(tuple(held), following)


def _part(table: Table, wanted: ListPositions, ids: list[int] | None, limit: int) -> Any:
    """Return what reads the first positions of a table behind the page before."""
    own = table.c
    if table is _HEDGED:
        key, columns = [own.portfolio_id, own.instrument, own.position_ref], [*own]
    else:
        netted = literal("").label("position_ref")
        key, columns = [own.portfolio_id, own.instrument], [*own[*_KEY[:2]], netted, *[*own][2:]]
    query = select(*columns).where(*same((own.instrument, wanted.instrument)))
    if ids is not None:
        query = query.where(own.portfolio_id.in_(ids))
    if wanted.open:
        query = query.where(own.quantity != ZERO)
    found = behind(wanted, int, str, str)
    if found is not None:
        # What is netted comes before what is hedged: its place is the one that is empty.
        query = query.where(own.portfolio_id >= found[0], tuple_(*key) > found[: len(key)])
    return query.order_by(*key).limit(limit)
