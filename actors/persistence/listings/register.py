"""What a listing of the register shows: instruments, the charges of users, and which series there are."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.listings.keyset import Newest, behind, cut, parted, room, same, within
from actors.persistence.listings.names import portfolio_names, users_named, users_of
from actors.persistence.page import table_of
from actors.persistence.repositories.statistics import STATISTICS
from actors.persistence.rows import BillingRecordRow, InstrumentRow
from lts.domain.billing import BilledCharge, Charge, ChargesListed, ListCharges
from lts.domain.instrument_listings import InstrumentsListed, ListInstruments
from lts.domain.market import Instrument
from lts.domain.statistics import ListSeries, SeriesListed

_INSTRUMENTS, _CHARGES = table_of(InstrumentRow), table_of(BillingRecordRow)
_LATEST = Newest(_CHARGES.c.at, _CHARGES.c.user_id, _CHARGES.c.kind, _CHARGES.c.reference)


async def list_instruments(connection: AsyncConnection, wanted: ListInstruments) -> InstrumentsListed:
    """Return a page of instruments."""
    limit, symbol = room(wanted.limit), _INSTRUMENTS.c.symbol
    query = select(*[_INSTRUMENTS.c[name] for name in Instrument.__struct_fields__])
    query = query.where(*same((symbol, wanted.symbol)))
    if (found := behind(wanted, str)) is not None:
        query = query.where(symbol > found[0])
    rows = (await connection.execute(query.order_by(symbol).limit(limit + 1))).all()
    page, following = cut(rows, limit, lambda row: (row.symbol,))
    return InstrumentsListed(tuple(Instrument(*row) for row in page), following)


async def list_charges(connection: AsyncConnection, wanted: ListCharges) -> ChargesListed:
    """Return a page of what users were charged."""
    room(wanted.limit)
    users = await users_named(connection, wanted.users)
    if users is not None and not users:
        return ChargesListed(())
    limits = same((_CHARGES.c.kind, wanted.kind)) + within(_CHARGES.c.at, wanted.since, wanted.until)
    parts = parted(_CHARGES.c.user_id, None if users is None else sorted(users))
    rows, following = await _LATEST.page(connection, wanted, limits, parts)
    owners = await users_of(connection, users, rows)
    about = {row.portfolio_id for row in rows if row.portfolio_id is not None}
    portfolios = await portfolio_names(connection, about)
    return ChargesListed(
        tuple(BilledCharge(owners[row.user_id], _charge(row, portfolios)) for row in rows), following
    )


async def list_series(connection: AsyncConnection, wanted: ListSeries) -> SeriesListed:
    """Return a page of the names of series; each is found by one step along the index."""
    limit, series = room(wanted.limit), STATISTICS.c.series
    if wanted.portfolios is not None and not wanted.portfolios:
        return SeriesListed(())
    first = select(func.min(series).label("series"))
    if (found := behind(wanted, str)) is not None:
        first = first.where(series > found[0])
    names = first.cte("names", recursive=True)
    following = select(func.min(series)).where(series > names.c.series).scalar_subquery()
    names = names.union_all(select(following).where(names.c.series.is_not(None)))
    query = select(names.c.series).where(names.c.series.is_not(None))
    if wanted.portfolios is None:
        query = query.limit(limit + 1)
    all_names = list((await connection.execute(query)).scalars())
    mine = [name for name in all_names if _is_of(name, wanted.portfolios)]
    page, mark = cut(mine[: limit + 1], limit, lambda name: (name,))
    return SeriesListed(tuple(page), mark)


def _is_of(series: str, portfolios: Collection[str] | None) -> bool:
    """Whether a series is of one of these portfolios, whose names may have slashes; a figure has none."""
    kind, _, figure = series.partition("/")
    return portfolios is None or (kind == "portfolio" and figure.rpartition("/")[0] in portfolios)


def _charge(row: Any, portfolios: Any) -> Charge:
    about = None if row.portfolio_id is None else portfolios[row.portfolio_id]
    return Charge(row.kind, row.reference, row.amount, row.currency, row.at, about)
