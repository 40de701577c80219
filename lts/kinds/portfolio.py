"""A portfolio: one owner's money. It turns signals into orders, and fills into positions."""

from abc import abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

from bus import AskError, on
from lts.domain.accounts import AccountReported, GetAccount, StandingTarget, TargetStood
from lts.domain.fills import Fill
from lts.domain.journal import Deposit, RecallDeposits, RecallOrders
from lts.domain.market import Bar, Instrument, RecentBars
from lts.domain.money import ZERO, plain
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled, OrderProposed
from lts.domain.orders import Order, OrderType, Side, TimeInForce, client_order_id
from lts.domain.plugins import Beat
from lts.domain.portfolio import Book
from lts.domain.positions import PositionChanged
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


class Portfolio(Plugin[P], Generic[P]):
    """Keeps the books and pursues the targets that strategies signal. Subclasses say how large: `size`."""

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
        GetAccount,
        StandingTarget,
        ClosePositions,
    )
    asks = (RecallOrders, RecallDeposits, RecentBars)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Open the books with the cash, and book what the journal knows."""
        kept: PortfolioAssignment = self.assignment
        self.book = Book(kept.portfolio, kept.currency, kept.instruments.values())
        recalled = await self.ask(RecallDeposits(kept.portfolio))
        for deposit in recalled.deposits or (Deposit("opening", kept.cash, self.clock.now()),):
            self.book.deposit(deposit.amount, deposit.at, deposit.reference)
        journal = await self.ask(RecallOrders(portfolio=kept.portfolio))
        self.sequences = dict.fromkeys(kept.instruments, 0)
        for snapshot in journal.snapshots:
            self.book.bring_forward(snapshot.position, snapshot.at)
            self.sequences[snapshot.position.instrument] += snapshot.orders
        self.valuation = Valuation(self.book)
        self.closes = self.valuation.closes
        self.targets: dict[str, float] = {}
        self.leaves: dict[str, dict[str, Decimal]] = {symbol: {} for symbol in kept.instruments}
        for record in journal.records:
            order = record.order
            self.sequences[order.instrument] += 1
            if record.leaves and not order.reduce_only:
                self.leaves[order.instrument][order.client_order_id] = order.side.sign * record.leaves
        for booked in journal.booked:
            if isinstance(booked, Fill):
                self._book(booked)
            else:
                self.book.adjust(booked)
        await self._recall_marks()
        yield

    @property
    def marks(self) -> dict[str, float]:
        """The last close of each instrument."""
        return self.valuation.marks

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
        """Propose the order that leads from what is held, and what is under way, to the signal's target."""
        instrument = self.assignment.instruments[signal.instrument]
        self.targets[signal.instrument] = signal.target
        wanted = self.size(signal, instrument)
        if wanted is None:
            return
        under_way = sum(self.leaves[signal.instrument].values(), ZERO)
        missing = wanted - self.book.positions[signal.instrument].quantity - under_way
        if missing:
            self._propose(instrument, missing)

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
        position = self.book.positions[fill.instrument]
        self.publish(PositionChanged(fill.portfolio, position, self.book.cash, fill.at))

    @on
    def adjust(self, adjusted: PositionAdjusted) -> None:
        """Book what an operator approved."""
        if self.book.adjust(adjusted):
            self.valuation.turn(adjusted.instrument, adjusted.price)
            position = self.book.positions[adjusted.instrument]
            self.publish(PositionChanged(adjusted.portfolio, position, self.book.cash, adjusted.at))

    @on
    def release(self, changed: OrderChanged | OrderDenied) -> None:
        """Count no longer on an order that will not trade."""
        if isinstance(changed, OrderChanged):
            if changed.status.is_closed:
                for leaves in self.leaves.values():
                    leaves.pop(changed.client_order_id, None)
        else:
            self.leaves[changed.order.instrument].pop(changed.order.client_order_id, None)

    @on
    def close(self, command: ClosePositions) -> None:
        """Propose what closes all that is held through a broker, as far as it is not closed already."""
        for symbol, broker in self.assignment.brokers.items():
            held = self.book.positions[symbol].quantity
            if held and broker == command.broker:
                under_way = (left for left in self.leaves[symbol].values() if (left < 0) is (held > 0))
                missing = held + sum(under_way, ZERO)
                if missing and (missing > 0) is (held > 0):
                    self._propose(self.assignment.instruments[symbol], -missing, reduce_only=True)

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
            fees=book.fees,
            realised=book.realised,
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
        }

    async def _recall_marks(self) -> None:
        """Value what is held at the last closes before now, where a feed remembers them."""
        for symbol, position in self.book.positions.items():
            if position.quantity:
                with suppress(AskError):
                    self.closes.extend((await self.ask(RecentBars(symbol, 1))).bars)

    def _propose(self, instrument: Instrument, missing: Decimal, *, reduce_only: bool = False) -> None:
        symbol, portfolio = instrument.symbol, self.assignment.portfolio
        self.sequences[symbol] += 1
        order = Order(
            client_order_id(portfolio, symbol, self.sequences[symbol]),
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
        self.leaves[symbol][order.client_order_id] = missing
        self.publish(OrderProposed(portfolio, order))

    def _book(self, fill: Fill) -> bool:
        booked = self.book.book(fill)
        if booked:
            self.valuation.turn(fill.instrument, fill.price)
        return booked
