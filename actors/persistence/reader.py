"""The reader lane: what is stored, in sessions that can only read."""

import json
from typing import Any

from sqlalchemy import Select, Table, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence.insertion import Stored
from actors.persistence.page import table_of
from actors.persistence.rows import (
    FeedProgressRow,
    FillRow,
    LedgerEntryRow,
    OrderEventRow,
    OrderRow,
    PortfolioRow,
    PositionRow,
    TradingStateRow,
)
from lts.domain.fills import Fill
from lts.domain.journal import Deposit, RecallOrders
from lts.domain.orders import (
    ApprovedOrder,
    Order,
    OrderRecord,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from lts.domain.risk import TradingState, TradingStateChanged
from lts.domain.storage import Tally

_ORDERS, _EVENTS, _FILLS = table_of(OrderRow), table_of(OrderEventRow), table_of(FillRow)
_PORTFOLIOS, _LEDGER = table_of(PortfolioRow), table_of(LedgerEntryRow)
_POSITIONS = table_of(PositionRow)
_STATES, _PROGRESS = table_of(TradingStateRow), table_of(FeedProgressRow)

STATUSES = {status.value: status for status in OrderStatus}


class Reader:
    """Answers what is committed. Each answer is one transaction with a fixed number of queries."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def orders(self, wanted: RecallOrders) -> tuple[OrderRecord, ...]:
        """Return orders with their lives, oldest first."""
        async with self._engine.connect() as connection:
            known = await connection.execute(select(_PORTFOLIOS.c.id, _PORTFOLIOS.c.name))
            names: dict[int, str] = {row.id: row.name for row in known}
            found = await connection.execute(
                _of(wanted, select(_ORDERS), _ORDERS).order_by(
                    _ORDERS.c.created_at, _ORDERS.c.client_order_id
                )
            )
            records = {row.client_order_id: OrderRecord(_order(row, names)) for row in found}
            fills = {
                (row.client_order_id, row.exec_id): _fill(row, names)
                for row in await connection.execute(_of(wanted, select(_FILLS), _FILLS))
            }
            events = select(*_EVENTS.c["client_order_id", "status", "at", "exec_id"]).order_by(_EVENTS.c.seq)
            for event in await connection.execute(_of(wanted, events, _EVENTS)):
                _live(records[event.client_order_id], event, fills)
        return tuple(records.values())

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

    async def progress(self) -> dict[str, Stored]:
        """Return how far each feed had come, by source."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(_PROGRESS))).mappings()
            return {row["source"]: dict(row) for row in rows}

    async def latest(self) -> int:
        """Return the latest market time of anything stored, 0 if there is nothing."""
        async with self._engine.connect() as connection:
            columns = (_EVENTS.c.at, _PROGRESS.c.at, _ORDERS.c.created_at)
            times = [await connection.scalar(select(func.max(column))) for column in columns]
        return max(time or 0 for time in times)

    async def tally(self) -> Tally:
        """Return how much is stored."""
        denied = func.count().filter(_ORDERS.c.status == OrderStatus.DENIED.value)
        async with self._engine.connect() as connection:
            orders = (await connection.execute(select(func.count(), denied).select_from(_ORDERS))).one()
            fills = await connection.scalar(select(func.count()).select_from(_FILLS))
            trips = await connection.scalar(select(func.sum(_POSITIONS.c.round_trips)))
        return Tally(*orders, fills or 0, trips or 0)


def _of(wanted: RecallOrders, query: Select[Any], table: Table) -> Select[Any]:
    """Limit a query to what belongs to the orders that are wanted."""
    if wanted.portfolio is not None:
        ids = select(_PORTFOLIOS.c.id).where(_PORTFOLIOS.c.name == wanted.portfolio)
        query = query.where(table.c.portfolio_id.in_(ids))
    if wanted.broker is not None:
        theirs = select(_ORDERS.c.client_order_id).where(_ORDERS.c.broker == wanted.broker)
        query = query.where(table.c.client_order_id.in_(theirs))
    return query


def _live(record: OrderRecord, event: Any, fills: dict[tuple[str, str], Fill]) -> None:
    """Have a record go through what happened to its order."""
    if event.exec_id is None:
        record.advance(STATUSES[event.status], event.at)
    else:
        record.book(fills[event.client_order_id, event.exec_id])


def _order(row: Any, portfolios: dict[int, str]) -> Order:
    """Return an order as it was kept: whatever was not denied has passed risk."""
    kind = Order if row.status == OrderStatus.DENIED else ApprovedOrder
    return kind(
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


def _fill(row: Any, portfolios: dict[int, str]) -> Fill:
    return Fill(
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
    )
