"""The tables of the journal, and what stands in a row of each: orders, fills, positions, the ledger."""

import msgspec

from actors.persistence.insertion import Stored
from actors.persistence.page import Form
from actors.persistence.rows import (
    BillingRecordRow,
    ConversionRateRow,
    FillRow,
    FinancingChargeRow,
    HedgedAdjustmentRow,
    HedgedPositionRow,
    IdempotencyKeyRow,
    LedgerEntryRow,
    OrderConditionRow,
    OrderEventRow,
    OrderRow,
    OrderTermsRow,
    PositionAdjustmentRow,
    PositionRow,
    TradingStateRow,
)
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.ledger import Posting
from lts.domain.order_flow import OrderChanged
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order
from lts.domain.positions import Position
from lts.domain.reconciliation import PositionAdjusted

ORDERS, EVENTS, FILLS = Form(OrderRow), Form(OrderEventRow), Form(FillRow)
POSITIONS, LEDGER, CHARGES = Form(PositionRow), Form(LedgerEntryRow), Form(BillingRecordRow)
STATES, ADJUSTMENTS = Form(TradingStateRow), Form(PositionAdjustmentRow)
CONDITIONS, TERMS = Form(OrderConditionRow), Form(OrderTermsRow)
FINANCING, RATES = Form(FinancingChargeRow), Form(ConversionRateRow)
MARKS = Form(IdempotencyKeyRow)
HEDGED, HEDGED_ADJUSTMENTS = Form(HedgedPositionRow), Form(HedgedAdjustmentRow)


def is_conditional(order: Order) -> bool:
    """Whether an order says anything beyond a price and a time."""
    return bool(
        order.trigger_price
        or order.trailing_offset
        or order.expires_at
        or order.reduce_only
        or order.post_only
        or order.parent
        or order.group
        or order.position
    )


def conditions_row(order: Order) -> Stored:
    """Return what an order says beyond a price and a time."""
    return {
        "trigger_price": order.trigger_price,
        "trailing_offset": order.trailing_offset,
        "expires_at": order.expires_at,
        "reduce_only": order.reduce_only,
        "post_only": order.post_only,
        "parent": order.parent,
        "order_group": order.group,
        "position_ref": order.position,
    }


def terms_row(changed: OrderChanged, order: Stored, seq: int) -> Stored:
    """Return what a change tells of an order's terms, behind the number of its event."""
    terms = changed.wanted if changed.status is OrderStatus.PENDING_UPDATE else changed.terms
    return {
        "seq": seq,
        "portfolio_id": order["portfolio_id"],
        "client_order_id": changed.client_order_id,
        "venue_order_id": changed.venue_order_id,
        "quantity": terms and terms.quantity,
        "limit_price": terms and terms.limit_price,
        "trigger_price": terms and terms.trigger_price,
        "trailing_offset": terms and terms.trailing_offset,
    }


def booking_id(parts: tuple[str, ...]) -> str:
    """Return the text of a booking's id: a JSON list."""
    return msgspec.json.encode(parts).decode()


def posting_rows(portfolio_id: int, booking: str, moved: tuple[Posting, ...], at: int) -> list[Stored]:
    """Return the lines of a booking; a posting of nothing is none."""
    return [
        {
            "portfolio_id": portfolio_id,
            "booking": booking,
            "line": line,
            "account": posting.account,
            "currency": posting.currency,
            "amount": posting.amount,
            "at": at,
        }
        for line, posting in enumerate(posting for posting in moved if posting.amount)
    ]


def fill_row(fill: Fill, portfolio_id: int) -> Stored:
    """Return how a fill is stored."""
    return {
        "broker": fill.broker,
        "portfolio_id": portfolio_id,
        "exec_id": fill.exec_id,
        "client_order_id": fill.client_order_id,
        "instrument": fill.instrument,
        "side": fill.side.value,
        "quantity": fill.quantity,
        "price": fill.price,
        "fee": fill.fee,
        "currency": fill.currency,
        "at": fill.at,
    }


def position_row(position: Position, portfolio_id: int, at: int) -> Stored:
    """Return how a position is stored."""
    own = {"portfolio_id": portfolio_id, "instrument": position.instrument}
    if position.id:
        own["position_ref"] = position.id
    return own | {
        "multiplier": position.multiplier,
        "quantity": position.quantity,
        "cost": position.cost,
        "realised": position.realised,
        "fees": position.fees,
        "round_trips": position.round_trips,
        "at": at,
    }


def adjustment_row(adjusted: PositionAdjusted, portfolio_id: int, seq: int) -> Stored:
    """Return how an adjustment is stored, behind its number among the order events."""
    return {
        "broker": adjusted.broker,
        "reference": adjusted.reference,
        "seq": seq,
        "portfolio_id": portfolio_id,
        "instrument": adjusted.instrument,
        "quantity": adjusted.quantity,
        "price": adjusted.price,
        "reason": adjusted.reason,
        "at": adjusted.at,
    }


def charge_row(charged: FinancingCharged, portfolio_id: int) -> Stored:
    """Return how a charge of financing is stored."""
    return {
        "broker": charged.broker,
        "portfolio_id": portfolio_id,
        "charge_id": charged.id,
        "instrument": charged.instrument,
        "amount": charged.amount,
        "currency": charged.currency,
        "at": charged.at,
    }
