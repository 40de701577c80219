"""Stock-taking: each audited table, row by row, against what the audit says is there."""

from collections.abc import AsyncIterator, Callable, Mapping
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.findings import Findings
from actors.persistence.history import image_digest
from actors.persistence.images import audited_tables, image_of, row_key_of, stored_image_of
from actors.persistence.pages import PAGE, behind, untyped

Stored = Mapping[str, Any]
Watcher = Callable[[str, Stored], None]
"""Is shown each row: the name of its table, and its columns as they are stored."""


async def take_stock(
    connection: AsyncConnection,
    images: Mapping[str, dict[str, bytes]],
    findings: Findings,
    watcher: Watcher,
) -> tuple[str, ...]:
    """Compare all audited tables with the last images in the audit; return their names.

    The images are taken out as their rows are found: what is left has no row.
    """
    for table in audited_tables():
        known = images.get(table.name, {})
        await findings.look(f"the table {table.name}", _compare(connection, table, known, findings, watcher))
        for key in known:
            findings.add(f"{table.name} {key} is missing, and the audit says that it is there")
    return tuple(str(table.name) for table in audited_tables())


async def _compare(
    connection: AsyncConnection,
    table: Table,
    known: dict[str, bytes],
    findings: Findings,
    watcher: Watcher,
) -> None:
    sqlite = connection.dialect.name == "sqlite"
    image, row_key = (stored_image_of if sqlite else image_of)(table), row_key_of(table)
    async for row in _rows(connection, table, as_stored=sqlite):
        key = row_key(row)
        last = known.pop(key, None)
        if last is None:
            findings.add(f"{table.name} {key} is there, and the audit knows nothing of it")
        elif last != image_digest(image(row)):
            findings.add(f"{table.name} {key} is not as the audit says")
        watcher(table.name, row)


async def _rows(connection: AsyncConnection, table: Table, *, as_stored: bool) -> AsyncIterator[Stored]:
    """Yield the rows in the order of the primary key, a page at a time."""
    names = [each.name for each in table.columns]
    query: Select[*tuple[Any, ...]] = untyped(table.name, names) if as_stored else select(*table.columns)
    own: list[ColumnElement[Any]] = [column(each.name) if as_stored else each for each in table.primary_key]
    query = query.order_by(*own).limit(PAGE)
    position = itemgetter(*(names.index(each.name) for each in table.primary_key))
    page = (await connection.execute(query)).all()
    while True:
        for found in page:
            yield dict(zip(names, found, strict=True))
        if len(page) < PAGE:
            return
        last = position(page[-1])
        last = last if len(own) > 1 else (last,)
        page = (await connection.execute(query.where(behind(own, last)))).all()
