"""Names: what the numbers in rows stand for, and to which of them a listing is limited."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.listings.keyset import Unlistable
from actors.persistence.page import table_of
from actors.persistence.rows import PortfolioRow, UserRow
from lts.domain.listings import is_plain

_PORTFOLIOS, _USERS = table_of(PortfolioRow), table_of(UserRow)


async def portfolios_named(
    connection: AsyncConnection, names: Sequence[str] | None
) -> Mapping[int, str] | None:
    """Return the portfolios to which a listing is limited, by id; None if it is not."""
    return await _named(connection, _PORTFOLIOS.c.id, _PORTFOLIOS.c.name, names)


async def users_named(connection: AsyncConnection, names: Sequence[str] | None) -> Mapping[int, str] | None:
    """Return the users to whom a listing is limited, by id; None if it is not."""
    return await _named(connection, _USERS.c.id, _USERS.c.name, names)


async def portfolios_of(
    connection: AsyncConnection, known: Mapping[int, str] | None, rows: Iterable[Any]
) -> Mapping[int, str]:
    """Return the names of the portfolios of rows, where they are not known already."""
    if known is not None:
        return known
    return await _names(connection, _PORTFOLIOS.c.id, _PORTFOLIOS.c.name, {row.portfolio_id for row in rows})


async def users_of(
    connection: AsyncConnection, known: Mapping[int, str] | None, rows: Iterable[Any]
) -> Mapping[int, str]:
    """Return the names of the users of rows, where they are not known already."""
    if known is not None:
        return known
    return await _names(connection, _USERS.c.id, _USERS.c.name, {row.user_id for row in rows})


async def portfolio_names(connection: AsyncConnection, ids: Iterable[int]) -> Mapping[int, str]:
    """Return the names of portfolios."""
    return await _names(connection, _PORTFOLIOS.c.id, _PORTFOLIOS.c.name, {*ids})


async def _named(
    connection: AsyncConnection, number: Column[int], name: Column[str], names: Sequence[str] | None
) -> Mapping[int, str] | None:
    if names is None:
        return None
    if any(not is_plain(each) for each in names):
        raise Unlistable("one of the names is no name of anything")
    if not names:
        return {}
    rows = await connection.execute(select(number, name).where(name.in_(names)))
    return {row.id: row.name for row in rows}


async def _names(
    connection: AsyncConnection, number: Column[int], name: Column[str], ids: set[int]
) -> Mapping[int, str]:
    if not ids:
        return {}
    rows = await connection.execute(select(number, name).where(number.in_(ids)))
    return {row.id: row.name for row in rows}
