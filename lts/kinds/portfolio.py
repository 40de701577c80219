"""A portfolio: one owner's money. It turns signals into orders, and fills into positions."""

from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

from bus import AskError, Event, on
from lts.config.schema import ProtectionPlan
from lts.domain.accounts import AccountReported, GetAccount, StandingTarget, TargetStood
from lts.domain.bracket import Bracket, Brackets, split
from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.journal import Deposit, RecallDeposits, RecallOrders
from lts.domain.market import Bar, Instrument, RecentBars
from lts.domain.money import EXACT, UNROUNDED, ZERO, exact, plain
from lts.domain.order_flow import (
    CancelOrder,
    GetOrdersUnderWay,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderProposed,
)
from lts.domain.order_record import OrderRecord
from lts.domain.orders import Order, OrderType, Side, TimeInForce, client_order_id
from lts.domain.plugins import Beat
from lts.domain.portfolio import Book
from lts.domain.positions import PositionChanged
from lts.domain.protection import EmergencyExit
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import ClosePositions
from lts.domain.signals import SignalRaised
from lts.domain.valuation import WAITING, Valuation
from lts.kinds.plugin import EVERYONE, MARKET_DATA, Params, Plugin

P = TypeVar("P", bound=Params)

# Looked up once: reading a member off its class takes longer than comparing it.
_BUY, _SELL, _MARKET, _GTC = Side.BUY, Side.SELL, OrderType.MARKET, TimeInForce.GTC


@dataclass(frozen=True, slots=True)
class PortfolioAssignment:
    """Whose money a portfolio keeps, and what it trades where."""

    portfolio: str
    owner: str
    currency: str
    cash: Decimal
    instruments: Mapping[str, Instrument]
    brokers: Mapping[str, str]
    """The broker of each instrument."""
    protection: Mapping[str, ProtectionPlan] = field(default_factory=dict)
    """What protects positions in an instrument, for those that are to be protected."""
    conversions: Conversions = NO_CONVERSIONS
    """How the currencies of instruments are converted into the portfolio's."""

    @property
    def heard(self) -> frozenset[str]:
        """The instruments of which it has to hear: those that it trades, and those whose prices are rates."""
        return self.conversions.symbols.union(self.instruments)


class AllBooked(Event):
    """A word of the portfolio to itself: what traded at this instant is booked, a signal can be sized."""

    signal: SignalRaised


