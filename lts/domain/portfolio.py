"""A portfolio's money: its ledger, its positions, and what they are worth."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain

from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.ledger import Booking, Ledger, Posting
from lts.domain.market import Instrument
from lts.domain.money import ZERO, exact, unrounded
from lts.domain.orders import Side
from lts.domain.positions import Position
from lts.domain.reconciliation import PositionAdjusted

_BUY = Side.BUY  # looked up once: reading it off the class takes longer than the comparison


class Book:
    """The books of one portfolio, kept in one currency.

    What it holds is booked once in the ledger, at cost, and once as positions; they agree because
    every fill is booked to both. The ledger has one account for all positions of an instrument: what
    each of them has cost is in the position itself. For every price of what is held,
    equity = cash + value of the positions
    = capital + adjustments + financing + realised - fees + unrealised, exactly.
    """

    __slots__ = ("_cash", "_units", "currency", "hedged", "ledger", "portfolio", "positions")

    def __init__(self, portfolio: str, currency: str, instruments: Iterable[Instrument]) -> None:
        self.portfolio = portfolio
        self.currency = currency
        self.ledger = Ledger()
        self.positions = {
            instrument.symbol: Position(portfolio, instrument.symbol, instrument.multiplier)
            for instrument in instruments
        }
        """One for each instrument that the portfolio may trade, netted; flat ones included."""
        self.hedged: dict[tuple[str, str], Position] = {}
        """Those that stand side by side in accounts that hedge, by instrument and id; flat ones included."""
        self._cash = 0.0
        self._units: dict[str, float] = {}

    @property
    def cash(self) -> Decimal:
        """The money at hand."""
        return self.ledger.balance("cash", self.currency)

    @property
    @unrounded
    def capital(self) -> Decimal:
        """What was deposited, less what was withdrawn."""
        return -self.ledger.balance("capital", self.currency)

    @property
    @unrounded
    def realised(self) -> Decimal:
        """The profit of what was closed, before fees."""
        return -self.ledger.balance("realised", self.currency)

    @property
    def fees(self) -> Decimal:
        """What trading has cost."""
        return self.ledger.balance("fees", self.currency)

    @property
    @unrounded
    def financing(self) -> Decimal:
        """What came in for positions held over night, less what was paid."""
        return -self.ledger.balance("financing", self.currency)

    @unrounded
    def deposit(self, amount: Decimal, at: int, reference: str = "opening") -> bool:
        """Pay money in, or out if negative; return False, and do nothing, if the reference was used."""
        booked = self.ledger.book(Booking(("deposit", reference), at, opening(self.currency, amount)))
        self._cash = float(self.cash)
        return booked

    @unrounded
    def book(self, fill: Fill) -> bool:
        """Book what a fill moved; return False, and move nothing, if it has been booked before.

        Raises ValueError for a fill that is none of this portfolio's business.
        """
        before = self._find(fill.instrument, fill.position)
        if before is None or fill.portfolio != self.portfolio or fill.currency != self.currency:
            raise ValueError(f"{fill} does not belong in the {self.currency} books of {self.portfolio}")
        after = before.fold(fill)
        if not self.ledger.post(Booking(fill.uid, fill.at, postings(fill, before, after))):
            return False
        self._hold(after)
        return True

    @unrounded
    def adjust(self, adjusted: PositionAdjusted) -> bool:
        """Book what an operator approved; return False, and move nothing, if it has been booked before.

        Raises ValueError for an adjustment that is none of this portfolio's business.
        """
        before = self._find(adjusted.instrument, adjusted.position)
        if before is None or adjusted.portfolio != self.portfolio:
            raise ValueError(f"{adjusted} does not belong in the books of {self.portfolio}")
        after = before.adjust(adjusted.quantity, adjusted.price)
        moved = adjustment(before, after, self.currency)
        if not self.ledger.post(Booking(adjusted.uid, adjusted.at, moved)):
            return False
        self._hold(after)
        return True

    @unrounded
    def charge(self, charged: FinancingCharged) -> bool:
        """Book financing; return False, and move nothing, if it has been booked before.

        Raises ValueError for a charge that is none of this portfolio's business.
        """
        if charged.portfolio != self.portfolio or charged.currency != self.currency:
            raise ValueError(f"{charged} does not belong in the {self.currency} books of {self.portfolio}")
        booked = self.ledger.post(Booking(charged.uid, charged.at, financing(charged)))
        self._cash = float(self.cash)
        return booked

    @unrounded
    def bring_forward(self, position: Position, at: int) -> bool:
        """Book what the archived fills of a position led to, in their place; False if that was done.

        Raises ValueError for a position that is none of this portfolio's business.
        """
        before = self._find(position.instrument, position.id)
        if before is None or position.portfolio != self.portfolio:
            raise ValueError(f"{position} does not belong in the books of {self.portfolio}")
        moved = brought_forward(position, self.currency)
        if not self.ledger.post(Booking(archived(position), at, moved)):
            return False
        self._hold(position)
        return True

    def position(self, instrument: str, id: str = "") -> Position:  # noqa: A002 - what it is called
        """Return a position, flat if it was never opened; raise KeyError for what is not traded."""
        return self._find(instrument, id) or self.positions[instrument]

    def held(self) -> Iterator[Position]:
        """Yield the positions that are not flat."""
        if self.hedged:
            yield from (
                each for each in chain(self.positions.values(), self.hedged.values()) if each.quantity
            )
        else:
            yield from map(self.positions.__getitem__, self._units)

    def _find(self, instrument: str, id: str) -> Position | None:  # noqa: A002 - what it is called
        netted = self.positions.get(instrument)
        if not id or netted is None:
            return netted
        return self.hedged.get((instrument, id)) or Position(
            self.portfolio, instrument, netted.multiplier, id=id
        )

    def _hold(self, position: Position) -> None:
        instrument, quantity = position.instrument, position.quantity
        if position.id:
            self.hedged[instrument, position.id] = position
        else:
            self.positions[instrument] = position
        if self.hedged:
            quantity = sum((each.quantity for each in self.held() if each.instrument == instrument), ZERO)
        self._cash = float(self.cash)
        self._units = {symbol: units for symbol, units in self._units.items() if symbol != instrument}
        if quantity:
            self._units[instrument] = float(quantity * position.multiplier)

    @unrounded
    def equity(self, marks: Mapping[str, float | Decimal]) -> Decimal:
        """Return cash plus the value of the positions at these prices, exactly.

        Raises KeyError if what is held has no price.
        """
        equity = self.cash
        for position in self.held():
            equity += position.value(exact(marks[position.instrument]))
        return equity

    @unrounded
    def unrealised(self, marks: Mapping[str, float | Decimal]) -> Decimal:
        """Return the profit that closing everything at these prices would realise, exactly.

        Raises KeyError if what is held has no price.
        """
        profit = ZERO
        for position in self.held():
            profit += position.value(exact(marks[position.instrument])) - position.cost
        return profit

    def worth(self) -> tuple[float, dict[str, float]]:
        """Return the cash, and by how much the value moves with each price, as floats: see `value`.

        The dictionary stays as it is; another fill leads to another one.
        """
        return self._cash, self._units

    def value(self, marks: Mapping[str, float]) -> float:
        """Return the equity as a float, cheaply: for a sample of a curve, never for a booking.

        Raises KeyError if what is held has no price.
        """
        value = self._cash
        for instrument, units in self._units.items():
            value += units * marks[instrument]
        return value


def postings(fill: Fill, before: Position, after: Position) -> tuple[Posting, ...]:
    """Return what a fill moves; the cash from the fill itself, so that the sum proves the position.

    For callers that are `unrounded` already.
    """
    notional = fill.price * fill.quantity * after.multiplier
    proceeds = -notional if fill.side is _BUY else notional
    currency = fill.currency
    return (
        Posting("cash", currency, proceeds - fill.fee),
        Posting(f"positions:{fill.instrument}", currency, after.cost - before.cost),
        Posting("realised", currency, before.realised - after.realised),
        Posting("fees", currency, fill.fee),
    )


def adjustment(before: Position, after: Position, currency: str) -> tuple[Posting, ...]:
    """Return what an adjustment of a position moves: its cost, and no cash, for nobody traded.

    For callers that are `unrounded` already.
    """
    added = after.cost - before.cost
    return (
        Posting(f"positions:{after.instrument}", currency, added),
        Posting("adjustments", currency, -added),
    )


def financing(charged: FinancingCharged) -> tuple[Posting, ...]:
    """Return what is moved by a charge for what was held over night, or a credit."""
    return (
        Posting("cash", charged.currency, charged.amount),
        Posting("financing", charged.currency, charged.amount.copy_negate()),
    )


def brought_forward(position: Position, currency: str) -> tuple[Posting, ...]:
    """Return what all fills together moved that led to a position, see `postings`.

    For callers that are `unrounded` already.
    """
    return (
        Posting("cash", currency, position.realised - position.cost - position.fees),
        Posting(f"positions:{position.instrument}", currency, position.cost),
        Posting("realised", currency, -position.realised),
        Posting("fees", currency, position.fees),
    )


def archived(position: Position) -> tuple[str, ...]:
    """Return the id of the booking that stands for all archived fills of a position."""
    return (
        ("archived", position.instrument, position.id) if position.id else ("archived", position.instrument)
    )


def opening(currency: str, amount: Decimal) -> tuple[Posting, ...]:
    """Return what money that is paid in moves, or out if negative."""
    return (Posting("cash", currency, amount), Posting("capital", currency, amount.copy_negate()))
