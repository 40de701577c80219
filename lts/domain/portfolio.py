"""A portfolio's money: its ledger, its positions, and what they are worth."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain

from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.ledger import Booking, Ledger, Posting
from lts.domain.market import Instrument
from lts.domain.money import ONE, ZERO, exact, unrounded
from lts.domain.orders import Side
from lts.domain.positions import Position
from lts.domain.reconciliation import PositionAdjusted

_BUY = Side.BUY  # looked up once: reading it off the class takes longer than the comparison


class Book:
    """The books of one portfolio, with cash in one currency.

    What it holds is booked once in the ledger, at cost, and once as positions; they agree because
    every fill is booked to both. The ledger has one account for all positions of an instrument: what
    each of them has cost is in the position itself. For every price of what is held,
    equity = cash + value of the positions
    = capital + adjustments + financing + realised - fees + unrealised, exactly.

    An instrument in another currency has its position, profit, fees and financing in that one. What
    they moved is converted when it is booked, by the account `conversion`: so each currency sums to
    zero by itself. Converted at any rates, the sum of the above and of `exchange` is the equity.
    """

    __slots__ = (
        "_conversions",
        "_units",
        "cash",
        "currency",
        "foreign",
        "hedged",
        "ledger",
        "portfolio",
        "positions",
    )

    def __init__(
        self,
        portfolio: str,
        currency: str,
        instruments: Iterable[Instrument],
        conversions: Conversions = NO_CONVERSIONS,
    ) -> None:
        instruments = tuple(instruments)
        self.portfolio = portfolio
        self.currency = currency
        self.foreign = {each.symbol: each.currency for each in instruments if each.currency != currency}
        """The currency of each instrument that has another one."""
        self._conversions = conversions
        self.ledger = Ledger()
        self.cash = ZERO
        """The money at hand, as it is in the ledger."""
        self.positions = {
            instrument.symbol: Position(portfolio, instrument.symbol, instrument.multiplier)
            for instrument in instruments
        }
        """One for each instrument that the portfolio may trade, netted; flat ones included."""
        self.hedged: dict[tuple[str, str], Position] = {}
        """Those that stand side by side in accounts that hedge, by instrument and id; flat ones included."""
        self._units: dict[str, Decimal] = {}

    @property
    @unrounded
    def capital(self) -> Decimal:
        """What was deposited, less what was withdrawn."""
        return -self.ledger.balance("capital", self.currency)

    @property
    @unrounded
    def realised(self) -> Decimal:
        """The profit of what was closed in the portfolio's own currency, before fees."""
        return -self.ledger.balance("realised", self.currency)

    @property
    def fees(self) -> Decimal:
        """What trading in the portfolio's own currency has cost."""
        return self.ledger.balance("fees", self.currency)

    @property
    @unrounded
    def financing(self) -> Decimal:
        """What came in, in its own currency, for positions held over night, less what was paid."""
        return -self.ledger.balance("financing", self.currency)

    @unrounded
    def realised_at(self, marks: Mapping[str, float | Decimal]) -> Decimal:
        """Return the profit of what was closed, before fees, converted at these prices."""
        return -self._sum("realised", marks)

    @unrounded
    def fees_at(self, marks: Mapping[str, float | Decimal]) -> Decimal:
        """Return what trading has cost, converted at these prices."""
        return self._sum("fees", marks)

    @unrounded
    def financing_at(self, marks: Mapping[str, float | Decimal]) -> Decimal:
        """Return what came in for the nights, less what was paid, converted at these prices."""
        return -self._sum("financing", marks)

    @unrounded
    def exchange(self, marks: Mapping[str, float | Decimal]) -> Decimal:
        """Return what is won since amounts were converted that would be converted at these prices now."""
        return -self._sum("conversion", marks)

    @unrounded
    def deposit(self, amount: Decimal, at: int, reference: str = "opening") -> bool:
        """Pay money in, or out if negative; return False, and do nothing, if the reference was used."""
        return self._post(Booking(("deposit", reference), at, opening(self.currency, amount)))

    @unrounded
    def book(self, fill: Fill) -> Position | None:
        """Book what a fill moved, and return what it led to; None if it has been booked before.

        Raises ValueError for a fill that is none of this portfolio's business.
        """
        before = self._find(fill.instrument, fill.position)
        currency = self.foreign.get(fill.instrument, self.currency) if self.foreign else self.currency
        if before is None or fill.portfolio != self.portfolio or fill.currency != currency:
            raise ValueError(f"{fill} does not belong in the {self.currency} books of {self.portfolio}")
        after = before.fold(fill)
        if not self._post(Booking(fill.uid, fill.at, postings(fill, before, after, self.currency))):
            return None
        self._hold(after)
        return after

    @unrounded
    def adjust(self, adjusted: PositionAdjusted) -> bool:
        """Book what an operator approved; return False, and move nothing, if it has been booked before.

        Raises ValueError for an adjustment that is none of this portfolio's business.
        """
        before = self._find(adjusted.instrument, adjusted.position)
        if before is None or adjusted.portfolio != self.portfolio:
            raise ValueError(f"{adjusted} does not belong in the books of {self.portfolio}")
        after = before.adjust(adjusted.quantity, adjusted.price)
        currency = self.foreign.get(adjusted.instrument, self.currency)
        moved = adjustment(before, after, currency)
        if not self._post(Booking(adjusted.uid, adjusted.at, moved)):
            return False
        self._hold(after)
        return True

    @unrounded
    def charge(self, charged: FinancingCharged) -> bool:
        """Book financing; return False, and move nothing, if it has been booked before.

        Raises ValueError for a charge that is none of this portfolio's business.
        """
        known = {self.currency, *self.foreign.values()}
        if charged.portfolio != self.portfolio or charged.currency not in known:
            raise ValueError(f"{charged} does not belong in the {self.currency} books of {self.portfolio}")
        return self._post(Booking(charged.uid, charged.at, financing(charged, self.currency)))

    @unrounded
    def bring_forward(self, position: Position, at: int, converted: Decimal | None = None) -> bool:
        """Book what the archived fills of a position led to, in their place; False if that was done.

        Args:
            position: what they led to.
            at: when.
            converted: what they moved in the portfolio's currency, if the instrument is in another one.

        Raises ValueError for a position that is none of this portfolio's business.
        """
        before = self._find(position.instrument, position.id)
        if before is None or position.portfolio != self.portfolio:
            raise ValueError(f"{position} does not belong in the books of {self.portfolio}")
        currency = self.foreign.get(position.instrument, self.currency)
        moved = brought_forward(position, currency, self.currency, converted)
        if not self._post(Booking(archived(position), at, moved)):
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

    def _post(self, booking: Booking) -> bool:
        booked = self.ledger.post(booking)
        self.cash = self.ledger.balance("cash", self.currency)
        return booked

    def _hold(self, position: Position) -> None:
        instrument, quantity = position.instrument, position.quantity
        if position.id:
            self.hedged[instrument, position.id] = position
        else:
            self.positions[instrument] = position
        if self.hedged:
            quantity = sum((each.quantity for each in self.held() if each.instrument == instrument), ZERO)
        units = self._units = self._units.copy()
        units.pop(instrument, None)
        if quantity:
            units[instrument] = quantity * position.multiplier

    @unrounded
    def equity(self, marks: Mapping[str, float | Decimal]) -> Decimal:
        """Return cash plus the value of the positions at these prices, exactly.

        Raises KeyError if what is held has no price.
        """
        equity = self.cash
        for position in self.held():
            instrument = position.instrument
            value = position.value(exact(marks[instrument]))
            equity += value if instrument not in self.foreign else value * self.rate(instrument, marks)
        return equity

    @unrounded
    def unrealised(self, marks: Mapping[str, float | Decimal]) -> Decimal:
        """Return the profit that closing everything at these prices would realise, exactly.

        Raises KeyError if what is held has no price.
        """
        profit = ZERO
        for position in self.held():
            instrument = position.instrument
            gained = position.value(exact(marks[instrument])) - position.cost
            profit += gained if instrument not in self.foreign else gained * self.rate(instrument, marks)
        return profit

    def rate(self, instrument: str, marks: Mapping[str, float | Decimal]) -> Decimal:
        """Return what one unit of an instrument's currency is in the portfolio's at these prices.

        What has no rate yet counts nothing.
        """
        currency = self.foreign.get(instrument)
        return ONE if currency is None else self._rate(currency, marks)

    def _rate(self, currency: str, marks: Mapping[str, float | Decimal]) -> Decimal:
        return self._conversions.rate(currency, self.currency, marks) or ZERO

    def first_mark(self, currency: str, rate: Decimal) -> dict[str, float]:
        """Return the price that an instrument had, when this rate was its price; nothing if it was stated."""
        way = self._conversions.way(currency, self.currency)
        return {way.instrument: way.price_at(rate)} if way and way.instrument and rate > 0 else {}

    def _sum(self, account: str, marks: Mapping[str, float | Decimal]) -> Decimal:
        """What is in an account in all currencies; callers are `unrounded`."""
        whole = self.ledger.balance(account, self.currency)
        for currency in dict.fromkeys(self.foreign.values()):
            if amount := self.ledger.balance(account, currency):
                whole += amount * self._rate(currency, marks)
        return whole

    def worth(self) -> tuple[Decimal, dict[str, Decimal]]:
        """Return the cash, and by how much the value moves with each price: see `value`.

        The dictionary stays as it is; another fill leads to another one.
        """
        return self.cash, self._units

    def value(self, marks: Mapping[str, float]) -> float:
        """Return the equity as a float, cheaply: for a sample of a curve, never for a booking.

        Raises KeyError if what is held has no price.
        """
        value = float(self.cash)
        for instrument, units in self._units.items():
            one = marks[instrument]
            value += float(units) * (
                one * float(self.rate(instrument, marks)) if instrument in self.foreign else one
            )
        return value


