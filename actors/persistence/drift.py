"""Drift: how the tables of a database differ from what the rows say, in words."""

import re
from collections.abc import Iterator
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, Inspector, Table, inspect, text

from actors.persistence.rows import metadata

_MISSING = {"add_table", "add_column", "add_index", "add_constraint", "add_fk"}
_TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}
_TOKENS = re.compile(r"'[^']*'|\w+|[<>!]=?|<>")
_SPELLING = frozenset({"in", "any", "array", "cast", "as", "numeric", "text", "character", "varying"})
"""Words that PostgreSQL adds or takes away when it is asked for a check."""


def drift(connection: Connection) -> list[str]:
    """Return each difference as a clause: tables, columns, types, indexes, constraints, and triggers."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found = [_said(one) for each in compare_metadata(context, metadata) for one in _steps(each)]
    inspector = inspect(connection)
    held = set(inspector.get_table_names())
    for table in metadata.sorted_tables:
        if table.name in held:
            found += _primary_key(inspector, table)
            found += _checks(inspector, table)
    triggers = connection.scalars(text(_TRIGGERS[connection.dialect.name]))
    return found + [f"there is an unknown trigger {name}" for name in triggers]


def _steps(difference: Any) -> Iterator[tuple[Any, ...]]:
    """Yield what would have to be done; Alembic puts what concerns one column into a list."""
    if isinstance(difference, list):
        yield from difference
    else:
        yield difference


def _said(step: tuple[Any, ...]) -> str:
    """Return the clause for one step that would lead from the database to the rows."""
    kind, *rest = step
    what = kind.partition("_")[2]
    if kind.startswith("modify_"):
        _, table, column, _, was, wanted = rest
        return f"the {what} of {table}.{column} is {was} instead of {wanted}"
    thing = rest[-1]
    name = f"{rest[1]}.{thing.name}" if what == "column" else thing.name
    return f"{what} {name} is missing" if kind in _MISSING else f"there is an unknown {what} {name}"


def _primary_key(inspector: Inspector, table: Table) -> Iterator[str]:
    found = inspector.get_pk_constraint(table.name)["constrained_columns"]
    wanted = [column.name for column in table.primary_key]
    if found != wanted:
        yield f"the primary key of {table.name} is ({', '.join(found)}) instead of ({', '.join(wanted)})"


def _checks(inspector: Inspector, table: Table) -> Iterator[str]:
    found = {str(check["name"]): check["sqltext"] for check in inspector.get_check_constraints(table.name)}
    wanted = {
        str(one.name): str(one.sqltext) for one in table.constraints if isinstance(one, CheckConstraint)
    }
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            yield f"check {name} is missing"
        elif name not in wanted:
            yield f"there is an unknown check {name}"
        elif _meaning(found[name]) != _meaning(wanted[name]):
            yield f"check {name} is {found[name]!r} instead of {wanted[name]!r}"


def _meaning(check: str) -> list[str]:
    """Return what is left of a check when the engines' ways to write one are taken away."""
    tokens = (token if token.startswith("'") else token.lower() for token in _TOKENS.findall(check))
    return sorted(token for token in tokens if token not in _SPELLING)
