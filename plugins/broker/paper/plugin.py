"""A venue on paper: it fills orders on the market data that the feed publishes."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from decimal import Decimal

from lts.sdk import (
    SECOND,
    AmendOrder,
    ApprovedOrder,
    AskError,
    Bar,
    BarOpened,
    Broker,
    Event,
    ExecutionReport,
    FinancingCharged,
    FinancingReport,
    Instrument,
    OrderRecord,
    OrderStatus,
    PlaceOrder,
    Position,
    QueryOrder,
    Quote,
    RecallOrders,
    RecentBars,
    Terms,
    Trade,
    WithdrawOrder,
    on,
    unrounded,
)

from .amendment import cleaned, rework
from .commission import Commission
from .financing import Financing
from .gate import Gate
from .holdings import Holdings
from .market import follow_bar, meet_open, meet_quote, meet_trade
from .params import PaperParams
from .slippage import Slippage
from .ticket import Ticket, in_line, keeps_its_place

INITIALIZED, PENDING_CANCEL = OrderStatus.INITIALIZED, OrderStatus.PENDING_CANCEL
PENDING_UPDATE = OrderStatus.PENDING_UPDATE
UNANSWERED = frozenset({OrderStatus.SUBMITTED, OrderStatus.UNKNOWN})
MILLISECOND = SECOND // 1_000
JUST_AFTER = 1_000
"""Nanoseconds after the end of an order's time at which somebody looks: a bar that ends then is first."""

Wish = PlaceOrder | WithdrawOrder | AmendOrder | QueryOrder


class Arrived(Event):
    """A word of the venue to itself: what was sent to it a while ago is here."""

    wish: Wish


class Returned(Event):
    """A word of the venue to itself: what it said a while ago has reached the desk."""

    report: ExecutionReport | FinancingReport


class TimeIsUp(Event):
    """A word of the venue to itself: an order's time is over."""

    client_order_id: str


