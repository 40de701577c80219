"""The blueprint of a revision: its tables as a backup has them, the same on both engines."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    TableClause,
    column,
    select,
    table,
)

from actors.persistence import schema
from actors.persistence.columns import Exact
from actors.persistence.engine import make_engine
from actors.persistence.rows import metadata

Kind = Literal["text", "integer", "real", "boolean", "bytes"]
"""What a column holds; an exact decimal is a text."""

VERSION_TABLE = "alembic_version"
_KINDS: dict[type[Any], Kind] = {
    Exact: "text",
    String: "text",
    Boolean: "boolean",
    Integer: "integer",
    Float: "real",
    LargeBinary: "bytes",
}


class TablePlan(msgspec.Struct, frozen=True):
    """One table."""

    name: str
    columns: dict[str, Kind]
    """By name, in alphabetical order: in whatever order they were added, a row is one line."""
    key: tuple[str, ...]
    """The columns of the primary key."""

    def clause(self) -> TableClause:
        """Return the table as statements name it, without types: as the driver has it."""
        return table(self.name, *map(column, self.columns))

    def query(self, backend: str) -> Select[*tuple[Any, ...]]:
        """Return what reads the table in one order, whichever engine sorts it."""
        clause = self.clause()
        texts = {name for name in self.key if self.columns[name] == "text" and backend == "postgresql"}
        order = (clause.c[name].collate("C") if name in texts else clause.c[name] for name in self.key)
        return select(clause).order_by(*order)


async def blueprint_of(revision: str) -> tuple[TablePlan, ...]:
    """Return the tables of a revision; each comes after those that it refers to.

    Raises Refused for a revision that is unknown here.
    """
    if revision == schema.head():
        return _planned(metadata.sorted_tables)
    found = MetaData()
    engine = make_engine("sqlite://")
    try:
        await schema.upgrade(engine, revision)
        async with engine.connect() as connection:
            await connection.run_sync(found.reflect)
    finally:
        await engine.dispose()
    return _planned(found.sorted_tables)


def _planned(tables: Iterable[Table]) -> tuple[TablePlan, ...]:
    return tuple(
        TablePlan(
            str(each.name),
            {str(name): _kind(each.c[name]) for name in sorted(each.columns.keys())},
            tuple(str(column.name) for column in each.primary_key),
        )
        for each in tables
        if each.name != VERSION_TABLE
    )


def _kind(column: Column[Any]) -> Kind:
    return next(kind for base, kind in _KINDS.items() if isinstance(column.type, base))
