"""The reader lane: what is stored, in sessions that can only read."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Select, Table, and_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from actors.persistence.entry import booking_id, position_of
from actors.persistence.insertion import Stored
from actors.persistence.page import table_of
from actors.persistence.rows import (
    BalanceSnapshotRow,
    ConversionRateRow,
    FeedProgressRow,
    FillRow,
    FinancingChargeRow,
    HedgedAdjustmentRow,
    HedgedPositionRow,
    HedgedSnapshotRow,
    LedgerEntryRow,
    LossMarksRow,
    OrderConditionRow,
    OrderEventRow,
    OrderRow,
    OrderTermsRow,
    PortfolioRow,
    PositionAdjustmentRow,
    PositionRow,
    TradingStateRow,
    VenueCursorRow,
)
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.journal import BalanceSnapshot, Deposit, OrdersRecalled, RecallOrders
from lts.domain.loss_marks import LossMarks
from lts.domain.money import ZERO
from lts.domain.order_flow import OrderChanged
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, Terms, TimeInForce
from lts.domain.portfolio import archived
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingState, TradingStateChanged
from lts.domain.storage import Tally

_ORDERS, _EVENTS, _FILLS = table_of(OrderRow), table_of(OrderEventRow), table_of(FillRow)
_PORTFOLIOS, _LEDGER = table_of(PortfolioRow), table_of(LedgerEntryRow)
_POSITIONS, _KEPT = table_of(PositionRow), table_of(BalanceSnapshotRow)
_CONDITIONS, _TERMS = table_of(OrderConditionRow), table_of(OrderTermsRow)
_ADJUSTMENTS, _CURSORS = table_of(PositionAdjustmentRow), table_of(VenueCursorRow)
_FINANCING, _RATES = table_of(FinancingChargeRow), table_of(ConversionRateRow)
_HEDGED, _HEDGED_KEPT = table_of(HedgedPositionRow), table_of(HedgedSnapshotRow)
_HEDGED_ADJUSTMENTS = table_of(HedgedAdjustmentRow)
_STATES, _PROGRESS = table_of(TradingStateRow), table_of(FeedProgressRow)
_MARKS = table_of(LossMarksRow)

_STORED = select(
    *(select(func.count()).select_from(each).scalar_subquery() for each in (_ORDERS, _FINANCING)),
    *(
        select(func.max(seq)).scalar_subquery()
        for seq in (_EVENTS.c.seq, _ADJUSTMENTS.c.seq, _KEPT.c.last_seq)
    ),
)
"""What differs as soon as an order, an event, an adjustment or a charge is new, or some were archived."""

_NOTHING = ((), OrdersRecalled(()))

B = TypeVar("B", Fill, FinancingCharged)
Rates = Mapping[tuple[int, str], Decimal]
"""Amounts by portfolio and booking."""
NO_RATES: Rates = {}

STATUSES = {status.value: status for status in OrderStatus}


class Reader:
    """Answers what is committed. Each reading is one transaction with a fixed number of queries."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._starting = True
        self._alone = asyncio.Lock()
        self._all: tuple[Sequence[Any], OrdersRecalled] = _NOTHING
        """All orders, behind what tells whether they still are all."""

    async def orders(self, wanted: RecallOrders) -> OrdersRecalled:
        """Return orders with their lives, oldest first, and what older ones come to that were archived.

        At a start everybody asks, each for a part: until all have `started`, one reading holds all parts, and
        is repeated when something is new.
        """
        if not self._starting:
            return await self._read(wanted)
        async with self._alone:
            async with self._engine.connect() as connection:
                stored = (await connection.execute(_STORED)).one()
            if self._all[0] != stored:
                self._all = (stored, await self._read(RecallOrders()))
            part = part_of(self._all[1], wanted)
            if not self._starting:
                self._all = _NOTHING
        return part

    def started(self) -> None:
        """Keep no orders in memory any more: whoever is born again from them has asked."""
        self._starting, self._all = False, _NOTHING

    async def _read(self, wanted: RecallOrders) -> OrdersRecalled:
        async with self._engine.connect() as connection:
            known = await connection.execute(select(_PORTFOLIOS.c.id, _PORTFOLIOS.c.name))
            names: dict[int, str] = {row.id: row.name for row in known}
            found = await connection.execute(
                _of(wanted, select(_ORDERS), _ORDERS).order_by(
                    _ORDERS.c.created_at, _ORDERS.c.client_order_id
                )
            )
            special = await connection.execute(_of(wanted, select(_CONDITIONS), _CONDITIONS))
            conditions = {row.client_order_id: row for row in special}
            records = {
                row.client_order_id: OrderRecord(order_of(row, names, conditions.get(row.client_order_id)))
                for row in found
            }
            rates = await _rates(connection, wanted)
            fills = {
                (row.client_order_id, row.exec_id): fill_of(row, names, position_in(conditions, row), rates)
                for row in await connection.execute(_of(wanted, select(_FILLS), _FILLS))
            }
            terms = {row.seq: row for row in await connection.execute(_of(wanted, select(_TERMS), _TERMS))}
            adjusted = await connection.execute(_of(wanted, adjustments(), _ADJUSTMENTS))
            booked: list[tuple[int, Fill | PositionAdjusted]] = [
                (row.seq, _adjustment(row, names)) for row in adjusted
            ]
            events = select(*_EVENTS.c["seq", "client_order_id", "status", "at", "exec_id"])
            for event in await connection.execute(_of(wanted, events, _EVENTS).order_by(_EVENTS.c.seq)):
                record = records[event.client_order_id]
                if event.exec_id is None:
                    record.follow(change_of(event, record.order.portfolio, terms.get(event.seq)))
                else:
                    fill = fills[event.client_order_id, event.exec_id]
                    record.book(fill)
                    booked.append((event.seq, fill))
            kept = await connection.execute(_of(wanted, select(_KEPT), _KEPT))
            archived_cash = await _archived_cash(connection, wanted) if rates else {}
            snapshots = [_snapshot(row, names, rates, archived_cash) for row in kept]
            hedged = await connection.execute(_of(wanted, _hedged_snapshots(), _KEPT))
            snapshots += [_snapshot(row, names, rates, archived_cash) for row in hedged]
            charges = await connection.execute(
                _of(wanted, select(_FINANCING), _FINANCING).order_by(_FINANCING.c.at, *_FINANCING.primary_key)
            )
            financing = tuple(_charge(row, names, rates) for row in charges)
        in_order = tuple(each for _, each in sorted(booked, key=itemgetter(0)))
        return OrdersRecalled(tuple(records.values()), tuple(snapshots), in_order, financing)

    async def cursor(self, broker: str) -> str:
        """Return up to where a venue's transactions are taken in; empty if none ever was."""
        async with self._engine.connect() as connection:
            found = await connection.scalar(select(_CURSORS.c.cursor).where(_CURSORS.c.broker == broker))
        return found or ""

    async def deposits(self, portfolio: str) -> tuple[Deposit, ...]:
        """Return what was paid into a portfolio, oldest first."""
        query = (
            select(*_LEDGER.c["booking", "amount", "at"])
            .join(_PORTFOLIOS, _PORTFOLIOS.c.id == _LEDGER.c.portfolio_id)
            .where(_PORTFOLIOS.c.name == portfolio, _LEDGER.c.account == "cash")
            .where(_LEDGER.c.booking.startswith('["deposit"'))
            .order_by(_LEDGER.c.at, _LEDGER.c.booking)
        )
        async with self._engine.connect() as connection:
            rows = await connection.execute(query)
            return tuple(Deposit(json.loads(row.booking)[1], row.amount, row.at) for row in rows)

    async def trading_states(self) -> tuple[TradingStateChanged, ...]:
        """Return the last change of every scope."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(_STATES).order_by(_STATES.c.at))
            return tuple(
                TradingStateChanged(row.scope, TradingState(row.state), row.reason, row.at) for row in rows
            )

    async def loss_marks(self) -> dict[str, LossMarks]:
        """Return what losses are measured from, by scope."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(select(_MARKS))
            return {row.scope: LossMarks(row.peak, row.opening, row.since, row.fell) for row in rows}

    async def progress(self) -> dict[str, Stored]:
        """Return how far each feed had come, by source."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(_PROGRESS))).mappings()
            return {row["source"]: dict(row) for row in rows}

    async def latest(self) -> int:
        """Return the latest market time of anything stored, 0 if there is nothing."""
        async with self._engine.connect() as connection:
            columns = (_EVENTS.c.at, _PROGRESS.c.at, _ORDERS.c.created_at, _KEPT.c.at, _FINANCING.c.at)
            times = [await connection.scalar(select(func.max(column))) for column in columns]
        return max(time or 0 for time in times)

    async def tally(self) -> Tally:
        """Return how much is stored."""
        denied = func.count().filter(_ORDERS.c.status == OrderStatus.DENIED.value)
        async with self._engine.connect() as connection:
            orders = (await connection.execute(select(func.count(), denied).select_from(_ORDERS))).one()
            fills = await connection.scalar(select(func.count()).select_from(_FILLS))
            trips = [
                await connection.scalar(select(func.sum(table.c.round_trips))) or 0
                for table in (_POSITIONS, _HEDGED)
            ]
        return Tally(*orders, fills or 0, sum(trips))


def part_of(recalled: OrdersRecalled, wanted: RecallOrders) -> OrdersRecalled:
    """Return what is wanted of all that was recalled; the records are copies, which belong to who asked."""

    def belongs(portfolio: str, broker: str) -> bool:
        return wanted.portfolio in {None, portfolio} and wanted.broker in {None, broker}

    return OrdersRecalled(
        tuple(
            record.copy()
            for record in recalled.records
            if belongs(record.order.portfolio, record.order.broker)
        ),
        tuple(each for each in recalled.snapshots if belongs(each.position.portfolio, each.broker)),
        tuple(each for each in recalled.booked if belongs(each.portfolio, each.broker)),
        tuple(each for each in recalled.financing if belongs(each.portfolio, each.broker)),
    )


def _of(wanted: RecallOrders, query: Select[Any], table: Table) -> Select[Any]:
    """Limit a query to what belongs to the orders that are wanted."""
    if wanted.portfolio is not None:
        ids = select(_PORTFOLIOS.c.id).where(_PORTFOLIOS.c.name == wanted.portfolio)
        query = query.where(table.c.portfolio_id.in_(ids))
    if wanted.broker is not None and "broker" in table.c:
        query = query.where(table.c.broker == wanted.broker)
    elif wanted.broker is not None:
        theirs = select(_ORDERS.c.client_order_id).where(_ORDERS.c.broker == wanted.broker)
        query = query.where(table.c.client_order_id.in_(theirs))
    return query


async def _rates(connection: AsyncConnection, wanted: RecallOrders) -> Rates:
    """Return the rates at which bookings were converted, by portfolio and booking."""
    query = _of(RecallOrders(wanted.portfolio), select(_RATES), _RATES)
    return {(row.portfolio_id, row.booking): row.rate for row in await connection.execute(query)}


async def _archived_cash(connection: AsyncConnection, wanted: RecallOrders) -> Rates:
    """Return what all archived fills of a position moved in cash, by portfolio and booking."""
    query = select(_LEDGER).where(_LEDGER.c.account == "cash", _LEDGER.c.booking.startswith('["archived"'))
    rows = await connection.execute(_of(RecallOrders(wanted.portfolio), query, _LEDGER))
    return {(row.portfolio_id, row.booking): row.amount for row in rows}


def change_of(event: Any, portfolio: str, told: Any) -> OrderChanged:
    """Return what happened to an order, with what was told of its terms: the rows of both."""
    changed = OrderChanged(portfolio, event.client_order_id, STATUSES[event.status], event.at)
    return changed if told is None else with_terms(changed, told)


def with_terms(changed: OrderChanged, told: Any) -> OrderChanged:
    """Return what happened to an order with what a row tells of its terms: those it has, or is to have."""
    name = "wanted" if changed.status is OrderStatus.PENDING_UPDATE else "terms"
    more: dict[str, Any] = {name: terms_of(told)}
    return msgspec.structs.replace(changed, venue_order_id=told.venue_order_id, **more)


def terms_of(told: Any) -> Terms | None:
    """Return the terms that a row tells of; None if it tells of none."""
    if told.quantity is None:
        return None
    return Terms(told.quantity, told.limit_price, told.trigger_price, told.trailing_offset)


def _adjustment(row: Any, portfolios: dict[int, str]) -> PositionAdjusted:
    return PositionAdjusted(
        portfolios[row.portfolio_id],
        row.instrument,
        row.broker,
        row.quantity,
        row.price,
        row.reference,
        row.reason,
        row.at,
        row.position_ref or "",
    )


def _charge(row: Any, portfolios: dict[int, str], rates: Rates) -> FinancingCharged:
    charged = FinancingCharged(
        portfolios[row.portfolio_id],
        row.broker,
        row.instrument,
        row.amount,
        row.currency,
        row.charge_id,
        row.at,
    )
    return _converted(charged, row.portfolio_id, rates)


def _converted(booked: B, portfolio_id: int, rates: Rates) -> B:
    """Return what was booked with its rate, if it has one."""
    rate = rates.get((portfolio_id, booking_id(booked.uid))) if rates else None
    return booked if rate is None else msgspec.structs.replace(booked, rate=rate)


def adjustments() -> Select[Any]:
    """Return what reads the adjustments, each with the position that it is of; null if that is netted."""
    own, position = _ADJUSTMENTS.c, _HEDGED_ADJUSTMENTS.c
    same = and_(own.broker == position.broker, own.reference == position.reference)
    return select(_ADJUSTMENTS, position.position_ref).join_from(
        _ADJUSTMENTS, _HEDGED_ADJUSTMENTS, same, isouter=True
    )


def position_in(conditions: Mapping[str, Any], fill: Any) -> str:
    """Return the position that a fill moves, which its order names; empty if it is netted."""
    told = conditions.get(fill.client_order_id)
    return told.position_ref if told else ""


def _hedged_snapshots() -> Select[Any]:
    """Return what reads the snapshots of hedged positions: their orders are counted by instrument."""
    own, kept = _HEDGED_KEPT.c, _KEPT.c
    same = and_(own.portfolio_id == kept.portfolio_id, own.instrument == kept.instrument)
    orders = literal(0).label("orders")
    return select(_HEDGED_KEPT, kept.broker, orders).join_from(_HEDGED_KEPT, _KEPT, same)


def _snapshot(row: Any, portfolios: dict[int, str], rates: Rates, cash: Rates) -> BalanceSnapshot:
    position = position_of(portfolios[row.portfolio_id], row._mapping)  # noqa: SLF001 - a public view
    snapshot = BalanceSnapshot(position, row.broker, row.orders, row.at)
    booking = (row.portfolio_id, booking_id(archived(position)))
    if booking not in rates:
        return snapshot
    return msgspec.structs.replace(snapshot, converted=cash.get(booking, ZERO), rate=rates[booking])


def order_of(row: Any, portfolios: Mapping[int, str], conditions: Any) -> Order:
    """Return an order as it was kept: whatever was not denied has passed risk."""
    kind = Order if row.status == OrderStatus.DENIED else ApprovedOrder
    order = kind(
        row.client_order_id,
        portfolios[row.portfolio_id],
        row.instrument,
        row.broker,
        Side(row.side),
        row.quantity,
        OrderType(row.type),
        row.limit_price,
        TimeInForce(row.time_in_force),
        row.created_at,
    )
    if conditions is None:
        return order
    return msgspec.structs.replace(
        order,
        trigger_price=conditions.trigger_price,
        trailing_offset=conditions.trailing_offset,
        expires_at=conditions.expires_at,
        reduce_only=conditions.reduce_only,
        post_only=conditions.post_only,
        parent=conditions.parent,
        group=conditions.order_group,
        position=conditions.position_ref,
    )


def fill_of(row: Any, portfolios: Mapping[int, str], position: str = "", rates: Rates = NO_RATES) -> Fill:
    """Return a fill as it is stored.

    Args:
        row: where it is.
        portfolios: their names.
        position: the one that it moves.
        rates: at which bookings were converted.
    """
    fill = Fill(
        portfolios[row.portfolio_id],
        row.instrument,
        row.broker,
        row.client_order_id,
        row.exec_id,
        Side(row.side),
        row.quantity,
        row.price,
        row.fee,
        row.currency,
        row.at,
        position,
    )
    return _converted(fill, row.portfolio_id, rates)
