"""Orders for tests, and a desk that keeps their records and believes nothing."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec

from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged, FinancingReport
from lts.domain.journal import OrdersRecalled, RecallOrders
from lts.domain.money import ZERO
from lts.domain.order_flow import (
    ExecType,
    ExecutionReport,
    OrderChanged,
    OrderFilled,
    PlaceOrder,
    WithdrawOrder,
)
from lts.domain.order_record import IllegalTransition, OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, TimeInForce, client_order_id
from lts.domain.reports import path
from lts.testing.market import BEGIN, TEST
from lts.testing.stage import NAME


def market_order(  # noqa: PLR0913 - an order has as many parts; a test names few
    side: Side = Side.BUY,
    quantity: Decimal | int | str = 1,
    *,
    number: int = 1,
    instrument: str = TEST.symbol,
    portfolio: str = NAME,
    broker: str = NAME,
    at: int = BEGIN,
) -> ApprovedOrder:
    """Return an order to trade at once at whatever price; `number` makes its id."""
    return ApprovedOrder(
        client_order_id(portfolio, instrument, number),
        portfolio,
        instrument,
        broker,
        side,
        Decimal(quantity),
        OrderType.MARKET,
        None,
        TimeInForce.GTC,
        at,
    )


def limit_order(
    side: Side,
    quantity: Decimal | int | str,
    limit: Decimal | int | str,
    *,
    time_in_force: TimeInForce = TimeInForce.GTC,
    **more: Any,
) -> ApprovedOrder:
    """Return an order to trade at a price or better; `more` is what `market_order` takes."""
    return msgspec.structs.replace(
        market_order(side, quantity, **more),
        type=OrderType.LIMIT,
        limit_price=Decimal(limit),
        time_in_force=time_in_force,
    )


class WatchfulDesk:
    """Keeps the record of every order, and raises AssertionError at a report that must not be."""

    def __init__(self, broker: str = NAME, currency: str = TEST.currency) -> None:
        self.records: dict[str, OrderRecord] = {}
        self.exec_ids: set[str] = set()
        self.booked: list[Fill] = []
        """In the order in which they were booked."""
        self.charged: list[FinancingCharged] = []
        """What was paid, or came in, for positions that were held over night."""
        self._broker = broker
        self._currency = currency
        self._numbers: Iterator[int] = count(1)

    def place(self, order: Order) -> PlaceOrder:
        """Take an order on, and return the word for its broker."""
        approved = ApprovedOrder.of(order)
        record = self.records[order.client_order_id] = OrderRecord(approved)
        record.advance(OrderStatus.SUBMITTED, order.created_at)
        return PlaceOrder(order.broker, approved)

    def withdraw(self, client_order_id: str, at: int) -> WithdrawOrder:
        """Return the word for the broker that an order is no longer wanted."""
        record = self.records.get(client_order_id)
        if record and record.status.is_open and record.status is not OrderStatus.PENDING_CANCEL:
            record.advance(OrderStatus.PENDING_CANCEL, at)
        return WithdrawOrder(self._broker, client_order_id)

    def take(self, report: ExecutionReport) -> None:
        """Move an order by what its broker says of it."""
        assert report.broker == self._broker, f"{report} speaks for another broker"
        assert report.client_order_id in self.records, f"{report} is of an order that was never given"
        record = self.records[report.client_order_id]
        try:
            if report.kind is ExecType.FILLED:
                self._book(record, report)
            else:
                self._follow(record, report)
        except IllegalTransition as illegal:
            raise AssertionError(f"{report} must not be: {illegal}") from None

    def charge(self, report: FinancingReport) -> None:
        """Book what its broker says that a position has cost, or brought."""
        assert report.broker == self._broker, f"{report} speaks for another broker"
        assert report.id, f"{report} has no id"
        assert report.amount.is_finite(), f"{report} has an amount that is no number"
        assert report.currency == self._currency, f"{report} is in another currency than the instrument"
        charged = FinancingCharged(
            report.portfolio or NAME,
            report.broker,
            report.instrument,
            report.amount,
            report.currency,
            report.id,
            report.at,
        )
        known = {each.uid for each in self.charged}
        assert charged.uid not in known, f"{report} was charged before"
        self.charged.append(charged)

    def fill(
        self,
        order: Order,
        quantity: Decimal | int | str | None = None,
        price: Decimal | int | str = 100,
        fee: Decimal | int | str = 0,
        at: int = BEGIN,
    ) -> OrderFilled:
        """Have an order trade, all that is left of it or a part, and return the news."""
        record = self.records.get(order.client_order_id)
        if record is None:
            self.place(order)
            record = self.records[order.client_order_id]
        fill = Fill(
            order.portfolio,
            order.instrument,
            order.broker,
            order.client_order_id,
            f"x{next(self._numbers)}",
            order.side,
            record.leaves if quantity is None else Decimal(quantity),
            Decimal(price),
            Decimal(fee),
            self._currency,
            at,
            position=order.position,
        )
        record.book(fill)
        self.booked.append(fill)
        return OrderFilled(order.portfolio, fill, record.status)

    def close(self, order: Order, status: OrderStatus, at: int = BEGIN) -> OrderChanged:
        """End an order, and return the news."""
        if order.client_order_id not in self.records:
            self.place(order)
        self.records[order.client_order_id].advance(status, at)
        return OrderChanged(order.portfolio, order.client_order_id, status, at)

    def recall(self, wanted: RecallOrders) -> OrdersRecalled:
        """Answer as the journal would; for a bench's `answers`."""
        return OrdersRecalled(
            tuple(
                record.copy()
                for record in self.records.values()
                if wanted.portfolio in {None, record.order.portfolio}
                and wanted.broker in {None, record.order.broker}
            ),
            booked=tuple(
                fill
                for fill in self.booked
                if wanted.portfolio in {None, fill.portfolio} and wanted.broker in {None, fill.broker}
            ),
            financing=tuple(
                each
                for each in self.charged
                if wanted.portfolio in {None, each.portfolio} and wanted.broker in {None, each.broker}
            ),
        )

    def _follow(self, record: OrderRecord, report: ExecutionReport) -> None:
        record.carry(report.venue_order_id)
        if report.terms is not None:
            record.amend(report.terms, report.at)
        for status in path(record, report.kind):
            record.advance(status, report.at)

    def _book(self, record: OrderRecord, report: ExecutionReport) -> None:
        assert report.exec_id, f"{report} has no exec id"
        assert report.exec_id not in self.exec_ids, f"{report} repeats an exec id"
        self.exec_ids.add(report.exec_id)
        quantity, price = report.quantity, report.price
        assert quantity is not None, f"{report} has no quantity"
        assert price is not None, f"{report} has no price"
        for amount in (quantity, price, report.fee):
            assert amount.is_finite(), f"{report} has an amount that is no number"
        assert quantity > ZERO, f"{report} trades no quantity"
        order = record.order
        fill = Fill(
            order.portfolio,
            order.instrument,
            order.broker,
            order.client_order_id,
            report.exec_id,
            order.side,
            quantity,
            price,
            report.fee,
            self._currency,
            report.at,
            position=order.position,
        )
        alarm = record.book(fill)
        self.booked.append(fill)
        assert alarm is None, f"{report} must not be: {alarm}"
