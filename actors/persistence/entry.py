"""An entry in the journal: the rows that consecutive facts about orders lead to.

A fill is booked where it is journalled: position, ledger and order are in the same transaction, so
that they agree at every instant.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from actors.persistence.forms import (
    ADJUSTMENTS,
    CHARGES,
    CONDITIONS,
    EVENTS,
    FILLS,
    FINANCING,
    HEDGED,
    HEDGED_ADJUSTMENTS,
    LEDGER,
    MARKS,
    ORDERS,
    POSITIONS,
    RATES,
    STATES,
    TERMS,
    adjustment_row,
    booking_id,
    charge_row,
    conditions_row,
    fill_row,
    is_conditional,
    position_row,
    posting_rows,
    terms_row,
)
from actors.persistence.insertion import Stored
from actors.persistence.page import Page
from actors.persistence.readings import position_of
from actors.persistence.work import Batch, Impossible, Work
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.money import ZERO, unrounded
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Entered, Order
from lts.domain.portfolio import adjustment, financing, postings
from lts.domain.positions import Position
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingStateChanged

if TYPE_CHECKING:
    from actors.persistence.journal import Journal

News = OrderChanged | OrderFilled | OrderDenied | PositionAdjusted | FinancingCharged | TradingStateChanged
Fact = Order | News
"""An intent, or what became of one; what was adjusted or charged; or whether a scope may trade."""

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
        self._conditions = Page(CONDITIONS, batch)
        self._terms = Page(TERMS, batch)
        self._adjustments = Page(ADJUSTMENTS, batch)
        self._financing = Page(FINANCING, batch)
        self._hedged = Page(HEDGED, batch)
        self._hedged_adjustments = Page(HEDGED_ADJUSTMENTS, batch)
        self._rates = Page(RATES, batch)
        self._marks = Page(MARKS, batch)
        self._at = batch.at

    async def write(self) -> None:
        """Send the statements; what refers to another table comes after it."""
        for page in (self._orders, self._events, self._fills, self._positions, self._ledger):
            await page.write()
        for page in (self._conditions, self._terms, self._adjustments, self._financing):
            await page.write()
        for page in (self._rates, self._charges, self._states):
            await page.write()
        for page in (self._hedged, self._hedged_adjustments, self._marks):
            await page.write()

    def add(self, work: Work) -> None:
        """Add what one fact leads to."""
        match work.content:
            case Order() as order:
                self._intend(order, work, is_new=True)
            case OrderChanged() as changed:
                self._change(changed, work)
            case OrderFilled() as filled:
                self._fill(filled, work)
            case OrderDenied() as denied:
                self._deny(denied, work)
            case PositionAdjusted() as adjusted:
                self._adjust(adjusted, work)
            case FinancingCharged() as charged:
                self._charge(charged, work)
            case TradingStateChanged() as changed:
                self._set_state(changed, work)

    def _intend(
        self, order: Order, work: Work, status: OrderStatus = OrderStatus.INITIALIZED, *, is_new: bool = False
    ) -> Stored:
        portfolio = self._journal.portfolio(order.portfolio)
        if self._journal.is_archived(order):
            raise Impossible(f"an order {order.client_order_id} was archived, and an id is given once")
        if order.entered is not None:
            work = replace(work, who=order.entered.who)
            self._mark(order, order.entered, work, is_new=is_new)
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
        if is_conditional(order):
            own = {"client_order_id": order.client_order_id, "portfolio_id": portfolio["id"]}
            self._conditions.insert(own | conditions_row(order), work)
        return row

    def _mark(self, order: Order, entered: Entered, work: Work, *, is_new: bool) -> None:
        """Keep what the mark of an order leads to, once: a second order that has it is not to be sent."""
        if (mark := entered.mark) is None:
            return
        if self._journal.marks.get(mark.name) is None:
            row = {
                "user_name": mark.user,
                "request_key": mark.key,
                "digest": mark.digest,
                "kind": "order",
                "resource": order.client_order_id,
                "at": self._at,
            }
            self._marks.insert(row, work)
            self._journal.marks.stage(row)
        elif is_new:
            raise Impossible("its mark has led to another order")

    def _deny(self, denied: OrderDenied, work: Work) -> None:
        """Keep an order that risk did not let pass; the denial of a duplicate is none of the original's."""
        order = denied.order
        if self._journal.orders.get(order.client_order_id) is None and not self._journal.is_archived(order):
            row = self._intend(order, work, _DENIED)
            self._tell(row, work, _DENIED, denied.at, denied.reason)

    def _change(self, changed: OrderChanged, work: Work) -> None:
        before = self._journal.orders.get(changed.client_order_id)
        if before is None:
            unkept = self._journal.unkept.get(changed.client_order_id)
            if unkept is None:
                raise Impossible(f"there is no order {changed.client_order_id}")
            if self._journal.is_archived(unkept):
                return  # it was refused because of the one that has its id
            before = self._intend(unkept, work)
        self._advance(before, work, changed.status)
        seq = self._tell(before, work, changed.status, changed.at, changed.reason)
        if changed.venue_order_id or changed.terms is not None or changed.wanted is not None:
            self._terms.insert(terms_row(changed, before, seq), work)

    @unrounded
    def _fill(self, filled: OrderFilled, work: Work) -> None:
        fill = filled.fill
        order = self._journal.orders.get(fill.client_order_id)
        if order is None:
            known = "is archived" if self._journal.is_archived(fill) else "is not there"
            raise Impossible(f"the order {fill.client_order_id} {known}")
        self._advance(order, work, filled.status, fill.quantity)
        self._tell(order, work, filled.status, fill.at, "", fill.exec_id)
        self._fills.insert(fill_row(fill, order["portfolio_id"]), work)
        held = self._hold(fill, order["portfolio_id"], work)
        booking = booking_id(fill.uid)
        home = self._journal.portfolio(fill.portfolio)["currency"]
        for row in posting_rows(order["portfolio_id"], booking, postings(fill, *held, home), fill.at):
            self._ledger.insert(row, work)
        if fill.currency != home:
            self._convert(order["portfolio_id"], booking, fill.rate, work)
        self._bill(fill, booking, work)

    def _convert(self, portfolio_id: int, booking: str, rate: Decimal, work: Work) -> None:
        """Keep at what rate a booking was converted."""
        self._rates.insert({"portfolio_id": portfolio_id, "booking": booking, "rate": rate}, work)

    def _hold(self, fill: Fill, portfolio_id: int, work: Work) -> tuple[Position, Position]:
        """Fold a fill into its position; return the position before and after."""
        row = self._stored(fill, portfolio_id)
        before = self._flat(fill) if row is None else position_of(fill.portfolio, row)
        after = before.fold(fill)
        self._put_position(row, after, position_row(after, portfolio_id, fill.at), work)
        return before, after

    def _stored(self, booked: Fill | PositionAdjusted, portfolio_id: int) -> Stored | None:
        """Return the row of the position that is moved, None if there is none yet."""
        if booked.position:
            return self._journal.hedged.get((portfolio_id, booked.instrument, booked.position))
        return self._journal.positions.get((portfolio_id, booked.instrument))

    def _put_position(self, row: Stored | None, position: Position, new: Stored, work: Work) -> None:
        page, cache = self._positions, self._journal.positions
        if position.id:
            page, cache = self._hedged, self._journal.hedged
        if row is None:
            page.insert(new, work)
        else:
            page.change(row, new, work)
        cache.stage(new)

    @unrounded
    def _adjust(self, adjusted: PositionAdjusted, work: Work) -> None:
        """Keep what an operator approved, where it stands among the fills."""
        portfolio_id = self._journal.portfolio(adjusted.portfolio)["id"]
        row = self._stored(adjusted, portfolio_id)
        before = self._flat(adjusted) if row is None else position_of(adjusted.portfolio, row)
        after = before.adjust(adjusted.quantity, adjusted.price)
        self._put_position(row, after, position_row(after, portfolio_id, adjusted.at), work)
        instrument = self._journal.instruments.get(adjusted.instrument)
        currency = instrument["currency"] if instrument else ""
        moved = adjustment(before, after, currency)
        for entry in posting_rows(portfolio_id, booking_id(adjusted.uid), moved, adjusted.at):
            self._ledger.insert(entry, work)
        self._adjustments.insert(adjustment_row(adjusted, portfolio_id, self._journal.next_seq()), work)
        if adjusted.position:
            own = {"broker": adjusted.broker, "reference": adjusted.reference}
            self._hedged_adjustments.insert(own | {"position_ref": adjusted.position}, work)

    @unrounded
    def _charge(self, charged: FinancingCharged, work: Work) -> None:
        """Keep what was charged or credited for what was held over night."""
        portfolio = self._journal.portfolio(charged.portfolio)
        portfolio_id, home, booking = portfolio["id"], portfolio["currency"], booking_id(charged.uid)
        for entry in posting_rows(portfolio_id, booking, financing(charged, home), charged.at):
            self._ledger.insert(entry, work)
        if charged.currency != home:
            self._convert(portfolio_id, booking, charged.rate, work)
        self._financing.insert(charge_row(charged, portfolio_id), work)

    def _flat(self, booked: Fill | PositionAdjusted) -> Position:
        instrument = self._journal.instruments.get(booked.instrument)
        if instrument is None:
            raise Impossible(f"there is no instrument {booked.instrument}")
        return Position(booked.portfolio, booked.instrument, instrument["multiplier"], id=booked.position)

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
    ) -> int:
        seq = self._journal.next_seq()
        row = {
            "seq": seq,
            "portfolio_id": order["portfolio_id"],
            "client_order_id": order["client_order_id"],
            "status": status.value,
            "at": at,
            "reason": reason,
            "exec_id": exec_id,
        }
        self._events.insert(row, work)
        return seq
