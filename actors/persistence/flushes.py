"""Flushes: what the ORM writes, audited as it is written."""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, event, select, tuple_
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.attributes import instance_state

from actors.persistence.auditing import AuditTrail
from actors.persistence.guard import Unaudited
from actors.persistence.images import audited_tables, image_of, row_key_of

SLICE = 200
"""Keys in one query."""


def audit_flushes(session: Session, trail: AuditTrail, who: str, cause: int) -> None:
    """Have a session note every audited row that it inserts, changes or deletes, from now on.

    Rows are read before and after the flush, one query a table: what is noted is what is stored.
    """
    flushes = _Flushes(trail, who, cause)
    event.listen(session, "before_flush", flushes.look)
    event.listen(session, "after_flush", flushes.note)
    event.listen(session, "do_orm_execute", _refuse_bulk)


class _Form:
    """An audited table: how its rows are named and shown, and whose rows go when one of its goes."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.image = image_of(table)
        self.row_key = row_key_of(table)
        self.cascades = [
            key
            for child in audited_tables()
            for key in child.foreign_key_constraints
            if key.referred_table is table and key.ondelete == "CASCADE"
        ]

    def find(self, connection: Connection, columns: Iterable[Any], values: Iterable[Any]) -> dict[str, Any]:
        """Return the rows by row key, whose columns have one of these values."""
        names = list(columns)
        wanted: ColumnElement[Any] = names[0] if len(names) == 1 else tuple_(*names)
        found: dict[str, Any] = {}
        for part in _slices(tuple(each) if len(names) > 1 else each[0] for each in values):
            for row in connection.execute(select(self.table).where(wanted.in_(part))).mappings():
                stored = dict(row)
                found[self.row_key(stored)] = stored
        return found


class _Flushes:
    """Notes what one session writes."""

    def __init__(self, trail: AuditTrail, who: str, cause: int) -> None:
        self._trail = trail
        self._who = who
        self._cause = cause
        self._before: dict[Table, dict[str, Any]] = {}
        self._deleted: dict[Table, dict[str, Any]] = {}

    def look(self, session: Session, *_: object) -> None:
        """Read the rows that are about to be changed or deleted, before the flush."""
        connection = session.connection()
        dirty = (row for row in session.dirty if session.is_modified(row))
        self._before = {
            table: _form(table).find(connection, table.primary_key, keys)
            for table, keys in _identities(dirty).items()
        }
        self._deleted = {}
        for table, keys in _identities(session.deleted).items():
            self._go(connection, table, _form(table).find(connection, table.primary_key, keys))

    def note(self, session: Session, *_: object) -> None:
        """Note what was written, after the flush."""
        connection = session.connection()
        for table, rows in self._deleted.items():
            form = _form(table)
            for key, row in rows.items():
                self._tell("delete", form, key, row, None)
        for table, rows in self._before.items():
            form = _form(table)
            keys = [[row[column.name] for column in table.primary_key] for row in rows.values()]
            after = form.find(connection, table.primary_key, keys)
            if rows.keys() != after.keys():
                raise Unaudited(f"the primary key of a row of {table.name} must not change")
            for key, row in rows.items():
                self._tell("update", form, key, row, after[key])
        for table, new in _identities(session.new).items():
            form = _form(table)
            for key, row in form.find(connection, table.primary_key, new).items():
                self._tell("insert", form, key, None, row)

    def _go(self, connection: Connection, table: Table, rows: dict[str, Any]) -> None:
        """Take note of rows that go, and of those that the database deletes with them."""
        known = self._deleted.setdefault(table, {})
        new = {key: row for key, row in rows.items() if key not in known}
        known.update(new)
        for cascade in _form(table).cascades if new else ():
            referred = [element.column.name for element in cascade.elements]
            values = [[row[name] for name in referred] for row in new.values()]
            child: Table = cascade.table
            self._go(connection, child, _form(child).find(connection, cascade.columns, values))

    def _tell(self, action: str, form: _Form, key: str, before: Any, after: Any) -> None:
        images = before and form.image(before), after and form.image(after)
        if images[0] != images[1]:
            self._trail.note(action, str(form.table.name), key, *images, self._who, self._cause)


@cache
def _form(table: Table) -> _Form:
    return _Form(table)


def _identities(rows: Iterable[Any]) -> dict[Table, list[Any]]:
    """Return the primary keys of audited rows, by table: those that the rows had when they were read."""
    found: dict[Table, list[Any]] = {}
    for row in rows:
        state = instance_state(row)
        mapper = state.mapper
        table = mapper.local_table
        if isinstance(table, Table) and table in audited_tables():
            key = state.identity or mapper.primary_key_from_instance(row)
            found.setdefault(table, []).append(key)
    return found


def _slices(values: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(values)
    while part := list(islice(rest, SLICE)):
        yield part


def _refuse_bulk(state: ORMExecuteState) -> None:
    """Refuse a statement that changes audited rows without anybody knowing which."""
    table = getattr(state.statement, "table", None)
    if (state.is_insert or state.is_update or state.is_delete) and table in audited_tables():
        raise Unaudited(f"rows of {table} are changed one by one: what becomes of each is audited")
