"""Readings: what the rows of the journal say, in the domain's own words."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from actors.persistence.forms import booking_id
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.journal import BalanceSnapshot
from lts.domain.money import ZERO
from lts.domain.order_flow import OrderChanged
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, Terms, TimeInForce
from lts.domain.portfolio import archived
from lts.domain.positions import Position
from lts.domain.reconciliation import PositionAdjusted

B = TypeVar("B", Fill, FinancingCharged)
Rates = Mapping[tuple[int, str], Decimal]
"""Amounts by portfolio and booking."""
NO_RATES: Rates = {}

STATUSES = {status.value: status for status in OrderStatus}


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


def position_in(conditions: Mapping[str, Any], fill: Any) -> str:
    """Return the position that a fill moves, which its order names; empty if it is netted."""
    told = conditions.get(fill.client_order_id)
    return told.position_ref if told else ""


def position_of(portfolio: str, row: Mapping[str, Any]) -> Position:
    """Return a position as it is stored."""
    names = ("instrument", "multiplier", "quantity", "cost", "realised", "fees", "round_trips")
    told = {name: row[name] for name in names}
    return Position(portfolio, id=row.get("position_ref", ""), **told)


def adjustment_of(row: Any, portfolios: dict[int, str]) -> PositionAdjusted:
    """Return an adjustment as it is stored."""
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


def charge_of(row: Any, portfolios: dict[int, str], rates: Rates) -> FinancingCharged:
    """Return a charge of financing as it is stored, with its rate."""
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


def snapshot_of(row: Any, portfolios: dict[int, str], rates: Rates, cash: Rates) -> BalanceSnapshot:
    """Return a balance snapshot as it is stored, with what its fills converted.

    Args:
        row: where it is.
        portfolios: their names.
        rates: at which bookings were converted.
        cash: what archived fills moved in cash.
    """
    position = position_of(portfolios[row.portfolio_id], row._mapping)  # noqa: SLF001 - a public view
    snapshot = BalanceSnapshot(position, row.broker, row.orders, row.at)
    booking = (row.portfolio_id, booking_id(archived(position)))
    if booking not in rates:
        return snapshot
    return msgspec.structs.replace(snapshot, converted=cash.get(booking, ZERO), rate=rates[booking])


def _converted(booked: B, portfolio_id: int, rates: Rates) -> B:
    """Return what was booked with its rate, if it has one."""
    rate = rates.get((portfolio_id, booking_id(booked.uid))) if rates else None
    return booked if rate is None else msgspec.structs.replace(booked, rate=rate)
