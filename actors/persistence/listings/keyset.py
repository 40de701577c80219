"""Keysets: a listing goes on behind the key of the last row that was given out, where an index leads."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Column, ColumnElement, Select, and_, func, or_, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from lts.domain.listings import MOST, is_plain, mark, place

T = TypeVar("T")

MERGED = 48
"""Parts of an index that are merged; where there would be more, all of the table is gone through by time."""
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1


class Unlistable(Exception):
    """A question that cannot be answered as it was put; the sentence says why."""


class Paged(Protocol):
    """A request for one page."""

    @property
    def after(self) -> str:
        """The mark of the page before; empty: from the beginning."""

    @property
    def limit(self) -> int:
        """How many are wanted."""


def room(limit: int) -> int:
    """Return how many a page may have, or raise Unlistable."""
    if not 1 <= limit <= MOST:
        raise Unlistable(f"a page has 1 to {MOST}, not {limit}")
    return limit


def behind(wanted: Paged, *types: type) -> tuple[Any, ...] | None:
    """Return the key behind which a page begins, None for the first one, or raise Unlistable."""
    try:
        return place(wanted.after, types) if wanted.after else None
    except ValueError as error:
        raise Unlistable(str(error)) from None


def cut(rows: Sequence[T], limit: int, key: Callable[[T], tuple[str | int, ...]]) -> tuple[Sequence[T], str]:
    """Return a page of rows, of which one more was fetched, and the mark of the next one if there is any."""
    if len(rows) <= limit:
        return rows, ""
    return rows[:limit], mark(key(rows[limit - 1]))


def same(*wanted: tuple[Column[Any], str]) -> list[ColumnElement[bool]]:
    """Return the conditions that columns have the values that are wanted of them, where any are."""
    for _, value in wanted:
        if not is_plain(value):
            raise Unlistable(f"{value!r} is no name of anything")
    return [column == value for column, value in wanted if value]


def within(at: Column[int], since: int | None, until: int | None) -> list[ColumnElement[bool]]:
    """Return the conditions that a time is in an interval, also where its ends are beyond all times."""
    found: list[ColumnElement[bool]] = []
    if since is not None:
        found.append(at >= min(max(since, _LOWEST), _HIGHEST))
    if until is not None:
        found.append(at < min(max(until, _LOWEST), _HIGHEST))
    return found


class Newest:
    """A table as it is gone through by time, the latest first; its key decides where times are the same.

    Args:
        at: the time, or what else grows.
        key: what tells rows of one time apart, if there can be several.
    """

    def __init__(self, at: Column[int], *key: Column[Any]) -> None:
        self._at = at
        self._key = key
        self._types = tuple(each.type.python_type for each in (at, *key))
        self._order = [each.desc() for each in (at, *key)]

    async def page(
        self,
        connection: AsyncConnection,
        wanted: Paged,
        conditions: Iterable[Any] = (),
        parts: Iterable[ColumnElement[bool]] = (),
    ) -> tuple[Sequence[Any], str]:
        """Return the rows of a page, and the mark of the next one; one statement.

        Args:
            connection: where to look.
            wanted: which page.
            conditions: what holds for each row.
            parts: one of these does; of each part the latest are looked up, and they are merged.
        """
        limit = room(wanted.limit)
        query = select(self._at.table).where(*conditions, *self._behind(wanted))
        found = (await connection.execute(self._merged(query, tuple(parts), limit + 1))).all()
        return cut(found, limit, self._key_of)

    def _behind(self, wanted: Paged) -> list[ColumnElement[bool]]:
        """Return the condition that a row comes later; an index is entered by its first part."""
        found = behind(wanted, *self._types)
        if found is None:
            return []
        at, *key = found
        if not key:
            return [self._at < at]
        rest: ColumnElement[bool] = tuple_(*self._key) < tuple(key) if len(key) > 1 else self._key[0] < key[0]
        return [self._at <= at, or_(self._at < at, and_(self._at == at, rest))]

    def _merged(self, query: Select[Any], parts: Sequence[ColumnElement[bool]], limit: int) -> Any:
        if len(parts) <= 1:
            return query.where(*parts).order_by(*self._order).limit(limit)
        each = (query.where(part).order_by(*self._order).limit(limit).subquery() for part in parts)
        merged = union_all(*(select(part) for part in each)).subquery()
        columns = [merged.c[column.name] for column in (self._at, *self._key)]
        return select(merged).order_by(*(column.desc() for column in columns)).limit(limit)

    def _key_of(self, row: Any) -> tuple[str | int, ...]:
        return tuple(getattr(row, column.name) for column in (self._at, *self._key))


def parted(column: Column[Any], values: Sequence[Any] | None) -> list[ColumnElement[bool]]:
    """Return the parts in which a column has one of its values; None: whatever it has.

    Where those are more than can be merged, they are one part, which is `scattered`.
    """
    if values is not None and len(values) <= MERGED:
        return [column == value for value in values]
    return scattered(column, values)


def scattered(column: Column[Any], values: Sequence[Any] | None) -> list[ColumnElement[bool]]:
    """Return that a column has one of its values as a condition that no engine enters an index by."""
    return [] if values is None else [func.coalesce(column, column).in_(values)]
