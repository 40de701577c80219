"""Archival: old orders leave the tables, with all that became of them; a balance snapshot takes their place.

Whole orders go, oldest first, by portfolio and instrument: as many as are closed, went through one
broker, and whose fills were all booked before any of an order that stays, and before any adjustment. So
the fold of what is left, begun with the snapshot, is the fold of all. They go in steps, after each of
which that is so.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from math import inf
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.balance import (
    HEDGED_SNAPSHOTS,
    SNAPSHOTS,
    Gone,
    bookings_of,
    stand_for,
    stored_snapshot,
)
from actors.persistence.cache import SLICE
from actors.persistence.forms import (
    ADJUSTMENTS,
    CONDITIONS,
    EVENTS,
    FILLS,
    LEDGER,
    ORDERS,
    RATES,
    TERMS,
    booking_id,
)
from actors.persistence.insertion import Stored
from actors.persistence.page import Page, table_of
from actors.persistence.pages import PAGE
from actors.persistence.readings import fill_of, position_in
from actors.persistence.rows import InstrumentRow, PortfolioRow
from actors.persistence.work import Batch, Impossible, Work
from lts.domain.fills import Fill
from lts.domain.money import ZERO, unrounded
from lts.domain.order_status import OrderStatus

PLACE = ("archives", ".archive")
"""Where archives are kept, in the state directory, and how their names end."""
AT_ONCE = 250
"""Orders in one step, or as many as cannot be parted."""

OF_ORDERS = (TERMS, EVENTS, FILLS, CONDITIONS, ORDERS)
BOOKED = (LEDGER, RATES)
ARCHIVED = {form.name for form in (*OF_ORDERS, *BOOKED)}
"""The tables that an archive has rows of."""
_ORDERS, _EVENTS, _FILLS, _LEDGER = ORDERS.table, EVENTS.table, FILLS.table, LEDGER.table
_CONDITIONS, _ADJUSTMENTS = CONDITIONS.table, ADJUSTMENTS.table
_OPEN = [status.value for status in OrderStatus if status.is_open]
_PORTFOLIOS, _INSTRUMENTS = table_of(PortfolioRow), table_of(InstrumentRow)


class Life(msgspec.Struct, frozen=True):
    """What decides about an order: when it was made, whether and when it was over, and its fills."""

    id: str
    broker: str
    created_at: int
    is_over: bool
    """Whether it is closed, and no open order waits for it."""
    ended: int
    first: float = inf
    """The number of the event that tells of its first fill."""
    last: float = -inf
    """The same of its last fill."""


class Step(msgspec.Struct, frozen=True):
    """Orders of a portfolio in one instrument that go in one transaction."""

    portfolio_id: int
    portfolio: str
    currency: str
    instrument: str
    priced_in: str
    broker: str
    orders: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True):
    """What is to be archived: orders in steps, and the bookings of their fills."""

    steps: tuple[Step, ...]
    orders: frozenset[str]
    bookings: frozenset[tuple[int, str]]

    @property
    def choice(self) -> Mapping[str, Callable[[Any], bool]]:
        """The rows that go, by table."""
        of_order = dict.fromkeys((form.name for form in OF_ORDERS), self._is_of_order)
        return of_order | {form.name: self._is_of_booking for form in BOOKED}

    def _is_of_booking(self, row: Any) -> bool:
        return (row.portfolio_id, row.booking) in self.bookings

    def _is_of_order(self, row: Any) -> bool:
        return row.client_order_id in self.orders


async def plan(connection: AsyncConnection, before: int) -> Plan:
    """Return what ended before a market time (UTC nanoseconds), and can go."""
    steps = [step async for step in _steps(connection, before)]
    names = {step.portfolio_id: step.portfolio for step in steps}
    orders = frozenset(order for step in steps for order in step.orders)
    fills = await connection.stream(select(_FILLS).execution_options(yield_per=PAGE))
    bookings = {
        (row.portfolio_id, booking_id(fill_of(row, names).uid))
        async for row in fills
        if row.client_order_id in orders
    }
    return Plan(tuple(steps), orders, frozenset(bookings))


def parts(
    lives: Iterable[Life], before: int, broker: str | None = None, limit: float = inf
) -> Iterator[Sequence[Life]]:
    """Yield the orders that can go, oldest first; those that have to go together are one part.

    Args:
        lives: all orders of an asset.
        before: when they have to have ended.
        broker: through which those went that were archived before; None if there were none.
        limit: the number of an event behind which all fills stay.
    """
    ordered = sorted(lives, key=lambda life: (life.created_at, len(life.id), life.id))
    # The first fill of all that come after each of them:
    later = [*accumulate((life.first for life in reversed(ordered)), min, initial=limit)][-2::-1]
    part: list[Life] = []
    booked = -inf
    for life, following in zip(ordered, later, strict=True):
        broker = broker or life.broker
        if not life.is_over or life.ended >= before or life.broker != broker:
            return
        part.append(life)
        booked = max(booked, life.last)
        if booked < following:
            yield part
            part = []


async def put_away(step: Step, batch: Batch, work: Work) -> None:
    """Delete the orders of a step, with all that became of them, and have snapshots stand for them."""
    connection, portfolio_id = await batch.sent(), step.portfolio_id
    gone = {form: await _rows(connection, form.table.c.client_order_id, step.orders) for form in OF_ORDERS}
    fills = _by_position(_as_booked(gone, step))
    bookings = [booking for position in fills for booking in bookings_of(step, position, fills[position])]
    for form in BOOKED:
        booked = form.table.c
        gone[form] = await _rows(connection, booked.booking, bookings, booked.portfolio_id == portfolio_id)
    snapshots = [await stand_for(connection, step, position, fills[position], gone) for position in fills]
    lines = [line for each in snapshots for line in each.lines]
    if _differ(gone[LEDGER], lines):
        raise Impossible(f"the ledger of {step.portfolio} is not what its fills in {step.instrument} moved")

    pages = {form: Page(form, batch) for form in (*gone, SNAPSHOTS, HEDGED_SNAPSHOTS)}
    for form, rows in gone.items():
        for row in rows:
            pages[form].delete(row._asdict(), work)
    for line in lines:
        pages[LEDGER].insert(line, work)
    for each in snapshots:
        if each.rate is not None:
            rate = {"portfolio_id": portfolio_id, "booking": each.booking, "rate": each.rate}
            pages[RATES].insert(rate, work)
        if each.before is None:
            pages[each.form].insert(each.after, work)
        else:
            pages[each.form].change(each.before, each.after, work)
    for page in pages.values():
        await page.write()


async def _steps(connection: AsyncConnection, before: int) -> AsyncIterator[Step]:
    assets = select(
        *_PORTFOLIOS.c["id", "name", "currency"],
        _ORDERS.c.instrument,
        _INSTRUMENTS.c.currency.label("priced_in"),
    ).distinct()
    assets = assets.join_from(_PORTFOLIOS, _ORDERS, _ORDERS.c.portfolio_id == _PORTFOLIOS.c.id)
    assets = assets.join(_INSTRUMENTS, _INSTRUMENTS.c.symbol == _ORDERS.c.instrument)
    for asset in (await connection.execute(assets)).all():
        portfolio_id, instrument = asset.id, asset.instrument
        snapshot = await stored_snapshot(connection, portfolio_id, instrument)
        broker = snapshot["broker"] if snapshot else None
        lives = [life async for life in _lives(connection, portfolio_id, instrument)]
        limit = await _limit(connection, portfolio_id, instrument)
        for group in _grouped(parts(lives, before, broker, limit)):
            orders = tuple(life.id for life in group)
            currencies = (asset.currency, instrument, asset.priced_in)
            yield Step(portfolio_id, asset.name, *currencies, group[0].broker, orders)


def _grouped(found: Iterable[Sequence[Life]]) -> Iterator[Sequence[Life]]:
    group: list[Life] = []
    for part in found:
        if group and len(group) + len(part) > AT_ONCE:
            yield group
            group = []
        group += part
    if group:
        yield group


async def _lives(connection: AsyncConnection, portfolio_id: int, instrument: str) -> AsyncIterator[Life]:
    told = _EVENTS.c.exec_id.is_not(None)
    waited_for = select(_CONDITIONS.c.parent).join_from(
        _CONDITIONS, _ORDERS, _ORDERS.c.client_order_id == _CONDITIONS.c.client_order_id
    )
    waited_for = waited_for.where(_ORDERS.c.portfolio_id == portfolio_id, _ORDERS.c.status.in_(_OPEN))
    parents = set(await connection.scalars(waited_for))
    query = (
        select(
            *_ORDERS.c["client_order_id", "broker", "created_at", "status"],
            func.max(_EVENTS.c.at).label("ended"),
            func.min(_EVENTS.c.seq).filter(told).label("first"),
            func.max(_EVENTS.c.seq).filter(told).label("last"),
        )
        .join_from(_ORDERS, _EVENTS, _EVENTS.c.client_order_id == _ORDERS.c.client_order_id, isouter=True)
        .where(_ORDERS.c.portfolio_id == portfolio_id, _ORDERS.c.instrument == instrument)
        .group_by(_ORDERS.c.client_order_id)
    )
    async for row in await connection.stream(query):
        is_over = row.status not in _OPEN and row.client_order_id not in parents
        booked = (inf, -inf) if row.first is None else (row.first, row.last)
        ended = row.created_at if row.ended is None else row.ended
        yield Life(row.client_order_id, row.broker, row.created_at, is_over, ended, *booked)


async def _limit(connection: AsyncConnection, portfolio_id: int, instrument: str) -> float:
    """Return the number of the first adjustment, among the order events."""
    query = select(func.min(_ADJUSTMENTS.c.seq)).where(_ADJUSTMENTS.c.portfolio_id == portfolio_id)
    return await connection.scalar(query.where(_ADJUSTMENTS.c.instrument == instrument)) or inf


async def _rows(
    connection: AsyncConnection, column: ColumnElement[Any], values: Sequence[str], *where: Any
) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(values), SLICE):
        part = column.in_(values[start : start + SLICE])
        found += await connection.execute(select(column.table).where(part, *where))
    return found


def _as_booked(gone: Gone, step: Step) -> list[Fill]:
    names, conditions = (
        {step.portfolio_id: step.portfolio},
        {row.client_order_id: row for row in gone[CONDITIONS]},
    )
    by_exec = {
        (row.client_order_id, row.exec_id): fill_of(row, names, position_in(conditions, row))
        for row in gone[FILLS]
    }
    told = sorted(
        (event.seq, event.client_order_id, event.exec_id) for event in gone[EVENTS] if event.exec_id
    )
    return [by_exec[order, exec_id] for _, order, exec_id in told]


def _by_position(fills: Iterable[Fill]) -> dict[str, list[Fill]]:
    """Return fills by the position that they move; netted ones are always there, be they none."""
    found: dict[str, list[Fill]] = {"": []}
    for fill in fills:
        found.setdefault(fill.position, []).append(fill)
    return found


@unrounded
def _differ(old: Iterable[Any], new: Iterable[Stored]) -> bool:
    """Whether lines that go and lines that come in their place leave any account with another balance."""
    off: dict[tuple[str, str], Decimal] = {}
    for line in old:
        account = (line.account, line.currency)
        off[account] = off.get(account, ZERO) + line.amount
    for row in new:
        account = (row["account"], row["currency"])
        off[account] = off.get(account, ZERO) - row["amount"]
    return any(off.values())
