"""A venue on paper: fills orders on the bars that the feed publishes."""

from collections.abc import AsyncGenerator
from decimal import Decimal

from pydantic import Field

from lts.sdk import (
    ApprovedOrder,
    Bar,
    BarOpened,
    Broker,
    OrderStatus,
    OrderType,
    Params,
    PlaceOrder,
    Side,
    TimeInForce,
    WithdrawOrder,
    exact,
    on,
    unrounded,
)

NONE = Decimal(0)
MARKET, LIMIT, IOC = OrderType.MARKET, OrderType.LIMIT, TimeInForce.IOC
BPS = Decimal("0.0001")
UNANSWERED = frozenset({OrderStatus.SUBMITTED, OrderStatus.UNKNOWN})
WORKING = UNANSWERED | {OrderStatus.ACCEPTED, OrderStatus.PENDING_CANCEL}


class PaperParams(Params):
    """What trading costs."""

    commission_bps: Decimal = Field(
        Decimal(0), ge=0, le=10_000, decimal_places=18, description="Of the notional, unrounded."
    )
    slippage_bps: Decimal = Field(
        Decimal(0), ge=0, lt=10_000, decimal_places=18, description="Of the price, against market orders."
    )


class PaperBroker(Broker[PaperParams]):
    """Fills whole orders at once, at prices that stood on the bars.

    A market order fills at the next open. A limit order fills at an open that is at its limit or
    better, else at its limit within the first whole bar that touches it; IOC has one open to do so.
    """

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up the orders that were working before a restart, also those that had no answer yet.

        The journal is all that this venue has: what it holds as sent has arrived.
        """
        self.working: dict[str, dict[str, ApprovedOrder]] = {symbol: {} for symbol in self.instruments}
        for record in await self.recalled_orders():
            order = record.order
            if record.status in WORKING and isinstance(order, ApprovedOrder):
                self.working[order.instrument][order.client_order_id] = order
                if record.status in UNANSWERED:
                    self.accepted(order)
        yield

    @on
    def place(self, request: PlaceOrder) -> None:
        """Take an order in; it waits for the next price."""
        order = request.order
        working = self.working.get(order.instrument)
        if working is None:
            self.rejected(order, f"{order.instrument} is not traded here")
        elif order.type is LIMIT and order.limit_price is None:
            self.rejected(order, "a limit order needs a limit")
        else:
            self.accepted(order)
            working[order.client_order_id] = order

    @on
    def withdraw(self, request: WithdrawOrder) -> None:
        """Take an order out."""
        for orders in self.working.values():
            if orders.pop(request.client_order_id, None):
                self.canceled(request.client_order_id)

    @on
    def trade_at_the_open(self, opened: BarOpened) -> None:
        """Fill what can trade at the first price of a bar."""
        working = self.working[opened.instrument]
        if not working:
            return
        price = exact(opened.open)
        for order in tuple(working.values()):
            if order.type is MARKET:
                self.fill(order, price, self.params.slippage_bps)
            elif order.limit_price is not None and _as_good(order.side, price, order.limit_price):
                self.fill(order, price)
            elif order.time_in_force is IOC:
                del working[order.client_order_id]
                self.canceled(order.client_order_id, "it could not trade at once")

    @on
    def trade_within_the_bar(self, bar: Bar) -> None:
        """Fill the limit orders that the bar touched, if they were there for the whole of it."""
        working = self.working[bar.instrument]
        if not working:
            return
        for order in tuple(working.values()):
            if order.limit_price is None or order.created_at > bar.opened_at:
                continue
            best = exact(bar.low if order.side is Side.BUY else bar.high)
            if _as_good(order.side, best, order.limit_price):
                self.fill(order, order.limit_price)

    @unrounded
    def fill(self, order: ApprovedOrder, price: Decimal, slippage_bps: Decimal = NONE) -> None:
        """Execute an order whole, at a price and so much worse, for commission on its notional."""
        if slippage_bps:
            price *= 1 + order.side.sign * slippage_bps * BPS
        notional = order.quantity * price * self.instruments[order.instrument].multiplier
        self.filled(order, order.quantity, price, notional * self.params.commission_bps * BPS)
        del self.working[order.instrument][order.client_order_id]


def _as_good(side: Side, price: Decimal, limit: Decimal) -> bool:
    return price <= limit if side is Side.BUY else price >= limit
