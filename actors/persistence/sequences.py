"""Sequences: the last id that each table has given, to a row that is gone too; none is given twice."""

from collections.abc import Mapping

from sqlalchemy import column, func, inspect, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

_ON_SQLITE = table("sqlite_sequence", column("name"), column("seq"))
_ON_POSTGRESQL = text(
    "SELECT table_name, column_name, pg_sequence_last_value("
    "pg_get_serial_sequence(quote_ident(table_name), column_name)::regclass) "
    "FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES'"
)
_SET_ON_POSTGRESQL = text(
    "SELECT setval(pg_get_serial_sequence(quote_ident(:table), :column)::regclass, :last)"
)


async def sequences(connection: AsyncConnection) -> dict[str, int]:
    """Return the last id by table; a table that has given none is left out."""
    if connection.dialect.name == "sqlite":
        return {name: last for name, last in await _on_sqlite(connection) if last}
    return {name: last for name, _, last in await connection.execute(_ON_POSTGRESQL) if last}


async def go_on_behind(connection: AsyncConnection, last: Mapping[str, int]) -> None:
    """Have each table give ids behind these, and behind those that its rows have."""
    if connection.dialect.name == "sqlite":
        given = dict(await _on_sqlite(connection))  # which the rows that were inserted have seen to
        for name, wanted in last.items():
            await connection.execute(_ON_SQLITE.delete().where(_ON_SQLITE.c.name == name))
            row = {"name": name, "seq": max(wanted, given.get(name, 0))}
            await connection.execute(_ON_SQLITE.insert(), row)
        return
    for name, key, _ in (await connection.execute(_ON_POSTGRESQL)).all():
        highest = await connection.scalar(select(func.max(column(key))).select_from(table(name)))
        if behind := max(last.get(name, 0), highest or 0):
            await connection.execute(_SET_ON_POSTGRESQL, {"table": name, "column": key, "last": behind})


async def _on_sqlite(connection: AsyncConnection) -> list[tuple[str, int]]:
    made = await connection.run_sync(lambda inner: inspect(inner).has_table("sqlite_sequence"))
    if not made:  # SQLite makes it with the first table that needs it
        return []
    return [(name, last) for name, last in await connection.execute(select(_ON_SQLITE))]
