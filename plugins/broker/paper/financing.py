"""Financing: what holding a position over night costs at the venue, or brings."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Context, Decimal
from typing import NamedTuple

from lts.sdk import (
    FinancingCharged,
    Instrument,
    OrderRecord,
    Position,
    TradingDay,
    exact,
    to_rfc3339,
    unrounded,
)

from .holdings import Holdings, Key
from .params import PaperParams

YEAR = Decimal(365 * 100)
"""The days of a year, times the hundred of a per cent."""
STEP = Decimal("1E-10")
"""To what part of the currency a charge is reckoned, half to even."""
QUOTIENTS = Context(prec=100)


class Charge(NamedTuple):
    """What one position has cost in one night, or brought."""

    portfolio: str
    instrument: str
    amount: Decimal
    """Money that comes in, negative if it is paid."""
    id: str
    at: int


class Financing:
    """Charges each position at each roll-over that it is held at, at the last price heard before.

    Roll-overs are looked for when a price comes, before anybody trades at it: what is held then was
    held at all of them since the position last traded.
    """

    __slots__ = ("_charged", "_day", "_holdings", "_instruments", "_long", "_next", "_rolled", "_short")

    def __init__(
        self, params: PaperParams, instruments: Mapping[str, Instrument], holdings: Holdings
    ) -> None:
        self._long, self._short = params.financing_long_pct_per_year, params.financing_short_pct_per_year
        self._day = TradingDay(params.financing_at)
        self._instruments = instruments
        self._holdings = holdings
        self._rolled: dict[Key, int] = {}
        """Up to when each position was charged."""
        self._charged: set[tuple[str, str]] = set()
        """The charges that the journal knew at the start, by portfolio and id."""
        self._next = 0
        """When there may be something to charge again."""

    # What a restart finds

    def bring_forward(self, position: Position, at: int) -> None:
        """Begin with what archived orders have led to."""
        self._rolled[position.portfolio, position.instrument, position.id] = at

    def take_up(self, record: OrderRecord) -> None:
        """Go on from when an order last traded."""
        order = record.order
        key = (order.portfolio, order.instrument, order.position)
        self._rolled[key] = max([self._rolled.get(key, 0), *(fill.at for fill in record.fills)])

    def recall(self, charges: Iterable[FinancingCharged]) -> None:
        """Remember what was charged already."""
        self._charged = {(each.portfolio, each.id) for each in charges}

    @property
    def held(self) -> set[str]:
        """The instruments of which something is held."""
        return {instrument for (_, instrument, _), _ in self._positions()}

    # What happens

    def trade(self, key: Key, now: int) -> None:
        """Take note that a position is another one from now on."""
        self._rolled[key] = now

    @unrounded
    def due(self, marks: Mapping[str, float | Decimal], now: int) -> list[Charge]:
        """Return what is to be charged by now; what has no price yet is charged when it has."""
        if now < self._next:
            return []
        charges: list[Charge] = []
        self._next = self._day.end(now)
        for key, quantity in self._positions():
            mark = marks.get(key[1])
            if mark is None:
                self._next = now
                continue
            charges += self._nights(key, quantity, exact(mark), now)
        return charges

    def _nights(self, key: Key, quantity: Decimal, mark: Decimal, now: int) -> Iterator[Charge]:
        portfolio, instrument, position = key
        rate = self._long if quantity > 0 else self._short
        notional = abs(quantity) * mark * self._instruments[instrument].multiplier
        amount = -QUOTIENTS.divide(notional * rate, YEAR).quantize(STEP, context=QUOTIENTS)
        while (at := self._day.end(self._rolled[key])) <= now:
            self._rolled[key] = at
            name = f"{instrument}/{position}" if position else instrument
            charge = Charge(portfolio, instrument, amount, f"{name} {to_rfc3339(at)[:16]}Z", at)
            if amount and (portfolio, charge.id) not in self._charged:
                yield charge

    def _positions(self) -> Iterator[tuple[Key, Decimal]]:
        for key, quantity in self._holdings:
            if quantity and key[1] in self._instruments:
                yield key, quantity
