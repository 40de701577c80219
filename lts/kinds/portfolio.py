"""A portfolio: one owner's money. It turns signals into orders, and fills into positions."""

from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

from msgspec.structs import replace

from bus import AskError, Event, on
from lts.config.schema import ProtectionPlan
from lts.domain.accounts import (
    AccountReported,
    EquityCurveReported,
    GetAccount,
    GetEquityCurve,
    StandingTarget,
    TargetStood,
)
from lts.domain.bracket import Bracket, Brackets, split
from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.journal import RecallDeposits, RecallOrders
from lts.domain.known import NOTHING_KNOWN, Known
from lts.domain.legs import Leg, asset_of, legs
from lts.domain.market import Bar, Instrument, RecentBars
from lts.domain.money import EXACT, ZERO, exact, plain
from lts.domain.order_entry import EntryAnswered, OrderEntered
from lts.domain.order_flow import (
    CancelOrder,
    GetOrdersUnderWay,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderProposed,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import CLOSED, OrderStatus
from lts.domain.order_ticket import OrderTicket
from lts.domain.orders import Order, OrderType, Side, TimeInForce, client_order_id
from lts.domain.plugins import Beat
from lts.domain.portfolio import Book
from lts.domain.positions import Position, PositionChanged
from lts.domain.protection import EmergencyExit
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import ClosePositions
from lts.domain.signals import SignalRaised
from lts.domain.under_way import UnderWay
from lts.domain.valuation import WAITING
from lts.kinds.by_hand import Draft, drafted
from lts.kinds.plugin import EVERYONE, MARKET_DATA, Params, Plugin
from lts.kinds.reopening import begun, ever_traded, refuse_orphans, refuse_other_positions

P = TypeVar("P", bound=Params)

# Looked up once: reading a member off its class takes longer than comparing it.
_BUY, _SELL, _MARKET, _GTC = Side.BUY, Side.SELL, OrderType.MARKET, TimeInForce.GTC
_REJECTED = OrderStatus.REJECTED


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
    """What protects positions in an instrument, or of a hedged asset by its name, where that is wanted."""
    hedged: Mapping[str, str] = field(default_factory=dict)
    """The instrument of each asset that keeps positions of its own, in accounts that hedge, by its name."""
    conversions: Conversions = NO_CONVERSIONS
    """How the currencies of instruments are converted into the portfolio's."""
    known: Known = NOTHING_KNOWN
    """All that the system knows: what it has traded once is in its books for ever."""

    @property
    def heard(self) -> frozenset[str]:
        """The instruments of which it has to hear: those that it trades, and those whose prices are rates."""
        return self.conversions.symbols.union(self.instruments)


class AllBooked(Event):
    """A word of the portfolio to itself: what traded at this instant is booked, a signal can be sized."""

    signal: SignalRaised


class ExitLost(Event):
    """A word of the portfolio to itself: an exit that its venue has not taken is to be put there again."""

    order: Order


class Portfolio(Plugin[P], Generic[P]):
    """Keeps the books and pursues the targets that strategies signal. Subclasses say how large: `size`.

    An entry into what is to be protected is proposed together with its exits, see `lts.domain.bracket`. In an
    account that hedges, each asset holds a long and a short position of its own, see `lts.domain.legs`.
    """

    kind: ClassVar[str] = "portfolio"
    publishes = (OrderProposed, PositionChanged, EntryAnswered)
    hears = (
        *EVERYONE,
        *MARKET_DATA,
        Beat,
        SignalRaised,
        OrderEntered,
        OrderFilled,
        OrderChanged,
        OrderDenied,
        PositionAdjusted,
        FinancingCharged,
        GetAccount,
        GetEquityCurve,
        StandingTarget,
        ClosePositions,
        EmergencyExit,
        AllBooked,
        ExitLost,
    )
    asks = (GetOrdersUnderWay, RecallOrders, RecallDeposits, RecentBars, CancelOrder)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Open the books with the cash, and book what the journal knows."""
        kept: PortfolioAssignment = self.assignment
        recalled = await self.ask(RecallDeposits(kept.portfolio))
        under_way = (await self.ask(GetOrdersUnderWay(kept.portfolio))).orders
        journal = await self.ask(RecallOrders(portfolio=kept.portfolio))
        instruments, conversions = ever_traded(kept, journal)
        self.book = Book(kept.portfolio, kept.currency, instruments.values(), conversions)
        self.valuation = begun(self.book, kept, recalled, journal, self.clock.now())
        self.sequences = dict.fromkeys(instruments, 0)
        for snapshot in journal.snapshots:
            self.sequences[snapshot.position.instrument] += snapshot.orders
        self.closes = self.valuation.closes
        self.targets: dict[str, float] = {}
        self.under_way = UnderWay()
        self.leaves, self.ordered = self.under_way.leaves, self.under_way.ordered
        self.waiting: dict[Leg, SignalRaised] = {}
        """What is pursued when the entries of a leg, which it does not want any more, are over."""
        self.brackets = Brackets(kept.protection, kept.instruments, kept.hedged)
        taken_out = self.brackets.recall(journal, under_way)
        self._take_up(journal.records, under_way)
        busy = set(map(asset_of, self.under_way.busy()))
        self.targets |= {asset: side for asset, side in taken_out.items() if asset not in busy}
        for booked in journal.booked:
            if isinstance(booked, Fill):
                self._book(booked)
            else:
                self.book.adjust(booked)
        refuse_orphans(kept, self.book)
        refuse_other_positions(kept, self.book, journal)
        await self._recall_marks(conversions)
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
        self.targets[signal.asset or signal.instrument] = signal.target
        if self.brackets and not self.brackets.keys().isdisjoint(_places(signal.instrument, signal.asset)):
            self.after(0.0, AllBooked(signal))
        else:
            self._pursue(signal)

    @on
    def go_on(self, booked: AllBooked) -> None:
        """Propose what leads to the target of a signal that waited for what traded at its instant."""
        self._pursue(booked.signal)

    @on
    def propose_entered(self, entry: OrderEntered) -> None:
        """Propose an order that somebody has entered by hand: counted on, and protected, like any other."""
        close, now = self.marks.get(entry.ticket.instrument), self.clock.now()
        found = drafted(entry, self.assignment, self.brackets, close, now)
        if isinstance(found, Draft):
            self._propose_by_hand(entry.ticket, found)
        else:
            self.publish(found)

    @on
    def settle(self, filled: OrderFilled) -> None:
        """Book a fill; one that was booked before changes nothing."""
        fill = filled.fill
        place = fill.position or fill.instrument
        leaves = self.leaves[place]
        position = self._book(fill)
        if position is None:
            return
        if fill.client_order_id in leaves:
            left = leaves.pop(fill.client_order_id)
            if filled.status in CLOSED:
                self.ordered.pop(fill.client_order_id, None)
            else:
                leaves[fill.client_order_id] = left - fill.side.signed(fill.quantity)
        self.publish(PositionChanged(fill.portfolio, position, self.book.cash, fill.at))
        if self.brackets and (bracket := self.brackets.get(place)):
            bracket.trade(filled)
            self._lift(place)
        if self.waiting:
            self._go_on_where_entries_are_over()

    @on
    def adjust(self, adjusted: PositionAdjusted) -> None:
        """Book what an operator approved."""
        if self.book.adjust(adjusted):
            self.valuation.turn(adjusted.instrument, adjusted.price)
            position = self.book.position(adjusted.instrument, adjusted.position)
            self.publish(PositionChanged(adjusted.portfolio, position, self.book.cash, adjusted.at))
            self._lift(adjusted.place)

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
                self.under_way.recount(changed.client_order_id, changed.terms.quantity)
            if changed.status is _REJECTED and self.brackets:
                self._miss(changed.client_order_id)
            if changed.status in CLOSED:
                self._let_go(changed.client_order_id)
        else:
            self._let_go(changed.order.client_order_id)

    @on
    def restore(self, lost: ExitLost) -> None:
        """Propose an exit in the place of one that its venue has not taken, if it protects anything."""
        order = lost.order
        bracket = self.brackets[order.place]
        held = self.book.position(order.instrument, order.position).quantity
        number = partial(self._number, order.instrument)
        if made := bracket.restore(order, held, number, self.clock.now()):
            self.publish(OrderProposed(made.portfolio, made))

    @on
    def close(self, command: ClosePositions) -> None:
        """Propose what closes all that is held through a broker, as far as it is not closed already."""
        kept: PortfolioAssignment = self.assignment
        for held in tuple(self.book.held()):
            symbol = held.instrument
            if kept.brokers[symbol] == command.broker and (closable := self.under_way.closable(held)):
                self._propose(kept.instruments[symbol], -closable, reduce_only=True, position=held.id)

    @on
    def leave(self, command: EmergencyExit) -> None:
        """Propose what closes a position, unless that is under way, and end all that may still enter it.

        The exits that are there stay until nothing is held, for they only reduce.
        """
        held = self.book.position(command.instrument, command.position)
        bracket = self.brackets.get(held.place)
        if bracket is None or bracket.closing or not held.quantity:
            return
        for entering in self.leaves[held.place]:
            self.send(CancelOrder(entering))
        self._propose(bracket.instrument, -held.quantity, reduce_only=True, position=held.id)

    @on
    def report(self, _: GetAccount) -> AccountReported:
        """Answer what this portfolio has."""
        kept, book = self.assignment, self.book
        hedged = frozenset(kept.hedged.values())
        netted = (each for each in book.positions.values() if each.instrument not in hedged)
        by_place = sorted(book.hedged)
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
            positions=(*netted, *map(book.hedged.__getitem__, by_place)),
        )

    @on
    def report_curve(self, wanted: GetEquityCurve) -> EquityCurveReported:
        """Answer how this portfolio's equity has moved."""
        return EquityCurveReported(wanted.portfolio, self.valuation.curve)

    @on
    def recall_target(self, standing: StandingTarget) -> TargetStood:
        """Answer what a strategy signalled last; after a restart, the side of what is held and under way."""
        symbol, asset = standing.instrument, standing.asset
        if (asset or symbol) in self.targets:
            return TargetStood(self.targets[asset or symbol])
        held = ZERO
        for place in _places(symbol, asset):
            held += self.book.position(symbol, place if asset else "").quantity
            held += sum(self.leaves[place].values(), ZERO)
        return TargetStood(float((held > 0) - (held < 0)))

    def debug_info(self) -> dict[str, Any]:
        """Cash, positions and working orders, as text."""
        return super().debug_info() | {
            "cash": plain(self.book.cash),
            "positions": {
                held.place: plain(held.quantity)
                for held in (*self.book.positions.values(), *self.book.hedged.values())
            },
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
                self.under_way.take_up(record)
        for order in under_way:
            if order.client_order_id not in journalled:
                self.sequences[order.instrument] += 1
                if self.brackets.leads_on(order):
                    self.under_way.count_on(order)

    async def _recall_marks(self, conversions: Conversions) -> None:
        """Value what is held at the last closes before now, where a feed remembers them."""
        held = (position.instrument for position in self.book.held())
        for symbol in dict.fromkeys((*held, *sorted(conversions.symbols))):
            with suppress(AskError):
                self.closes.extend((await self.ask(RecentBars(symbol, 1))).bars)

    def _pursue(self, signal: SignalRaised) -> None:
        """Propose the order that leads from what is held, and what is under way, to the signal's target."""
        symbol = signal.instrument
        instrument = self.assignment.instruments[symbol]
        wanted = self.size(signal, instrument)
        if wanted is None:
            return
        if signal.asset:
            self._pursue_in_legs(signal, instrument, wanted)
            return
        under_way = sum(self.leaves[symbol].values(), ZERO)
        missing = wanted - self.book.positions[symbol].quantity - under_way
        if not missing:
            return
        if self.brackets and (bracket := self.brackets.get(symbol)):
            self._protect(bracket, wanted, missing)
        else:
            self._propose(instrument, missing)

    def _propose_by_hand(self, ticket: OrderTicket, draft: Draft) -> None:
        """Propose what was entered, with the exits of what it opens."""
        instrument, symbol = draft.instrument, draft.instrument.symbol
        order = replace(draft.order, client_order_id=self._number(symbol))
        if not order.position and symbol in self.assignment.hedged.values():
            order = replace(order, position=order.client_order_id)
        held = self.book.position(symbol, order.position)
        _, opening = split(self.under_way.closable(held), order.side.signed(order.quantity))
        own = ticket.exits(abs(opening))
        if own and order.place not in self.brackets:
            self.brackets[order.place] = Bracket(instrument, position=order.position)
        if self.brackets.leads_on(order):
            self.under_way.count_on(order)
        self.publish(OrderProposed(order.portfolio, order))
        bracket = self.brackets.get(order.place)
        if bracket is None:
            return
        if order.reduce_only:
            bracket.closing.add(order.client_order_id)
        else:
            number = partial(self._number, symbol)
            for exit_order in bracket.protect(order, abs(opening), draft.reference, number, own):
                self.publish(OrderProposed(exit_order.portfolio, exit_order))

    def _protect(self, bracket: Bracket, wanted: Decimal, missing: Decimal) -> None:
        """Close what is on the other side by an order that only reduces; open the rest with its exits."""
        instrument = bracket.instrument
        symbol = instrument.symbol
        closing, opening = split(self.under_way.closable(self.book.positions[symbol]), missing)
        if closing:
            self._propose(instrument, closing, reduce_only=True)
        if opening:
            exposed = min(abs(opening), abs(wanted)) if (opening > 0) is (wanted > 0) else ZERO
            self._enter(bracket, opening, exposed)

    def _enter(self, bracket: Bracket, opening: Decimal, exposed: Decimal) -> None:
        """Open so much together with the exits of what it exposes."""
        symbol = bracket.instrument.symbol
        reference = self.marks.get(symbol)
        if reference is None and exposed:
            self.log.warning("not entered: there is no price to protect it by", instrument=symbol)
            return
        entry = self._propose(bracket.instrument, opening, position=bracket.position)
        if reference is not None:
            number = partial(self._number, symbol)
            for order in bracket.protect(entry, exposed, exact(reference), number):
                self.publish(OrderProposed(order.portfolio, order))

    def _pursue_in_legs(self, signal: SignalRaised, instrument: Instrument, wanted: Decimal) -> None:
        """Bring both legs of an asset to what is wanted: the one that is left is closed first."""
        for leg in sorted(legs(signal.asset, instrument.symbol), key=lambda leg: bool(leg.part(wanted))):
            self.waiting.pop(leg, None)
            held, leaves = self.book.position(leg.instrument, leg.id), self.leaves[leg.id]
            missing = leg.part(wanted) - held.quantity - sum(leaves.values(), ZERO)
            if missing and (missing > 0) is leg.is_long:
                if bracket := self.brackets.get(leg.id):
                    self._enter(bracket, missing, abs(missing))
                else:
                    self._propose(instrument, missing, position=leg.id)
            elif missing:
                closing, unopened = split(self.under_way.closable(held), missing)
                if closing:
                    self._propose(instrument, closing, reduce_only=True, position=leg.id)
                if unopened:
                    self._end_entries(signal, leg)

    def _end_entries(self, signal: SignalRaised, leg: Leg) -> None:
        """Have the entries of a leg cancelled that a signal does not want; when they are over, pursue it."""
        self.waiting[leg] = signal
        for entering in self.under_way.entering(leg):
            self.send(CancelOrder(entering))

    def _go_on_where_entries_are_over(self) -> None:
        """Pursue what has waited for entries to end."""
        for leg in tuple(self.waiting):
            if not self.under_way.entering(leg):
                self._pursue(self.waiting.pop(leg))

    def _lift(self, *places: str) -> None:
        """Have the orders cancelled that protect nothing any more."""
        for place in places:
            if bracket := self.brackets.get(place):
                held = self.book.position(bracket.instrument.symbol, bracket.position).quantity
                for idle in bracket.idle(held, self.leaves[place]):
                    self.send(CancelOrder(idle))

    def _miss(self, client_order_id: str) -> None:
        """Arrange for what follows from an order that its venue has not taken, if it was an exit."""
        for bracket in self.brackets.values():
            if found := bracket.lose(client_order_id):
                lost, pause_s = found
                self.after(pause_s, ExitLost(lost))

    def _let_go(self, client_order_id: str) -> None:
        """Count no longer on an order that is over."""
        self.under_way.let_go(client_order_id)
        if self.brackets:
            for bracket in self.brackets.values():
                bracket.end(client_order_id)
            self._lift(*self.brackets)
        if self.waiting:
            self._go_on_where_entries_are_over()

    def _number(self, symbol: str) -> str:
        """The id of the next order in an instrument."""
        self.sequences[symbol] += 1
        return client_order_id(self.assignment.portfolio, symbol, self.sequences[symbol])

    def _propose(
        self, instrument: Instrument, missing: Decimal, *, reduce_only: bool = False, position: str = ""
    ) -> Order:
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
            position=position,
        )
        self.under_way.count_on(order)
        if reduce_only and (bracket := self.brackets.get(order.place)):
            bracket.closing.add(order.client_order_id)
        self.publish(OrderProposed(portfolio, order))
        return order

    def _book(self, fill: Fill) -> Position | None:
        position = self.book.book(fill)
        if position is not None:
            self.valuation.turn(fill.instrument, fill.price, fill.rate)
        return position


def _places(symbol: str, asset: str) -> tuple[str, ...]:
    """The places in which an asset holds what it does: its legs, or the instrument itself if netted."""
    return tuple(leg.id for leg in legs(asset, symbol)) if asset else (symbol,)