class Portfolio(Plugin[P], Generic[P]):
    """Keeps the books and pursues the targets that strategies signal. Subclasses say how large: `size`.

    An entry into what is to be protected is proposed together with its exits, see `lts.domain.bracket`.
    """

    kind: ClassVar[str] = "portfolio"
    publishes = (OrderProposed, PositionChanged)
    hears = (
        *EVERYONE,
        *MARKET_DATA,
        Beat,
        SignalRaised,
        OrderFilled,
        OrderChanged,
        OrderDenied,
        PositionAdjusted,
        FinancingCharged,
        GetAccount,
        StandingTarget,
        ClosePositions,
        EmergencyExit,
        AllBooked,
    )
    asks = (GetOrdersUnderWay, RecallOrders, RecallDeposits, RecentBars, CancelOrder)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Open the books with the cash, and book what the journal knows."""
        kept: PortfolioAssignment = self.assignment
        self.book = Book(kept.portfolio, kept.currency, kept.instruments.values(), kept.conversions)
        recalled = await self.ask(RecallDeposits(kept.portfolio))
        for deposit in recalled.deposits or (Deposit("opening", kept.cash, self.clock.now()),):
            self.book.deposit(deposit.amount, deposit.at, deposit.reference)
        under_way = (await self.ask(GetOrdersUnderWay(kept.portfolio))).orders
        journal = await self.ask(RecallOrders(portfolio=kept.portfolio))
        self.sequences = dict.fromkeys(kept.instruments, 0)
        for snapshot in journal.snapshots:
            self.book.bring_forward(snapshot.position, snapshot.at, snapshot.converted)
            self.sequences[snapshot.position.instrument] += snapshot.orders
        for charged in journal.financing:
            self.book.charge(charged)
        self.valuation = Valuation(self.book)
        for snapshot in journal.snapshots:
            if currency := self.book.foreign.get(snapshot.position.instrument):
                self.valuation.begin_with(self.book.first_mark(currency, snapshot.rate))
        self.closes = self.valuation.closes
        self.targets: dict[str, float] = {}
        self.leaves: dict[str, dict[str, Decimal]] = {symbol: {} for symbol in kept.instruments}
        """What is under way, by instrument and order, negative for sales."""
        self.ordered: dict[str, Decimal] = {}
        """What each of these orders is for in all, likewise."""
        self.brackets = Brackets(kept.protection, kept.instruments)
        taken_out = self.brackets.recall(journal, under_way)
        self._take_up(journal.records, under_way)
        self.targets |= {symbol: side for symbol, side in taken_out.items() if not self.leaves[symbol]}
        for booked in journal.booked:
            if isinstance(booked, Fill):
                self._book(booked)
            else:
                self.book.adjust(booked)
        await self._recall_marks()
        self._lift(*self.brackets)
        yield

    @property
    def marks(self) -> dict[str, float]:
        """The last close of each instrument."""
        return self.valuation.marks

    def cost_of_one(self, instrument: Instrument) -> Decimal | None:
        """Return what one of an instrument is worth in the portfolio's currency, at the last closes.

        A contract counts with its multiplier; None where there is no price yet, or no rate.
        """
        close = self.marks.get(instrument.symbol)
        if close is None:
            return None
        rate = self.book.rate(instrument.symbol, self.marks)
        return EXACT.multiply(EXACT.multiply(instrument.price(close), instrument.multiplier), rate) or None

    @abstractmethod
    def size(self, signal: SignalRaised, instrument: Instrument) -> Decimal | None:
        """Return the position to hold for a signal, negative for short; None leaves things as they are."""

    @on
    def mark(self, bar: Bar) -> None:
        """Value what is held at the close."""
        self.closes.append(bar)
        if len(self.closes) > WAITING:
            self.valuation.catch_up()

    @on
    def pursue(self, signal: SignalRaised) -> None:
        """Propose what leads to a signal's target; of what has exits, when all is booked that they traded."""
        self.targets[signal.instrument] = signal.target
        if self.brackets and signal.instrument in self.brackets:
            self.after(0.0, AllBooked(signal))
        else:
            self._pursue(signal)

    @on
    def go_on(self, booked: AllBooked) -> None:
        """Propose what leads to the target of a signal that waited for what traded at its instant."""
        self._pursue(booked.signal)

    @on
    def settle(self, filled: OrderFilled) -> None:
        """Book a fill; one that was booked before changes nothing."""
        fill = filled.fill
        leaves = self.leaves[fill.instrument]
        if not self._book(fill):
            return
        if fill.client_order_id in leaves:
            left = leaves.pop(fill.client_order_id) - fill.side.signed(fill.quantity)
            if filled.status.is_open:
                leaves[fill.client_order_id] = left
            else:
                self.ordered.pop(fill.client_order_id, None)
        position = self.book.positions[fill.instrument]
        self.publish(PositionChanged(fill.portfolio, position, self.book.cash, fill.at))
        if self.brackets and (bracket := self.brackets.get(fill.instrument)):
            bracket.trade(filled)
            self._lift(fill.instrument)

    @on
    def adjust(self, adjusted: PositionAdjusted) -> None:
        """Book what an operator approved."""
        if self.book.adjust(adjusted):
            self.valuation.turn(adjusted.instrument, adjusted.price)
            position = self.book.positions[adjusted.instrument]
            self.publish(PositionChanged(adjusted.portfolio, position, self.book.cash, adjusted.at))
            self._lift(adjusted.instrument)

    @on
    def charge(self, charged: FinancingCharged) -> None:
        """Book what was charged or credited for what was held over night."""
        if self.book.charge(charged):
            self.valuation.count_cash()
            if position := self.book.positions.get(charged.instrument):
                self.publish(PositionChanged(charged.portfolio, position, self.book.cash, charged.at))

    @on
    def release(self, changed: OrderChanged | OrderDenied) -> None:
        """Count no longer on an order that will not trade."""
        if isinstance(changed, OrderChanged):
            if changed.terms is not None:
                self._recount(changed.client_order_id, changed.terms.quantity)
            if changed.status.is_closed:
                self._let_go(changed.client_order_id)
        else:
            self._let_go(changed.order.client_order_id)

    @on
    def close(self, command: ClosePositions) -> None:
        """Propose what closes all that is held through a broker, as far as it is not closed already."""
        for symbol, broker in self.assignment.brokers.items():
            if broker == command.broker and (closable := self._closable(symbol)):
                self._propose(self.assignment.instruments[symbol], -closable, reduce_only=True)

    @on
    def leave(self, command: EmergencyExit) -> None:
        """Propose what closes an instrument, unless that is under way, and end all that may still enter it.

        The exits that are there stay until nothing is held, for they only reduce.
        """
        symbol = command.instrument
        bracket, held = self.brackets.get(symbol), self.book.positions[symbol].quantity
        if bracket is None or bracket.closing or not held:
            return
        for entering in self.leaves[symbol]:
            self.send(CancelOrder(entering))
        self._propose(bracket.instrument, -held, reduce_only=True)

    @on
    def report(self, _: GetAccount) -> AccountReported:
        """Answer what this portfolio has."""
        kept, book = self.assignment, self.book
        return AccountReported(
            portfolio=kept.portfolio,
            owner=kept.owner,
            currency=kept.currency,
            at=self.clock.now(),
            capital=book.capital,
            cash=book.cash,
            equity=book.equity(self.marks),
            fees=book.fees_at(self.marks),
            financing=book.financing_at(self.marks),
            realised=book.realised_at(self.marks),
            positions=tuple(book.positions.values()),
            curve=self.valuation.curve,
        )

    @on
    def recall_target(self, standing: StandingTarget) -> TargetStood:
        """Answer what a strategy signalled last; after a restart, the side of what is held and under way."""
        if standing.instrument in self.targets:
            return TargetStood(self.targets[standing.instrument])
        held = self.book.positions[standing.instrument].quantity
        held += sum(self.leaves[standing.instrument].values(), ZERO)
        return TargetStood(float((held > 0) - (held < 0)))

    def debug_info(self) -> dict[str, Any]:
        """Cash, positions and working orders, as text."""
        return super().debug_info() | {
            "cash": plain(self.book.cash),
            "positions": {symbol: plain(held.quantity) for symbol, held in self.book.positions.items()},
            "working": [order for leaves in self.leaves.values() for order in leaves],
            "protective": [order for bracket in self.brackets.values() for order in bracket.exits],
        }

    def _take_up(self, records: Iterable[OrderRecord], under_way: Iterable[Order]) -> None:
        """Count the orders that there were, and count on those that are open.

        Args:
            records: what the journal has.
            under_way: what was approved, of which the last may not have been journalled yet.
        """
        journalled = set()
        for record in records:
            order = record.order
            journalled.add(order.client_order_id)
            self.sequences[order.instrument] += 1
            if record.leaves and self.brackets.leads_on(order):
                self.leaves[order.instrument][order.client_order_id] = order.side.sign * record.leaves
                self.ordered[order.client_order_id] = order.side.signed(record.quantity)
        for order in under_way:
            if order.client_order_id not in journalled:
                self.sequences[order.instrument] += 1
                if self.brackets.leads_on(order):
                    self._count_on(order)

    async def _recall_marks(self) -> None:
        """Value what is held at the last closes before now, where a feed remembers them."""
        held = (symbol for symbol, position in self.book.positions.items() if position.quantity)
        for symbol in dict.fromkeys((*held, *sorted(self.assignment.conversions.symbols))):
            with suppress(AskError):
                self.closes.extend((await self.ask(RecentBars(symbol, 1))).bars)

    def _pursue(self, signal: SignalRaised) -> None:
        """Propose the order that leads from what is held, and what is under way, to the signal's target."""
        symbol = signal.instrument
        instrument = self.assignment.instruments[symbol]
        wanted = self.size(signal, instrument)
        if wanted is None:
            return
        under_way = sum(self.leaves[symbol].values(), ZERO)
        missing = wanted - self.book.positions[symbol].quantity - under_way
        if not missing:
            return
        if self.brackets and (bracket := self.brackets.get(symbol)):
            self._protect(bracket, wanted, missing)
        else:
            self._propose(instrument, missing)

    def _protect(self, bracket: Bracket, wanted: Decimal, missing: Decimal) -> None:
        """Close what is on the other side by an order that only reduces; open the rest with its exits."""
        instrument = bracket.instrument
        symbol = instrument.symbol
        closing, opening = split(self._closable(symbol), missing)
        if closing:
            self._propose(instrument, closing, reduce_only=True)
        if not opening:
            return
        exposed = min(abs(opening), abs(wanted)) if (opening > 0) is (wanted > 0) else ZERO
        reference = self.marks.get(symbol)
        if reference is None and exposed:
            self.log.warning("not entered: there is no price to protect it by", instrument=symbol)
            return
        entry = self._propose(instrument, opening)
        if reference is not None:
            number = partial(self._number, symbol)
            for order in bracket.protect(entry, exposed, exact(reference), number):
                self.publish(OrderProposed(order.portfolio, order))

    def _lift(self, *symbols: str) -> None:
        """Have the orders cancelled that protect nothing any more."""
        for symbol in symbols:
            if bracket := self.brackets.get(symbol):
                held = self.book.positions[symbol].quantity
                for idle in bracket.idle(held, self.leaves[symbol]):
                    self.send(CancelOrder(idle))

    def _let_go(self, client_order_id: str) -> None:
        """Count no longer on an order that is over."""
        self.ordered.pop(client_order_id, None)
        for leaves in self.leaves.values():
            leaves.pop(client_order_id, None)
        for bracket in self.brackets.values():
            bracket.end(client_order_id)
        self._lift(*self.brackets)

    def _closable(self, symbol: str) -> Decimal:
        """How much of what is held is not being closed already, with the sign of what is held."""
        held = self.book.positions[symbol].quantity
        under_way = (left for left in self.leaves[symbol].values() if (left < 0) is (held > 0))
        closable = held + sum(under_way, ZERO)
        return closable if held and (closable > 0) is (held > 0) else ZERO

    def _number(self, symbol: str) -> str:
        """The id of the next order in an instrument."""
        self.sequences[symbol] += 1
        return client_order_id(self.assignment.portfolio, symbol, self.sequences[symbol])

    def _propose(self, instrument: Instrument, missing: Decimal, *, reduce_only: bool = False) -> Order:
        symbol, portfolio = instrument.symbol, self.assignment.portfolio
        order = Order(
            self._number(symbol),
            portfolio,
            symbol,
            self.assignment.brokers[symbol],
            _BUY if missing > 0 else _SELL,
            abs(missing),
            _MARKET,
            None,
            _GTC,
            self.clock.now(),
            reduce_only=reduce_only,
        )
        self._count_on(order)
        if reduce_only and (bracket := self.brackets.get(symbol)):
            bracket.closing.add(order.client_order_id)
        self.publish(OrderProposed(portfolio, order))
        return order

    def _count_on(self, order: Order) -> None:
        """Count on an order to trade whole."""
        signed = order.side.signed(order.quantity)
        self.leaves[order.instrument][order.client_order_id] = signed
        self.ordered[order.client_order_id] = signed

    def _recount(self, client_order_id: str, quantity: Decimal) -> None:
        """Count on an order for what it was modified to."""
        before = self.ordered.get(client_order_id)
        if before is None:
            return
        after = self.ordered[client_order_id] = quantity.copy_sign(before)
        for leaves in self.leaves.values():
            if client_order_id in leaves:
                leaves[client_order_id] += UNROUNDED.subtract(after, before)

    def _book(self, fill: Fill) -> bool:
        booked = self.book.book(fill)
        if booked:
            self.valuation.turn(fill.instrument, fill.price, fill.rate)
        return booked