class PaperBroker(Broker[PaperParams]):
    """A venue whose rules its README states: by default, whole fills at the opens and limits of bars."""

    positions = frozenset({"netting", "hedging"})

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up the orders that were working before a restart, also those that had no answer yet.

        The journal is all that this venue has: what it holds as sent has arrived, and what was on its
        way back to the desk has not happened.
        """
        params = self.params
        self.on_bars = params.match_on == "bars"
        self.on_quotes, self.on_trades = params.match_on == "quotes", params.match_on == "trades"
        self.participation, self.queue_ahead = params.participation, params.queue_ahead
        self.order_delay, self.report_delay = params.order_latency_ms / 1e3, params.report_latency_ms / 1e3
        self.working: dict[str, dict[str, Ticket]] = {symbol: {} for symbol in self.instruments}
        self.tickets: dict[str, Ticket] = {}
        self.ended: dict[str, ExecutionReport | None] = {}
        """What was said last of each order that is over."""
        self.said: ExecutionReport | None = None
        self.commission, self.slippage, self.holdings = Commission(params), Slippage(params), Holdings()
        self.gate = Gate(params, self.instruments)
        self.margin, self.marks = self.gate.margin, self.gate.marks
        self.financing: Financing | None = None
        if params.finances:
            self.financing = Financing(params, self.instruments, self.holdings)
        recalled = await self.ask(RecallOrders(broker=self.assignment.broker))
        for snapshot in recalled.snapshots:
            self._bring_forward(snapshot.position, snapshot.at)
        for record in sorted(recalled.records, key=in_line):
            self._take_up(record)
        await self._recall_charges(recalled.financing)
        yield

    def objection_to_instrument(self, instrument: Instrument) -> str:
        """Return why an instrument cannot be traded beside the others."""
        return self.gate.objection_to_instrument(instrument)

    def take_up_instrument(self, instrument: Instrument) -> None:
        """Make room for its orders."""
        self.working[instrument.symbol] = {}

    # What is wanted of the venue

    @on
    def place(self, request: PlaceOrder) -> None:
        """Take an order in; it waits for the next price."""
        if not self._is_far(request):
            self._enter(request.order)

    @on
    def withdraw(self, request: WithdrawOrder) -> None:
        """Take an order out."""
        if not self._is_far(request):
            self._withdraw(request.client_order_id)

    @on
    def amend(self, request: AmendOrder) -> None:
        """Work an order on other terms."""
        if not self._is_far(request):
            self._amend(request.client_order_id, request.terms)

    @on
    def query(self, request: QueryOrder) -> None:
        """Say where an order stands."""
        if not self._is_far(request):
            self._tell(request.client_order_id)

    @on
    def receive(self, arrived: Arrived) -> None:
        """Do what was asked for a while ago."""
        match arrived.wish:
            case PlaceOrder(order=order):
                self._enter(order)
            case WithdrawOrder(client_order_id=client_order_id):
                self._withdraw(client_order_id)
            case AmendOrder(client_order_id=client_order_id, terms=terms):
                self._amend(client_order_id, terms)
            case QueryOrder(client_order_id=client_order_id):
                self._tell(client_order_id)

    # What the market does

    @on
    def trade_at_the_open(self, opened: BarOpened) -> None:
        """Have the orders meet the first price of a bar."""
        if self.marks is not None:
            self._hear(opened.instrument, opened.open)
        working = self.working[opened.instrument]
        if working and self.on_bars:
            meet_open(self, working.values(), opened.open)

    @on
    def trade_within_the_bar(self, bar: Bar) -> None:
        """Lead the orders along the path of a bar."""
        if self.marks is not None:
            self._hear(bar.instrument, bar.close)
        working = self.working[bar.instrument]
        if working and self.on_bars:
            follow_bar(self, working.values(), bar)

    @on
    def trade_on_the_quote(self, quote: Quote) -> None:
        """Have the orders meet the prices at which others sell and buy."""
        if self.on_quotes:
            if self.marks is not None and 0 < quote.bid <= quote.ask:
                self._hear(quote.instrument, (quote.bid + quote.ask) / 2)
            if working := self.working[quote.instrument]:
                meet_quote(self, working.values(), quote)

    @on
    def trade_on_the_trade(self, trade: Trade) -> None:
        """Have the orders meet a price at which others traded."""
        if self.on_trades:
            if self.marks is not None:
                self._hear(trade.instrument, trade.price)
            if working := self.working[trade.instrument]:
                meet_trade(self, working.values(), trade)

    @on
    def look_at_the_time(self, up: TimeIsUp) -> None:
        """End an order whose time is over, also where nothing trades."""
        if ticket := self.tickets.get(up.client_order_id):
            ticket.timed = False
            self.is_late(ticket)

    @on
    def hand_over(self, returned: Returned) -> None:
        """Publish what has reached the desk."""
        Broker.publish(self, returned.report)

    # What becomes of an order, as matching sees it

    def is_late(self, ticket: Ticket) -> bool:
        """End an order whose time is over, and return whether it is; if not, have somebody look then."""
        end, now = ticket.expires_at, self.clock.now()
        if end is None:
            return False
        if end <= now:
            self.expired(ticket.client_order_id, "its time is over", end)
            self._end(ticket)
            return True
        if not ticket.timed:
            ticket.timed = True
            self.after((end - now + JUST_AFTER) / SECOND, TimeIsUp(ticket.client_order_id))
        return False

    def reducible(self, ticket: Ticket) -> Decimal:
        """Return how much an order may trade until its position is flat; for callers that are `unrounded`."""
        return self.holdings.reducible(ticket)

    def wake(self, ticket: Ticket) -> None:
        """Trigger a stop: from now on it is a market or a limit order."""
        ticket.asleep = False
        self.triggered(ticket.order)

    def trail(self, ticket: Ticket, price: Decimal) -> None:
        """Move a trailing trigger after a price, and tell where it is, so that a restart finds it there."""
        if ticket.offset is not None:
            tick = self.instruments[ticket.order.instrument].tick_size
            if ticket.trail(price, tick * self.params.trailing_step_ticks):
                self.updated(ticket.order, ticket.terms)

    def fill(self, ticket: Ticket, quantity: Decimal, price: Decimal) -> None:
        """Execute an order, whole or in part, for what the tariff says; for callers that are `unrounded`."""
        order = ticket.order
        instrument = self.instruments[order.instrument]
        if ticket.limit is None:
            price = self.slippage.slipped(price, order.side, instrument)
        ticket.filled += quantity
        ticket.executions += 1
        fee = self.commission.of(ticket, quantity, price, instrument)
        whole = quantity == ticket.quantity
        exec_id = ticket.client_order_id if whole else f"{ticket.client_order_id}/{ticket.executions}"
        self.filled(order, quantity, price, fee, exec_id)
        self.holdings.add(order, quantity)
        if self.margin is not None:
            self.margin.add(order, quantity, price, fee)
        if self.financing is not None:
            self.financing.trade((order.portfolio, order.instrument, order.position), self.clock.now())
        if whole or ticket.filled == ticket.quantity:
            self._end(ticket)

    def cancel(self, ticket: Ticket, reason: str = "") -> None:
        """End an order before it has traded whole."""
        self.canceled(ticket.client_order_id, reason)
        self._end(ticket)

    def publish(self, event: Event) -> None:
        """Tell the desk: at once, or when the news has reached it."""
        if isinstance(event, ExecutionReport):
            self.said = event
        if self.report_delay and isinstance(event, ExecutionReport | FinancingReport):
            self.after(self.report_delay, Returned(event))
        else:
            Broker.publish(self, event)

    # What holding costs

    def _hear(self, symbol: str, price: float) -> None:
        """Remember a price, when all is charged for the nights before it came."""
        assert self.marks is not None  # noqa: S101 - who calls has looked
        if self.financing is not None:
            self.marks.setdefault(symbol, price)
            for portfolio, instrument, amount, charge_id, at in self.financing.due(
                self.marks, self.clock.now()
            ):
                if self.margin is not None:
                    self.margin.pay(portfolio, amount)
                self.financed(instrument, amount, charge_id, portfolio=portfolio, at=at)
        self.marks[symbol] = price

    async def _recall_charges(self, charges: Iterable[FinancingCharged]) -> None:
        """Go on with what was charged, at the last prices before now, where a feed remembers them."""
        if self.margin is not None:
            for charged in charges:
                self.margin.pay(charged.portfolio, charged.amount)
        if self.financing is None or self.marks is None:
            return
        self.financing.recall(charges)
        for symbol in sorted(self.financing.held):
            with suppress(AskError):
                for bar in (await self.ask(RecentBars(symbol, 1))).bars:
                    self.marks[symbol] = bar.close

    # How orders come in, change and go

    def _is_far(self, wish: Wish) -> bool:
        """Whether a request is on its way to the venue for a while; if so, it arrives later."""
        if self.order_delay:
            self.after(self.order_delay, Arrived(wish))
            return True
        return False

    def _enter(self, order: ApprovedOrder) -> None:
        """Take an order in, or reject it; one whose id was here before is the same once more."""
        client_order_id = order.client_order_id
        if client_order_id in self.tickets or client_order_id in self.ended:
            return
        ticket = Ticket(order, self.clock.now())
        if objection := self.gate.objection(ticket, self.tickets, ticket.since):
            self.rejected(order, objection)
            self.ended[client_order_id] = self.said
        else:
            self.accepted(order)
            self._work(ticket)

    def _work(self, ticket: Ticket) -> None:
        """Put an order behind all that work."""
        ticket.ahead = self.queue_ahead
        self.tickets[ticket.client_order_id] = ticket
        self.working[ticket.order.instrument][ticket.client_order_id] = ticket
        if ticket.expires_at is not None and self.clock.now():
            self.is_late(ticket)

    def _end(self, ticket: Ticket) -> None:
        ticket.over = True
        del self.tickets[ticket.client_order_id]
        del self.working[ticket.order.instrument][ticket.client_order_id]
        self.ended[ticket.client_order_id] = self.said

    def _withdraw(self, client_order_id: str) -> None:
        if ticket := self.tickets.get(client_order_id):
            self.cancel(ticket)

    @unrounded
    def _amend(self, client_order_id: str, terms: Terms) -> None:
        ticket = self.tickets.get(client_order_id)
        if ticket is None or self.is_late(ticket):
            self.update_rejected(client_order_id, "it is not working here")
            return
        terms = cleaned(ticket, terms)
        if objection := self.gate.objection_to_amending(ticket, terms, self.tickets):
            self.update_rejected(client_order_id, objection)
            return
        if not keeps_its_place(ticket.terms, terms):
            del self.working[ticket.order.instrument][client_order_id]
            ticket.since, ticket.fresh = self.clock.now(), True
            self._work(ticket)
        rework(ticket, terms)
        self.updated(client_order_id, ticket.terms)

    def _tell(self, client_order_id: str) -> None:
        """Say where an order stands; what is not here and never was has not arrived, and never will."""
        ticket = self.tickets.get(client_order_id)
        if ticket is not None:
            self.accepted(client_order_id)
            if ticket.trigger is not None and not ticket.asleep:
                self.triggered(client_order_id)
            if ticket.terms != ticket.order.terms:
                self.updated(client_order_id, ticket.terms)
        elif client_order_id not in self.ended:
            self.absent(client_order_id, "not received")
            self.ended[client_order_id] = self.said
        elif (end := self.ended[client_order_id]) is not None:
            self.publish(end)

    # What a restart finds

    @unrounded
    def _bring_forward(self, position: Position, at: int) -> None:
        """Begin with what archived orders have led to."""
        self.holdings.bring_forward(position)
        if self.financing is not None:
            self.financing.bring_forward(position, at)
        if self.margin is not None and position.instrument in self.instruments:
            self.margin.bring_forward(position)

    @unrounded
    def _take_up(self, record: OrderRecord) -> None:
        """Go on with an order where the journal has it, and answer what was not answered."""
        order, status = record.order, record.status
        instrument = self.instruments.get(order.instrument)
        for fill in record.fills:
            self.holdings.add(order, fill.quantity)
            if self.margin is not None and instrument is not None:
                self.margin.add(order, fill.quantity, fill.price, fill.fee)
        if record.fills and self.financing is not None:
            self.financing.take_up(record)
        if status.is_closed:
            self.ended[order.client_order_id] = None
        elif status is not INITIALIZED and isinstance(order, ApprovedOrder):
            if instrument is None:
                self.canceled(order.client_order_id, f"{order.instrument} is no longer traded here")
                return
            delay = self.params.order_latency_ms * MILLISECOND
            if status in UNANSWERED:
                self.accepted(order)
            elif status is PENDING_UPDATE:
                self.update_rejected(order, "the venue was away")
            ticket = Ticket.recalled(record, order, delay, instrument.multiplier)
            self._work(ticket)
            if status is PENDING_CANCEL and not ticket.over:
                self.cancel(ticket)
