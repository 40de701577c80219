"""The guard: nothing changes the database outside of a unit, however the statement is written.

A unit is open on one connection, for as long as `with unit(connection)` lasts; whoever opens one sees
to the audit. Everywhere else only what plainly reads is let through: what the guard cannot read, it
refuses. Beneath it, the engine begins each transaction that is no unit's as a read-only one.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.ext.asyncio import AsyncConnection

_NO_CODE = re.compile(
    r"""
    (?P<unreadable>
        `                               # quotes a name for SQLite, is an error for PostgreSQL
      | \[ [^\]]* (?: ['"] | -- | /\*)  # the same: [--] is a name
      | \b e'                           # a literal with escapes, for PostgreSQL
      | \$ (?: [^\W\d]\w* )? \$         # begins a literal, for PostgreSQL
      | -- [^\n\r]* \r (?!\n)           # ends a comment, for PostgreSQL
      | /\* (?: (?!\*/). )* /\*         # a comment within a comment, for PostgreSQL
    )
    | '(?: [^'] | '' )*' | "(?: [^"] | "" )*" | --[^\n]* | /\*.*?\*/
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
"""Literals, quoted names and comments: no word in them is a command.

Unreadable is where one of the engines would end them, and the other read on; until there, they agree.
"""

_READS = frozenset({"SELECT", "WITH", "VALUES", "EXPLAIN", "SHOW"})
_BOUNDS = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"})
_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "CREATE", "EXECUTE"})
"""What must not stand behind a WITH, an EXPLAIN or a SELECT either."""

_PRAGMA = re.compile(
    r"PRAGMA \s+ (?:\w+ \s* \. \s*)? (\w+) (?:\s* \( [^()=]* \))?", re.VERBOSE | re.IGNORECASE
)
_LOOKS = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo"}
    | {"foreign_key_list", "foreign_key_check", "integrity_check", "quick_check"}
    | {"database_list", "page_count", "page_size"}
)
"""The pragmas that only look."""


class Unaudited(Exception):
    """A statement that could change the database, outside of a unit; it was not sent."""


class _Token:
    """What an open unit is known by: it counts on the connection that it was made for, and until it ends."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection) -> None:
        self.connection: Connection | None = connection


@contextmanager
def unit(connection: AsyncConnection | Connection) -> Iterator[None]:
    """Let this connection change the database, in transactions that begin and end inside the block.

    Handed to the writer, migrations and restore; they answer for the audit. Raises RuntimeError
    within a transaction (it has begun as a read-only one) and within another unit.
    """
    inner = connection.sync_connection if isinstance(connection, AsyncConnection) else connection
    if inner is None or inner.in_transaction() or writes(inner):
        raise RuntimeError("a unit begins on an open connection, outside of any transaction and other unit")
    token = _Token(inner)
    inner.execution_options(unit=token)
    try:
        yield
    finally:
        token.connection = None
        inner.execution_options(unit=None)


def writes(connection: Connection) -> bool:
    """Whether a unit is open on this connection."""
    token = connection.get_execution_options().get("unit")
    return isinstance(token, _Token) and token.connection is connection


def stand(engine: Engine) -> None:
    """Have the guard see every statement of an engine before it is sent."""
    event.listen(engine, "before_cursor_execute", _refuse_changes)


def _refuse_changes(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
    if not only_reads(statement) and not writes(connection):
        start = " ".join(statement.split())[:60]
        raise Unaudited(f"only a unit of the writer may change the database: refused was {start!r}")


@lru_cache(maxsize=1024)
def only_reads(statement: str) -> bool:
    """Whether a statement plainly changes nothing: one statement, that reads or bounds a transaction."""
    if any(part["unreadable"] for part in _NO_CODE.finditer(statement)):
        return False
    code = _NO_CODE.sub(" ? ", statement).strip().rstrip("; \n\t\r")
    if ";" in code:
        return False
    if pragma := _PRAGMA.fullmatch(code):
        return pragma[1].lower() in _LOOKS
    words = re.findall(r"\w+", code.upper())
    first = next(iter(words), "")
    return first in _BOUNDS or (first in _READS and _CHANGES.isdisjoint(words))
