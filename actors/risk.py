"""The risk gate: the only door between a proposed order and the desk."""

from collections.abc import AsyncGenerator
from decimal import Decimal

import msgspec

from bus import Actor, DeadLetter, on
from lts.config.schema import RiskPlan
from lts.domain.barriers import Barriers
from lts.domain.exposure import Exposure
from lts.domain.financing import FinancingCharged
from lts.domain.guard import Guard
from lts.domain.guards import Guards
from lts.domain.hedging import HedgedExposure, objection_to_place, placed, taken
from lts.domain.journal import RecallOrders
from lts.domain.loss_marks import LossesMarked, RecallLossMarks
from lts.domain.market import Bar, Quote, Trade
from lts.domain.order_flow import (
    CancelOrder,
    GetOrdersUnderWay,
    ModificationApproved,
    ModificationDenied,
    ModificationProposed,
    ModifyOrder,
    OrderAlarmed,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderProposed,
    OrdersUnderWay,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Entered, Order, OrderType, Terms, TimeInForce, objection_to
from lts.domain.portfolio_settings import PortfolioRegistered
from lts.domain.prices import Prices, is_usable, price_of
from lts.domain.proposal import Proposal
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.register import Register
from lts.domain.reservation import Reservation
from lts.domain.risk import (
    ExposureReported,
    GetExposure,
    GetTradingStates,
    HaltVerified,
    LimitBreached,
    TradingState,
    TradingStateChanged,
    TradingStatesReported,
)
from lts.domain.risk_book import RiskBook
from lts.domain.streams import DataResumed, DataStale

# Looked up once: reading a member off its class takes longer than comparing it.
_PENDING_CANCEL, _MARKET, _GTC = OrderStatus.PENDING_CANCEL, OrderType.MARKET, TimeInForce.GTC
_AT_WORK = frozenset({OrderStatus.ACCEPTED, OrderStatus.TRIGGERED, OrderStatus.PARTIALLY_FILLED})


class RiskGate(Actor[RiskPlan]):
    """Denies what breaks a limit or what a trading state bars, and reserves for what it approves.

    A limit that is not set costs nothing; the structural checks always apply. Working orders, and those
    of which nothing is known, count as if they were to trade.
    """

    publishes = (
        OrderApproved,
        OrderDenied,
        ModificationApproved,
        ModificationDenied,
        OrderAlarmed,
        LimitBreached,
        LossesMarked,
    )
    asks = (CancelOrder, RecallOrders, RecallLossMarks, GetTradingStates)

    assignment: Register

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up the trading states, positions and reservations that the journal knows."""
        self.instruments, self.hedging = self.assignment.instruments, self.assignment.hedging
        self.converts = bool(self.assignment.conversions)
        self.prices = Prices(self.instruments, self.assignment.conversions)
        self.market = self.prices.last
        self.marks: dict[str, float] = {}
        self.guards = Guards(self.params, self.assignment)
        self.guarded = self.guards.any
        self.attentive = self.guards.leaps or self.guards.losing
        self.book = RiskBook(self.assignment, self.guards, self.prices)
        if self.guards.losing:
            self.guards.resume((await self.ask(RecallLossMarks())).marks)
        self.book.take_up(await self.ask(RecallOrders()), self.clock.now())
        self.barriers = Barriers(self.assignment, (await self.ask(GetTradingStates())).states)
        yield

    # What the market says

    @on
    def watch(self, news: Bar | Quote | Trade) -> None:
        """Remember the last that was heard of each instrument."""
        if self.attentive:
            self._attend(news)
        self.market[news.instrument] = news

    @on
    def doubt(self, stale: DataStale) -> None:
        """Let nobody in by prices of which it is not known whether they are still those of the market."""
        self.prices.stale[stale.instrument] = f"nothing has been heard of {stale.instrument} for too long"

    @on
    def trust(self, resumed: DataResumed) -> None:
        """Take an instrument's prices for those of the market again."""
        self.prices.stale.pop(resumed.instrument, None)

    # What is wanted

    @on
    def screen(self, proposed: OrderProposed) -> None:
        """Let an order pass, or say why not."""
        order, now, hedges = proposed.order, self.clock.now(), False
        if self.hedging and order.broker in self.hedging:
            order, hedges = placed(order), True
        exposure = self.book.exposure(order.portfolio, order.broker, order.instrument, order.position)
        misplaced = order.position and objection_to_place(order, exposure, hedges=hedges)
        order = taken(order, exposure) if hedges else order
        if objection := misplaced or self._objection_to(order, exposure):
            self.book.seen.add(order.client_order_id)
            self.log.info("order denied", order=order.client_order_id, reason=objection)
            self.publish(OrderDenied(order.portfolio, order, objection, now))
            return
        self.book.reserve(order, exposure, now)
        self.publish(OrderApproved(order.portfolio, ApprovedOrder.of(order)))

    @on
    def try_again(self, dead: DeadLetter) -> None:
        """Look once more at a proposal that this gate failed at: its portfolio waits for an answer."""
        mine = dead.failed and dead.actor == self.name and isinstance(dead.message, OrderProposed)
        if mine and dead.message.order.client_order_id not in self.book.seen:
            self.screen(dead.message)

    @on
    def modify(self, command: ModifyOrder) -> ModificationApproved | ModificationDenied:
        """Let an order have other terms, or say why not."""
        answer = self._judge(command.client_order_id, command.terms)
        self.publish(answer)
        return answer

    @on
    def screen_terms(self, proposed: ModificationProposed) -> None:
        """Let an order have the terms that somebody entered by hand, or say why not."""
        self.publish(self._judge(proposed.client_order_id, proposed.terms, proposed.entered))

    @on
    def report_under_way(self, wanted: GetOrdersUnderWay) -> OrdersUnderWay:
        """Answer which orders of a portfolio may trade: one that is started anew has to count on them."""
        open_orders = (each.order for each in self.book.reservations.values())
        own = tuple(order for order in open_orders if order.portfolio == wanted.portfolio)
        return OrdersUnderWay(wanted.portfolio, own)

    # What became of it

    @on
    def settle(self, filled: OrderFilled) -> None:
        """Turn a reservation into a position."""
        self.book.fill(filled, self.clock.now())
        if self.guarded:
            for guard in self.guards.of(filled.portfolio, filled.fill.broker):
                self._measure(guard)
        if self.barriers.verified:
            fill = filled.fill
            self._alarm(fill.portfolio, fill.broker, fill.client_order_id, filled.status, "traded")

    @on
    def follow(self, changed: OrderChanged) -> None:
        """Reserve what an order may trade where it stands now: nothing if it is closed."""
        reservation = self.book.follow(changed)
        if reservation is None:
            return
        status = changed.status
        if self.guarded and status is _PENDING_CANCEL:
            self.guards.note_cancel(reservation.order, self.clock.now())
        if self.barriers.verified and status in _AT_WORK:
            order = reservation.order
            self._alarm(order.portfolio, order.broker, order.client_order_id, status, f"is {status}")

    @on
    def adjust(self, adjusted: PositionAdjusted) -> None:
        """Hold what an operator approved to be held."""
        self.book.adjust(adjusted)

    @on
    def charge(self, charged: FinancingCharged) -> None:
        """Count what was charged for what was held over night among the losses."""
        self.book.charge(charged)
        for guard in self.guards.of(charged.portfolio, charged.broker):
            self._measure(guard)

    @on
    def report(self, wanted: GetExposure) -> ExposureReported:
        """Answer what the portfolios of a scope hold."""
        return ExposureReported(wanted.scope, self.book.held(wanted.scope))

    @on
    def grow(self, _: PortfolioRegistered) -> None:
        """Measure the losses of users, accounts and the system with the capital of another portfolio."""
        for guard in self.guards.grow():
            self._keep_marks(guard)

    # The trading state

    @on
    def heed(self, changed: TradingStateChanged) -> None:
        """Let orders pass by the state that a scope is in; what an operator has reset is measured anew."""
        self.barriers.move(changed)
        guard = self.guards.guard(changed.scope)
        if guard is not None and changed.who and changed.state is TradingState.ACTIVE:
            guard.begin_anew()
            self._keep_marks(guard)

    @on
    def heed_all(self, reported: TradingStatesReported) -> None:
        """Take what holds from who knows, who was started anew."""
        self.barriers = Barriers(self.assignment, reported.states)

    @on
    def rest(self, verified: HaltVerified) -> None:
        """Take it for an alarm from now on when an order of a halted scope works or trades."""
        self.barriers.verify(verified.scope)

    # How it is done

    def _attend(self, news: Bar | Quote | Trade) -> None:
        """Compare a price with the one before it, and see who loses by it too much."""
        if self.guards.leaps:
            self.prices.leap(news)
        if not is_usable(news):
            return
        self.marks[news.instrument] = price_of(news)
        for guard in self.guards.losers(news.instrument):
            self._measure(guard)

    def _measure(self, guard: Guard) -> None:
        fell = guard.measure(self.marks, self.clock.now())
        self._keep_marks(guard)
        if fell:
            self._breach(guard, fell)

    def _keep_marks(self, guard: Guard) -> None:
        """Have it outlive this node from what the losses of a scope are measured."""
        now = self.clock.now()
        if guard.losses is not None and (marks := guard.losses.news(now)):
            self.publish(LossesMarked(guard.scope, marks, now))

    def _breach(self, guard: Guard, reason: str) -> None:
        """Tell, once, that a scope has to trade less until somebody has looked."""
        if not guard.breached:
            guard.breached = True
            self.publish(LimitBreached(guard.scope, guard.calls_for, reason, self.clock.now()))

    def _objection_to(self, order: Order, exposure: Exposure) -> str:
        """Why an order may not pass; empty if it may."""
        closes = False
        if self.barriers.states:
            closes = self.barriers.closes(order, exposure)
            reduces = exposure.reduces(order) or self._protects(order)
            barred = "" if closes else self.barriers.objection(order, reduces=reduces)
            if barred:
                return barred
        if order.client_order_id in self.book.seen:
            return f"duplicate of {order.client_order_id}"
        if order.instrument not in self.instruments:
            return f"unknown instrument {order.instrument}"
        objection = "" if _is_plain(order) else order.objection()
        if objection or closes:
            return objection
        if not (order.reduce_only or exposure.reduces(order)):
            objection = self._objection_to_market(order.instrument, order)
        return objection or (self._objection_of_guards(order, exposure) if self.guarded else "")

    def _protects(self, order: Order) -> bool:
        """Whether an order is an exit of one that may still trade."""
        return order.reduce_only and order.parent in self.book.reservations

    def _objection_to_market(self, symbol: str, order: Order) -> str:
        """Why an order cannot be judged by what its market says; empty if it can."""
        if objection := self.prices.objection(symbol):
            return objection
        if self.converts:
            currency = self.assignment.converted_into(order.portfolio)
            if objection := self.prices.objection_to_rate(symbol, currency):
                return objection
        stale = self.prices.stale
        return stale[symbol] if stale and symbol in stale else ""

    def _judge(
        self, name: str, terms: Terms, entered: Entered | None = None
    ) -> ModificationApproved | ModificationDenied:
        """Reserve what an order needs on other terms, or say why it may not have them."""
        reservation = self.book.reservations.get(name)
        if reservation is None:
            return ModificationDenied("", name, f"there is no open order {name}", entered)
        portfolio = reservation.order.portfolio
        if objection := self._objection_to_terms(reservation, terms):
            return ModificationDenied(portfolio, name, objection, entered)
        reservation.want(terms)
        return ModificationApproved(portfolio, name, terms, entered)

    def _objection_to_terms(self, reservation: Reservation, terms: Terms) -> str:
        """Why an order may not have other terms; empty if it may."""
        order, exposure = reservation.order, reservation.exposure
        if objection := reservation.objection(terms) or objection_to(order.type, terms):
            return objection
        added = reservation.would_add(terms)
        if isinstance(exposure, HedgedExposure) and (beyond := exposure.objection(order, added)):
            return beyond
        reduces = order.reduce_only or added < 0
        if self.barriers.states and (barred := self.barriers.objection(order, reduces=reduces)):
            return barred
        objection = "" if order.reduce_only else self._objection_to_market(order.instrument, order)
        if objection or not self.guarded:
            return objection
        wanted = msgspec.structs.replace(order, **msgspec.structs.asdict(terms))
        return self._objection_of_guards(wanted, exposure, added)

    def _objection_of_guards(self, order: Order, exposure: Exposure, added: Decimal | None = None) -> str:
        """Why limits have something against an order, new or on other terms; empty if they have not."""
        now, portfolio, broker = self.clock.now(), order.portfolio, order.broker
        currency = self.assignment.converted_into(portfolio) if self.converts else ""
        proposal = Proposal(
            order, self.instruments[order.instrument], exposure, self.prices, now, added, currency
        )
        matching = None if proposal.exits else self.book.matching
        if matching is not None and self.guards.prevents_self_match(portfolio, broker):
            matched = matching.objection(self.book.owner(portfolio), proposal)
            if matched:
                return f"self_match_prevention: {matched}"
        objection = self.guards.objection(proposal)
        if objection is None:
            return ""
        if objection.latches:
            self._breach(objection.guard, objection.reason)
        return objection.reason

    def _alarm(self, portfolio: str, broker: str, name: str, status: OrderStatus, said: str) -> None:
        """Call somebody to an order that lives on where nothing was open any more, and cancel it."""
        if scope := self.barriers.rests(portfolio, broker):
            alarm = f"{scope} is halted, and it {said}"
            self.log.error("order alarm", order=name, alarm=alarm)
            self.publish(OrderAlarmed(portfolio, name, alarm, self.clock.now()))
            if status.is_open:
                self.send(CancelOrder(name))


def _is_plain(order: Order) -> bool:
    """Whether it is the most common order there is, to which there is no objection: it is found out fast."""
    return (
        order.type is _MARKET
        and order.time_in_force is _GTC
        and order.limit_price is None
        and order.trigger_price is None
        and order.trailing_offset is None
        and order.expires_at is None
        and not (order.post_only or order.parent)
        and order.quantity.is_finite()
        and order.quantity > 0
    )
