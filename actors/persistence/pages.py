"""Pages: the audit as it is stored, some rows at a time."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnClause, ColumnElement, Select, column, select, table, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.images import canonical
from actors.persistence.seals import Seal
from lts.security.mac import MacKey

PAGE = 1_000
"""Rows in one query: what a reader holds in memory, and for how long it does not let others run."""

ROW = ("seq", "at", "who", "cause", "action", "entity", "row_key", "before", "after", "key_id", "mac")
"""The columns of an audit row; the MAC is over all others, in this order."""

_SEAL = Seal.__struct_fields__
_SEAL_FORM = (int, str, int, int, bytes, bytes, int, str, bytes)
_ROW_FORMS = {
    (int, int, str, int, str, str, str, before, after, str, bytes)
    for before in (str, type(None))
    for after in (str, type(None))
}


def untyped(name: str, names: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """Return a query for columns as the driver gives them: whatever is there can be read."""
    return select(*[column(each) for each in names]).select_from(table(name))


def behind(columns: Sequence[ColumnElement[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition that a row comes after these values, in the order of these columns."""
    behind_them: ColumnElement[bool] = (
        columns[0] > values[0] if len(columns) == 1 else tuple_(*columns) > tuple(values)
    )
    return behind_them


async def audit_pages(
    connection: AsyncConnection, after: int | None = None, through: int | None = None
) -> AsyncIterator[Sequence[Any]]:
    """Yield the audit rows by number, as tuples in the order of `ROW`."""
    seq: ColumnClause[Any] = column("seq")
    query = untyped("audit_log", ROW).order_by(seq).limit(PAGE)
    if through is not None:
        query = query.where(seq <= through)
    async for page in _pages(connection, query, seq, after):
        yield page


async def seal_pages(connection: AsyncConnection, after: int | None = None) -> AsyncIterator[Sequence[Any]]:
    """Yield the seals by number, as tuples of the fields of `Seal`."""
    number: ColumnClause[Any] = column("number")
    query = untyped("audit_seal", _SEAL).order_by(number).limit(PAGE)
    async for page in _pages(connection, query, number, after):
        yield page


def is_authentic(row: Sequence[Any], macs: Mapping[str, MacKey]) -> bool:
    """Whether an audit row is as it was written, by a holder of the MAC key that it names."""
    if tuple(map(type, row)) not in _ROW_FORMS:
        return False
    key = macs.get(row[9])
    return key is not None and key.matches(canonical(row[:10]), row[10])


def stored_seal(row: Sequence[Any]) -> Seal:
    """Return what a row of `audit_seal` says; ValueError if it does not have the form of one."""
    if tuple(map(type, row)) != _SEAL_FORM or row[1] not in {"segment", "retention"}:
        raise ValueError(f"the seal {row[0]!r} does not have the form of one")
    return Seal(*row)


async def _pages(
    connection: AsyncConnection, query: Select[*tuple[Any, ...]], key: Any, after: Any
) -> AsyncIterator[Sequence[Any]]:
    while True:
        found = await connection.execute(query if after is None else query.where(key > after))
        page = found.all()
        if page:
            yield page
        after = page[-1][0] if len(page) == PAGE else None
        if after is None:
            return