def postings(fill: Fill, before: Position, after: Position, home: str) -> tuple[Posting, ...]:
    """Return what a fill moves; the cash from the fill itself, so that the sum proves the position.

    Args:
        fill: which.
        before: the position before it.
        after: the position that it leads to.
        home: what the portfolio is kept in. Callers are `unrounded` already.
    """
    notional = fill.price * fill.quantity * after.multiplier
    proceeds = -notional if fill.side is _BUY else notional
    currency = fill.currency
    moved = (
        Posting("cash", currency, proceeds - fill.fee),
        Posting(f"positions:{fill.instrument}", currency, after.cost - before.cost),
        Posting("realised", currency, before.realised - after.realised),
        Posting("fees", currency, fill.fee),
    )
    return moved if currency == home else (*moved[1:], *conversion(moved[0], home, fill.rate))


def conversion(cash: Posting, home: str, rate: Decimal) -> tuple[Posting, ...]:
    """Return what takes the place of cash in another currency: it is converted, at a rate.

    For callers that are `unrounded` already.
    """
    return _converted(cash, home, cash.amount * rate)


def _converted(cash: Posting, home: str, amount: Decimal) -> tuple[Posting, ...]:
    return (
        Posting("conversion", cash.currency, cash.amount),
        Posting("conversion", home, -amount),
        Posting("cash", home, amount),
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


def financing(charged: FinancingCharged, home: str) -> tuple[Posting, ...]:
    """Return what is moved by a charge for what was held over night, or a credit, see `postings`.

    For callers that are `unrounded` already.
    """
    cash = Posting("cash", charged.currency, charged.amount)
    paid = Posting("financing", charged.currency, charged.amount.copy_negate())
    return (cash, paid) if charged.currency == home else (paid, *conversion(cash, home, charged.rate))


def brought_forward(
    position: Position, currency: str, home: str, converted: Decimal | None
) -> tuple[Posting, ...]:
    """Return what all fills together moved that led to a position, see `postings`.

    For callers that are `unrounded` already.
    """
    moved = (
        Posting("cash", currency, position.realised - position.cost - position.fees),
        Posting(f"positions:{position.instrument}", currency, position.cost),
        Posting("realised", currency, -position.realised),
        Posting("fees", currency, position.fees),
    )
    return moved if converted is None else (*moved[1:], *_converted(moved[0], home, converted))


def archived(position: Position) -> tuple[str, ...]:
    """Return the id of the booking that stands for all archived fills of a position."""
    return (
        ("archived", position.instrument, position.id) if position.id else ("archived", position.instrument)
    )


def opening(currency: str, amount: Decimal) -> tuple[Posting, ...]:
    """Return what money that is paid in moves, or out if negative."""
    return (Posting("cash", currency, amount), Posting("capital", currency, amount.copy_negate()))
