"""An entry in the journal: the rows that consecutive facts about orders lead to.

A fill is booked where it is journalled: position, ledger and order are in the same transaction, so
that they agree at every instant.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from actors.persistence.insertion import Stored
from actors.persistence.page import Form, Page
from actors.persistence.rows import (
    BillingRecordRow,
    FillRow,
    LedgerEntryRow,
    OrderEventRow,
    OrderRow,
    PositionRow,
    TradingStateRow,
)
from actors.persistence.work import Batch, Impossible, Work
from lts.domain.fills import Fill
from lts.domain.ledger import Posting
from lts.domain.money import ZERO, unrounded
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled
from lts.domain.orders import Order, OrderStatus
from lts.domain.portfolio import postings
from lts.domain.positions import Position
from lts.domain.risk import TradingStateChanged

if TYPE_CHECKING:
    from actors.persistence.journal import Journal

Fact = Order | OrderChanged | OrderFilled | OrderDenied | TradingStateChanged
"""An intent, or what became of one; or whether a scope may trade."""

ORDERS, EVENTS, FILLS = Form(OrderRow), Form(OrderEventRow), Form(FillRow)
POSITIONS, LEDGER, CHARGES = Form(PositionRow), Form(LedgerEntryRow), Form(BillingRecordRow)
STATES = Form(TradingStateRow)

_DENIED = OrderStatus.DENIED


class Tariff(msgspec.Struct, frozen=True):
    """What a user is billed for a trade."""

    currency: str
    per_trade: Decimal


class Entry:
    """One run of facts on its way into the tables."""

    def __init__(self, journal: Journal, batch: Batch) -> None:
        self._journal = journal
        self._orders = Page(ORDERS, batch)
        self._events = Page(EVENTS, batch)
        self._fills = Page(FILLS, batch)
        self._positions = Page(POSITIONS, batch)
        self._ledger = Page(LEDGER, batch)
        self._charges = Page(CHARGES, batch)
        self._states = Page(STATES, batch)

    async def write(self) -> None:
        """Send the statements; what refers to another table comes after it."""
        for page in (self._orders, self._events, self._fills, self._positions, self._ledger):
            await page.write()
        await self._charges.write()
        await self._states.write()

    def add(self, work: Work) -> None:
        """Add what one fact leads to."""
        match work.content:
            case Order() as order:
                self._intend(order, work)
            case OrderChanged() as changed:
                self._change(changed, work)
            case OrderFilled() as filled:
                self._fill(filled, work)
            case OrderDenied() as denied:
                self._deny(denied, work)
            case TradingStateChanged() as changed:
                self._set_state(changed, work)

    def _intend(self, order: Order, work: Work, status: OrderStatus = OrderStatus.INITIALIZED) -> Stored:
        portfolio = self._journal.portfolio(order.portfolio)
        row = {
            "client_order_id": order.client_order_id,
            "portfolio_id": portfolio["id"],
            "instrument": order.instrument,
            "broker": order.broker,
            "side": order.side.value,
            "quantity": order.quantity,
            "type": order.type.value,
            "limit_price": order.limit_price,
            "time_in_force": order.time_in_force.value,
            "created_at": order.created_at,
            "status": status.value,
            "filled": ZERO,
            "cause": work.cause,
        }
        self._orders.insert(row, work)
        self._journal.orders.stage(row)
        return row

    def _deny(self, denied: OrderDenied, work: Work) -> None:
        """Keep an order that risk did not let pass; the denial of a duplicate is none of the original's."""
        if self._journal.orders.get(denied.order.client_order_id) is None:
            row = self._intend(denied.order, work, _DENIED)
            self._tell(row, work, _DENIED, denied.at, denied.reason)

    def _change(self, changed: OrderChanged, work: Work) -> None:
        before = self._journal.orders.get(changed.client_order_id)
        if before is None:
            unkept = self._journal.unkept.get(changed.client_order_id)
            if unkept is None:
                raise Impossible(f"there is no order {changed.client_order_id}")
            before = self._intend(unkept, work)
        self._advance(before, work, changed.status)
        self._tell(before, work, changed.status, changed.at, changed.reason)

    @unrounded
    def _fill(self, filled: OrderFilled, work: Work) -> None:
        fill = filled.fill
        order = self._journal.orders.get(fill.client_order_id)
        if order is None:
            raise Impossible(f"there is no order {fill.client_order_id}")
        self._advance(order, work, filled.status, fill.quantity)
        self._tell(order, work, filled.status, fill.at, "", fill.exec_id)
        self._fills.insert(_fill_row(fill, order["portfolio_id"]), work)
        held = self._hold(fill, order["portfolio_id"], work)
        booking = booking_id(fill.uid)
        for row in posting_rows(order["portfolio_id"], booking, postings(fill, *held), fill.at):
            self._ledger.insert(row, work)
        self._bill(fill, booking, work)

    def _hold(self, fill: Fill, portfolio_id: int, work: Work) -> tuple[Position, Position]:
        """Fold a fill into its position; return the position before and after."""
        row = self._journal.positions.get((portfolio_id, fill.instrument))
        before = self._flat(fill) if row is None else _position_of(fill.portfolio, row)
        after = before.fold(fill)
        new = _position_row(after, portfolio_id, fill.at)
        if row is None:
            self._positions.insert(new, work)
        else:
            self._positions.change(row, new, work)
        self._journal.positions.stage(new)
        return before, after

    def _flat(self, fill: Fill) -> Position:
        instrument = self._journal.instruments.get(fill.instrument)
        if instrument is None:
            raise Impossible(f"there is no instrument {fill.instrument}")
        return Position(fill.portfolio, fill.instrument, instrument["multiplier"])

    def _bill(self, fill: Fill, booking: str, work: Work) -> None:
        tariff = self._journal.tariff
        if tariff is None:
            return
        portfolio = self._journal.portfolio(fill.portfolio)
        row = {
            "user_id": portfolio["owner_id"],
            "kind": "trade",
            "reference": booking,
            "portfolio_id": portfolio["id"],
            "amount": tariff.per_trade,
            "currency": tariff.currency,
            "at": fill.at,
            "detail": None,
        }
        self._charges.insert(row, work)

    def _set_state(self, changed: TradingStateChanged, work: Work) -> None:
        before = self._journal.states.get(changed.scope)
        row = {
            "scope": changed.scope,
            "state": changed.state.value,
            "reason": changed.reason,
            "at": changed.at,
        }
        if before is None:
            self._states.insert(row, work)
        else:
            self._states.change(before, row, work)
        self._journal.states.stage(row)

    def _advance(self, before: Stored, work: Work, status: OrderStatus, filled: Decimal = ZERO) -> None:
        after = before | {"status": status.value}
        if filled:
            after["filled"] = before["filled"] + filled
        self._orders.change(before, after, work)
        self._journal.orders.stage(after)

    def _tell(  # noqa: PLR0913, PLR0917 - the columns of an event
        self, order: Stored, work: Work, status: OrderStatus, at: int, reason: str, exec_id: str | None = None
    ) -> None:
        row = {
            "seq": self._journal.next_seq(),
            "portfolio_id": order["portfolio_id"],
            "client_order_id": order["client_order_id"],
            "status": status.value,
            "at": at,
            "reason": reason,
            "exec_id": exec_id,
        }
        self._events.insert(row, work)


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


def _fill_row(fill: Fill, portfolio_id: int) -> Stored:
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


def _position_of(portfolio: str, row: Stored) -> Position:
    names = ("instrument", "multiplier", "quantity", "cost", "realised", "fees", "round_trips")
    return Position(portfolio, *(row[name] for name in names))


def _position_row(position: Position, portfolio_id: int, at: int) -> dict[str, Any]:
    return {
        "portfolio_id": portfolio_id,
        "instrument": position.instrument,
        "multiplier": position.multiplier,
        "quantity": position.quantity,
        "cost": position.cost,
        "realised": position.realised,
        "fees": position.fees,
        "round_trips": position.round_trips,
        "at": at,
    }
