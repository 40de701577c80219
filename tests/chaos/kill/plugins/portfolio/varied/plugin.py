"""Trades what it wants by orders of every sort that the venue has."""

import os
from collections.abc import AsyncGenerator
from decimal import Decimal
from random import Random
from typing import Any

from pydantic import Field

from lts.domain.orders import client_order_id
from lts.sdk import (
    Instrument,
    Order,
    OrderProposed,
    OrderType,
    Params,
    Portfolio,
    Quote,
    Side,
    SignalRaised,
    TimeInForce,
    exact,
    on,
)

SORTS = ("market", "partial", "near", "at_once", "far", "stop", "bracket")
WEIGHTS = (8, 2, 5, 2, 1, 2, 2)


class VariedParams(Params):
    """How much it holds."""

    quantities: dict[str, Decimal] = Field(description="What a full signal holds, by instrument.")


class Varied(Portfolio[VariedParams]):
    """A fixed quantity of each, reached by market, limit and stop orders and by brackets."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Open the books."""
        self.quotes: dict[str, Quote] = {}
        self.draw = Random(f"{os.environ.get('KILL_SEED', '')} {self.assignment.portfolio}")
        async for _ in super().lifespan():
            yield

    @on
    def notice(self, quote: Quote) -> None:
        """Remember where the market is."""
        self.quotes[quote.instrument] = quote

    def size(self, signal: SignalRaised, instrument: Instrument) -> Decimal:
        """Return whole lots."""
        full = self.params.quantities[instrument.symbol]
        return instrument.quantity(full * exact(signal.target))

    def _propose(
        self, instrument: Instrument, missing: Decimal, *, reduce_only: bool = False, position: str = ""
    ) -> Order:
        quote = self.quotes.get(instrument.symbol)
        if reduce_only or quote is None:
            return super()._propose(instrument, missing, reduce_only=reduce_only, position=position)
        (sort,) = self.draw.choices(SORTS, WEIGHTS)
        side, ticks = (Side.BUY if missing > 0 else Side.SELL), self.draw.randint(1, 40)
        better = self._price(instrument, quote, side, -ticks)
        worse = self._price(instrument, quote, side, ticks)
        far = self._price(instrument, quote, side, -100 * ticks)
        how: dict[str, dict[str, Any]] = {
            "market": {},
            "partial": {"time_in_force": TimeInForce.IOC},
            "near": {"type": OrderType.LIMIT, "limit_price": better},
            "at_once": {"type": OrderType.LIMIT, "limit_price": worse},
            "far": {"type": OrderType.LIMIT, "limit_price": far},
            "stop": {"type": OrderType.STOP, "trigger_price": worse},
            "bracket": {},
        }
        order = self._order(instrument, side, abs(missing), **how[sort])
        self.leaves[instrument.symbol][order.client_order_id] = missing
        self.ordered[order.client_order_id] = missing
        self.publish(OrderProposed(order.portfolio, order))
        if sort == "bracket":
            self._propose_exits(instrument, quote, order)
        return order

    def _propose_exits(self, instrument: Instrument, quote: Quote, entry: Order) -> None:
        """Let a take-profit and a stop-loss wait for an entry."""
        out = Side.SELL if entry.side is Side.BUY else Side.BUY
        common = {
            "reduce_only": True,
            "parent": entry.client_order_id,
            "group": f"{entry.client_order_id}-x",
        }
        for more in (
            {"type": OrderType.LIMIT, "limit_price": self._price(instrument, quote, out, -60)},
            {"type": OrderType.STOP, "trigger_price": self._price(instrument, quote, out, 60)},
        ):
            order = self._order(instrument, out, entry.quantity, **common, **more)
            self.publish(OrderProposed(order.portfolio, order))

    def _order(self, instrument: Instrument, side: Side, quantity: Decimal, **more: Any) -> Order:
        symbol, portfolio = instrument.symbol, self.assignment.portfolio
        self.sequences[symbol] += 1
        parts = {
            "client_order_id": client_order_id(portfolio, symbol, self.sequences[symbol]),
            "portfolio": portfolio,
            "instrument": symbol,
            "broker": self.assignment.brokers[symbol],
            "side": side,
            "quantity": quantity,
            "type": OrderType.MARKET,
            "limit_price": None,
            "time_in_force": TimeInForce.GTC,
            "created_at": self.clock.now(),
        }
        return Order(**(parts | more))

    def _price(self, instrument: Instrument, quote: Quote, side: Side, ticks: int) -> Decimal:
        """A price so many ticks on the far side of the market; negative: on the near side."""
        market = instrument.price(quote.ask if side is Side.BUY else quote.bid)
        price: Decimal = market + side.sign * ticks * instrument.tick_size
        return max(price, instrument.tick_size)
