"""Orders as they are stored, with the terms that they work on and what was said of them last."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence.listings.fills import fills_of
from actors.persistence.listings.keyset import Newest, parted, room, same, scattered, within
from actors.persistence.listings.names import portfolios_named, portfolios_of
from actors.persistence.page import table_of
from actors.persistence.readings import STATUSES, order_of, terms_of
from actors.persistence.rows import FillRow, OrderConditionRow, OrderEventRow, OrderRow, OrderTermsRow
from actors.persistence.rows.order import STILL_OPEN
from lts.domain.listings import is_plain
from lts.domain.order_listings import (
    GetOrder,
    ListedOrder,
    ListOrderEvents,
    ListOrders,
    OrderEvent,
    OrderEventsListed,
    OrderNotFound,
    OrdersListed,
    OrderTold,
)
from lts.domain.order_status import OrderStatus

_ORDERS, _EVENTS, _FILLS = table_of(OrderRow), table_of(OrderEventRow), table_of(FillRow)
_CONDITIONS, _TERMS = table_of(OrderConditionRow), table_of(OrderTermsRow)
_LATEST = Newest(_ORDERS.c.created_at, _ORDERS.c.client_order_id)
_TOLD_LAST = Newest(_EVENTS.c.seq)


async def list_orders(connection: AsyncConnection, wanted: ListOrders) -> OrdersListed:
    """Return a page of orders."""
    room(wanted.limit)
    portfolios = await portfolios_named(connection, wanted.portfolios)
    if portfolios is not None and not portfolios:
        return OrdersListed(())
    limits: list[Any] = same((_ORDERS.c.instrument, wanted.instrument), (_ORDERS.c.broker, wanted.broker))
    limits += within(_ORDERS.c.created_at, wanted.since, wanted.until)
    parts = _parts(wanted, limits, None if portfolios is None else sorted(portfolios))
    rows, following = await _LATEST.page(connection, wanted, limits, parts)
    names = await portfolios_of(connection, portfolios, rows)
    return OrdersListed(await _listed(connection, rows, names), following)


async def get_order(connection: AsyncConnection, wanted: GetOrder) -> OrderTold | OrderNotFound:
    """Return an order with all that became of it."""
    name = wanted.client_order_id
    portfolios = await portfolios_named(connection, wanted.portfolios)
    row = None
    if is_plain(name):
        query = select(_ORDERS).where(_ORDERS.c.client_order_id == name)
        row = (await connection.execute(query)).first()
    if row is None or (portfolios is not None and row.portfolio_id not in portfolios):
        return OrderNotFound(name)
    names = await portfolios_of(connection, portfolios, [row])
    events = await _rows(connection, _EVENTS, [name])
    terms = await _rows(connection, _TERMS, [name])
    conditions = await _rows(connection, _CONDITIONS, [name])
    [listed] = _assembled([row], names, conditions, terms, events)
    fills = (await connection.execute(select(_FILLS).where(_FILLS.c.client_order_id == name))).all()
    traded = {fill.exec_id: fill for fill in await fills_of(connection, fills, names, conditions)}
    in_order = [traded[event.exec_id] for event in events if event.exec_id is not None]
    return OrderTold(listed, _told(events, names, terms), tuple(in_order))


async def list_events(connection: AsyncConnection, wanted: ListOrderEvents) -> OrderEventsListed:
    """Return a page of what became of orders."""
    room(wanted.limit)
    portfolios = await portfolios_named(connection, wanted.portfolios)
    if portfolios is not None and not portfolios:
        return OrderEventsListed(())
    parts = parted(_EVENTS.c.portfolio_id, None if portfolios is None else sorted(portfolios))
    limits = same((_EVENTS.c.client_order_id, wanted.client_order_id))
    rows, following = await _TOLD_LAST.page(connection, wanted, limits, parts)
    if not rows:
        return OrderEventsListed(())
    names = await portfolios_of(connection, portfolios, rows)
    numbers = [row.seq for row in rows]
    terms = (await connection.execute(select(_TERMS).where(_TERMS.c.seq.in_(numbers)))).all()
    return OrderEventsListed(_told(rows, names, terms), following)


def _parts(
    wanted: ListOrders, limits: list[Any], portfolios: Sequence[int] | None
) -> Sequence[ColumnElement[bool]]:
    """Return the parts in which orders are looked up; those that are open are few, and one part."""
    statuses = [*dict.fromkeys(wanted.statuses)]
    if statuses:
        limits.append(_ORDERS.c.status.in_([status.value for status in statuses]))
    if wanted.open or (statuses and all(status.is_open for status in statuses)):
        limits.append(text(STILL_OPEN))
        return scattered(_ORDERS.c.portfolio_id, portfolios)
    return parted(_ORDERS.c.portfolio_id, portfolios)


async def _listed(
    connection: AsyncConnection, rows: Sequence[Any], names: Mapping[int, str]
) -> tuple[ListedOrder, ...]:
    ids = [row.client_order_id for row in rows]
    conditions = await _rows(connection, _CONDITIONS, ids)
    terms = await _rows(connection, _TERMS, ids)
    events = await _rows(connection, _EVENTS, ids)
    return tuple(_assembled(rows, names, conditions, terms, events))


async def _rows(connection: AsyncConnection, table: Table, ids: Sequence[str]) -> Sequence[Any]:
    """Return what a table has of orders, oldest first."""
    query = select(table).where(table.c.client_order_id.in_(ids))
    found = (await connection.execute(query)).all() if ids else []
    return sorted(found, key=lambda row: row.seq) if "seq" in table.c else found


def _assembled(
    rows: Iterable[Any],
    names: Mapping[int, str],
    conditions: Iterable[Any],
    terms: Iterable[Any],
    events: Iterable[Any],
) -> list[ListedOrder]:
    special = {row.client_order_id: row for row in conditions}
    last = {row.client_order_id: row for row in events}
    called = {row.client_order_id: row.venue_order_id for row in terms if row.venue_order_id}
    asked = {row.seq for row in events if row.status == OrderStatus.PENDING_UPDATE}
    confirmed = (row for row in terms if row.seq not in asked)
    revised = {row.client_order_id: told for row in confirmed if (told := terms_of(row)) is not None}
    found = []
    for row in rows:
        name = row.client_order_id
        order, event = order_of(row, names, special.get(name)), last.get(name)
        at, reason = (order.created_at, "") if event is None else (event.at, event.reason)
        works_on = revised.get(name, order.terms)
        status = STATUSES[row.status]
        found.append(ListedOrder(order, status, row.filled, works_on, called.get(name, ""), at, reason))
    return found


def _told(events: Iterable[Any], names: Mapping[int, str], terms: Iterable[Any]) -> tuple[OrderEvent, ...]:
    told = {row.seq: row for row in terms}
    return tuple(_event(row, names, told.get(row.seq)) for row in events)


def _event(row: Any, names: Mapping[int, str], told: Any) -> OrderEvent:
    return OrderEvent(
        row.seq,
        names[row.portfolio_id],
        row.client_order_id,
        STATUSES[row.status],
        row.at,
        row.reason,
        row.exec_id or "",
        told.venue_order_id if told else "",
        terms_of(told) if told else None,
    )
