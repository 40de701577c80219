"""Facts as the audit has them: which message an entry, with those around it, is the trace of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec

from actors.persistence.forms import booking_id
from actors.persistence.listings.images import row_of
from actors.persistence.readings import fill_of, order_of, with_terms
from bus.message import Message
from lts.domain.financing import FinancingCharged
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled, OrderJournalled
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingState, TradingStateChanged

Entries = Mapping[int, Any]
"""Entries of the audit, by number."""
_BOOKED_WITHIN = 32
"""Entries behind that of a fill within which its booking is."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened, and to what: a portfolio, by its id, or a scope of trading."""

    message: Callable[[str], Message]
    """Makes it, given the portfolio's name."""
    portfolio_id: int | None = None
    scope: str = ""


def told(entry: Any, entries: Entries) -> Fact | None:
    """Return the fact that an entry is the trace of; None if it is none of its own."""
    look = _TELLING.get((entry.action, entry.entity))
    return None if look is None else look(entry, entries)


def _beside(entries: Entries, seq: int, *entities: str) -> Any:
    """Return the row in an entry next to another, if it is of one of these tables; else None."""
    entry = entries.get(seq)
    if entry is None or entry.entity not in entities or entry.after is None or entry.action == "checkpoint":
        return None
    return row_of(entry)


def _intent(entry: Any, entries: Entries) -> Fact | None:
    """An order: one that was denied is told of by the event that says so."""
    row = row_of(entry)
    if row.status == OrderStatus.DENIED:
        return None
    conditions = _beside(entries, entry.seq + 1, "order_conditions")

    def journalled(portfolio: str) -> Message:
        order = order_of(row, {row.portfolio_id: portfolio}, conditions)
        assert isinstance(order, ApprovedOrder)  # noqa: S101 - it was not denied
        return OrderJournalled(order)

    return Fact(journalled, row.portfolio_id)


def _change(entry: Any, entries: Entries) -> Fact | None:
    """What became of an order: the state itself, with what stands beside it."""
    row = row_of(entry)
    if row.exec_id is not None:
        return _fill(entry, row, entries)
    if row.status == OrderStatus.DENIED and (denied := _denial(entry, row, entries)) is not None:
        return denied
    beside = _beside(entries, entry.seq + 1, "order_terms")

    def changed(portfolio: str) -> Message:
        status = OrderStatus(row.status)
        told = OrderChanged(portfolio, row.client_order_id, status, row.at, row.reason)
        return told if beside is None else with_terms(told, beside)

    return Fact(changed, row.portfolio_id)


def _denial(entry: Any, row: Any, entries: Entries) -> Fact | None:
    """An order that risk has denied: it stands before the event, with its conditions if it has any."""
    before = entry.seq - 1
    conditions = _beside(entries, before, "order_conditions")
    order = _beside(entries, before - (conditions is not None), "orders")
    if order is None or entries[before - (conditions is not None)].action != "insert":
        return None
    if order.status != OrderStatus.DENIED or order.client_order_id != row.client_order_id:
        return None

    def denied(portfolio: str) -> Message:
        proposed: Order = order_of(order, {order.portfolio_id: portfolio}, conditions)
        return OrderDenied(portfolio, proposed, row.reason, row.at)

    return Fact(denied, row.portfolio_id)


def _fill(entry: Any, row: Any, entries: Entries) -> Fact | None:
    stored = _beside(entries, entry.seq + 1, "fills")
    if stored is None:
        return None
    held = _beside(entries, entry.seq + 2, "hedged_positions")
    position = "" if held is None else held.position_ref

    def filled(portfolio: str) -> Message:
        fill = fill_of(stored, {row.portfolio_id: portfolio}, position)
        rate = _rate(entries, range(entry.seq + 2, entry.seq + _BOOKED_WITHIN), booking_id(fill.uid))
        if rate is not None:
            fill = msgspec.structs.replace(fill, rate=rate)
        return OrderFilled(portfolio, fill, OrderStatus(row.status))

    return Fact(filled, row.portfolio_id)


def _adjustment(entry: Any, entries: Entries) -> Fact:
    row = row_of(entry)
    hedged = _beside(entries, entry.seq + 1, "hedged_adjustments")

    def adjusted(portfolio: str) -> Message:
        whose = (portfolio, row.instrument, row.broker, row.quantity, row.price, row.reference, row.reason)
        return PositionAdjusted(*whose, row.at, hedged.position_ref if hedged else "")

    return Fact(adjusted, row.portfolio_id)


def _charge(entry: Any, entries: Entries) -> Fact:
    row = row_of(entry)

    def charged(portfolio: str) -> Message:
        about = (portfolio, row.broker, row.instrument, row.amount, row.currency, row.charge_id, row.at)
        charge = FinancingCharged(*about)
        rate = _rate(entries, range(entry.seq - 1, entry.seq), booking_id(charge.uid))
        return charge if rate is None else msgspec.structs.replace(charge, rate=rate)

    return Fact(charged, row.portfolio_id)


def _state(entry: Any, _: Entries) -> Fact:
    row = row_of(entry)
    who = "" if entry.who == "risk" else entry.who
    changed = TradingStateChanged(row.scope, TradingState(row.state), row.reason, row.at, who)
    return Fact(lambda _: changed, scope=row.scope)


def _rate(entries: Entries, where: range, booking: str) -> Decimal | None:
    """Return the rate at which a booking was converted; None if it was not."""
    rows: list[SimpleNamespace] = [
        row for seq in where if (row := _beside(entries, seq, "conversion_rates")) is not None
    ]
    return next((row.rate for row in rows if row.booking == booking), None)


_TELLING: Mapping[tuple[str, str], Callable[[Any, Entries], Fact | None]] = {
    ("insert", "orders"): _intent,
    ("insert", "order_events"): _change,
    ("insert", "position_adjustments"): _adjustment,
    ("insert", "financing_charges"): _charge,
    ("insert", "trading_states"): _state,
    ("update", "trading_states"): _state,
}
