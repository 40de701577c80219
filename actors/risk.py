"""The risk gate: the only door between a proposed order and the desk."""

from collections.abc import AsyncGenerator, Iterator
from decimal import Decimal
from math import inf

from bus import SECOND, Actor, Pressure, PressureChanged, on
from lts.config.schema import RiskPlan
from lts.domain.exposure import Exposure
from lts.domain.journal import RecallOrders, RecallTradingStates
from lts.domain.market import Bar, Instrument, Quote, Trade
from lts.domain.money import ZERO, exact, plain
from lts.domain.order_flow import (
    CancelAll,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderProposed,
)
from lts.domain.orders import ApprovedOrder, Order
from lts.domain.risk import SetTradingState, TradingState, TradingStateChanged
from lts.domain.storage import FactNotKept
from lts.domain.throttle import Throttle

SYSTEM = "system"


class RiskGate(Actor[RiskPlan]):
    """Denies what breaks a limit, reserves for what it approves, and owns the trading state.

    Limits hold for each portfolio by itself. A limit that is not set does not apply; the
    structural checks always do. `assignment` is the instruments by symbol.
    """

    publishes = (OrderApproved, OrderDenied, TradingStateChanged)
    asks = (CancelAll, RecallOrders, RecallTradingStates)

    assignment: dict[str, Instrument]

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up the trading states, positions and reservations that the journal knows."""
        self.market: dict[str, Bar | Quote | Trade] = {}
        self.exposures: dict[str, Exposure] = {}
        self.throttles: dict[str, Throttle] = {}
        self.seen: set[str] = set()
        self.limited = any(limit is not None for _, limit in self.params)
        recalled = await self.ask(RecallTradingStates())
        self.states = {each.scope: each.state for each in recalled.states}
        for record in (await self.ask(RecallOrders())).records:
            exposure = self._exposure(record.order.portfolio)
            self.seen.add(record.order.client_order_id)
            for fill in record.fills:
                exposure.fill(fill)
            if record.leaves:
                exposure.reserve(record.order, record.leaves)
        yield

    @on
    def watch(self, news: Bar | Quote | Trade) -> None:
        """Remember the last that was heard of each instrument."""
        self.market[news.instrument] = news

    @on
    def screen(self, proposed: OrderProposed) -> None:
        """Let an order pass, or say why not."""
        order = proposed.order
        if objection := self._objection_to(order):
            self.log.info("order denied", order=order.client_order_id, reason=objection)
            self.publish(OrderDenied(order.portfolio, order, objection, self.clock.now()))
            return
        self.seen.add(order.client_order_id)
        self._exposure(order.portfolio).reserve(order)
        self.publish(OrderApproved(order.portfolio, ApprovedOrder.of(order)))

    @on
    def settle(self, filled: OrderFilled) -> None:
        """Turn a reservation into a position."""
        exposure = self._exposure(filled.portfolio)
        exposure.fill(filled.fill)
        if filled.status.is_closed:
            exposure.release(filled.fill.client_order_id)

    @on
    def release(self, changed: OrderChanged) -> None:
        """Give back what a closed order had reserved."""
        if changed.status.is_closed:
            self._exposure(changed.portfolio).release(changed.client_order_id)

    @on
    def set_state(self, command: SetTradingState) -> TradingStateChanged:
        """Put a scope ("system" or "portfolio:<name>") into a trading state; a halt cancels its orders."""
        changed = TradingStateChanged(command.scope, command.state, command.reason, self.clock.now())
        self.states[command.scope] = command.state
        self.log.warning(
            "trading state", scope=command.scope, state=command.state.value, reason=command.reason
        )
        self.publish(changed)
        if command.state is TradingState.HALTED:
            self.send(
                CancelAll(None if command.scope == SYSTEM else command.scope.removeprefix("portfolio:"))
            )
        return changed

    @on
    def brake(self, pressure: PressureChanged) -> None:
        """Take no new risk while the system cannot keep up with itself."""
        if (
            pressure.pressure is Pressure.HARD
            and self.states.get(SYSTEM, TradingState.ACTIVE) is TradingState.ACTIVE
        ):
            reason = f"{pressure.depth} messages wait for {pressure.actor}"
            self.set_state(SetTradingState(SYSTEM, TradingState.REDUCING, reason))

    @on
    def doubt(self, lost: FactNotKept) -> None:
        """Take no new risk when the books are not what happened."""
        if self.states.get(SYSTEM, TradingState.ACTIVE) is TradingState.ACTIVE:
            reason = f"{lost.fact} could not be kept: {lost.reason}"
            self.set_state(SetTradingState(SYSTEM, TradingState.REDUCING, reason))

    def _objection_to(self, order: Order) -> str:
        """Why an order may not pass; empty if it may."""
        instrument = self.assignment.get(order.instrument)
        if self.states and (barred := self._barred(order)):
            return barred
        if order.client_order_id in self.seen:
            return f"duplicate of {order.client_order_id}"
        if instrument is None:
            return f"unknown instrument {order.instrument}"
        if objection := _objection_to_amounts_of(order) or self._objection_to_price_of(order.instrument):
            return objection
        return next(self._broken_limits(order, instrument), "") if self.limited else ""

    def _objection_to_price_of(self, symbol: str) -> str:
        """Why an instrument cannot be valued now; empty if it can."""
        if symbol not in self.market:
            return f"no price of {symbol} has been seen"
        price = _price(self.market[symbol])
        return "" if 0 < price < inf else f"the last price of {symbol}, {price}, is not a positive number"

    def _barred(self, order: Order) -> str:
        """What the trading state, the strictest that applies, has against an order."""
        scopes = (SYSTEM, f"portfolio:{order.portfolio}")
        state = max(self.states.get(scope, TradingState.ACTIVE) for scope in scopes)
        if state is TradingState.HALTED:
            return "trading is halted"
        if state is TradingState.REDUCING and not self._exposure(order.portfolio).reduces(order):
            return "only orders that reduce a position may pass"
        return ""

    def _broken_limits(self, order: Order, instrument: Instrument) -> Iterator[str]:
        """Each limit that an order breaks; only one that breaks no other uses up the throttle."""
        limits, now = self.params, self.clock.now()
        exposure = self._exposure(order.portfolio)
        reference, priced_at = _reference(self.market[order.instrument])
        price = reference if order.limit_price is None else order.limit_price
        if limits.max_price_age_s is not None and now - priced_at > limits.max_price_age_s * SECOND:
            yield f"max_price_age_s: the last price is {(now - priced_at) / SECOND:g} s old"
        if limits.price_collar_bps is not None:
            off = abs(price - reference) / reference * 10_000
            if off > limits.price_collar_bps:
                yield f"price_collar_bps: {plain(price)} is {off:.1f} bps off {plain(reference)}"
        if limits.max_order_quantity is not None and order.quantity > limits.max_order_quantity:
            yield f"max_order_quantity: {plain(order.quantity)} > {plain(limits.max_order_quantity)}"
        value = order.quantity * price * instrument.multiplier
        if limits.max_order_value is not None and value > limits.max_order_value:
            yield f"max_order_value: {plain(value)} > {plain(limits.max_order_value)}"
        if limits.max_exposure is not None and not exposure.reduces(order):
            unpriced = next(filter(None, map(self._objection_to_price_of, exposure.instruments)), "")
            total = ZERO if unpriced else exposure.value_with(order, self._value)
            if unpriced or total > limits.max_exposure:
                yield f"max_exposure: {unpriced or f'{plain(total)} > {plain(limits.max_exposure)}'}"
        if limits.max_messages_per_s is not None and not self._throttle(order.portfolio).take(now):
            yield f"max_messages_per_s: more than {plain(limits.max_messages_per_s)} a second"

    def _value(self, symbol: str, quantity: Decimal) -> Decimal:
        reference, _ = _reference(self.market[symbol])
        return abs(quantity) * reference * self.assignment[symbol].multiplier

    def _exposure(self, portfolio: str) -> Exposure:
        if portfolio not in self.exposures:
            self.exposures[portfolio] = Exposure()
        return self.exposures[portfolio]

    def _throttle(self, portfolio: str) -> Throttle:
        if portfolio not in self.throttles:
            self.throttles[portfolio] = Throttle(float(self.params.max_messages_per_s or 0))
        return self.throttles[portfolio]


def _objection_to_amounts_of(order: Order) -> str:
    """Why what an order says cannot be traded; empty if it can."""
    if not _is_positive(order.quantity):
        return f"the quantity {order.quantity} is not a positive number"
    if order.limit_price is not None and not _is_positive(order.limit_price):
        return f"the limit price {order.limit_price} is not a positive number"
    return ""


def _is_positive(amount: Decimal) -> bool:
    return amount.is_finite() and amount > 0


def _price(news: Bar | Quote | Trade) -> float:
    """The price by which an order is judged, as it came in."""
    if isinstance(news, Bar):
        return news.close
    return news.price if isinstance(news, Trade) else (news.bid + news.ask) / 2


def _reference(news: Bar | Quote | Trade) -> tuple[Decimal, int]:
    """The same exactly, and when it was seen."""
    return exact(_price(news)), news.closed_at if isinstance(news, Bar) else news.at
