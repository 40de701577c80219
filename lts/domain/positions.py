"""Positions: what a portfolio holds of an instrument, at average cost."""

from decimal import Decimal
from typing import Self

import msgspec

from bus.message import Event
from lts.domain.fills import Fill
from lts.domain.money import EXACT, ONE, ZERO, unrounded

_COST_STEP = Decimal("1E-50")  # where the cost of a part is rounded, so that sums of costs fit 100 digits


class Position(msgspec.Struct, frozen=True, gc=False):
    """The fold of a portfolio's fills in one instrument: of all, or of those under one id where it hedges.

    `quantity` and `cost` are negative when short. `cost` is the money paid for what is open;
    `realised` is the profit of what was closed, before `fees`. A round trip is complete when the
    quantity returns to zero or changes its sign.
    """

    portfolio: str
    instrument: str
    multiplier: Decimal = ONE
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    round_trips: int = 0
    id: str = ""
    """What tells it from others of the instrument in an account that hedges; empty where they are netted."""

    @property
    def place(self) -> str:
        """Where it is booked: its id, or the instrument where positions are netted."""
        return self.id or self.instrument

    @property
    def average_price(self) -> Decimal:
        """The price at which the open quantity was bought or sold on average; zero when flat."""
        if not self.quantity:
            return ZERO
        return EXACT.divide(self.cost, EXACT.multiply(self.quantity, self.multiplier))

    @unrounded
    def value(self, mark: Decimal) -> Decimal:
        """Return what the open quantity is worth at a price, negative when short."""
        return self.quantity * mark * self.multiplier

    @unrounded
    def after(self, fill: Fill) -> Self:
        """Return the position that a fill leads to."""
        return self.fold(fill)

    def fold(self, fill: Fill) -> Self:
        """Return the position that a fill leads to, for callers that are `unrounded` already.

        Whatever is rounded in `cost` is in `realised` too: the cost minus the realised profit is
        always exactly what was paid for the purchases minus what was received for the sales.
        """
        traded = fill.side.signed(fill.quantity)
        quantity = self.quantity + traded
        cost = self.cost + traded * fill.price * self.multiplier
        realised, round_trips = self.realised, self.round_trips
        if self.quantity and traded.is_signed() is not self.quantity.is_signed():
            paid, cost = cost, self._cost_of(quantity, fill.price)
            realised += cost - paid
            round_trips += not quantity or quantity.is_signed() is traded.is_signed()
        return type(self)(
            self.portfolio,
            self.instrument,
            self.multiplier,
            quantity,
            cost,
            realised,
            self.fees + fill.fee,
            round_trips,
            self.id,
        )

    def adjust(self, quantity: Decimal, price: Decimal) -> Self:
        """Return the position with a quantity more, or less, that nobody traded; callers are `unrounded`.

        What is added has cost this price; what is taken away goes at average cost, so that nothing is
        realised.
        """
        after = self.quantity + quantity
        if not self.quantity or quantity.is_signed() is self.quantity.is_signed():
            cost = self.cost + quantity * price * self.multiplier
        else:
            cost = self._cost_of(after, price)
        return msgspec.structs.replace(self, quantity=after, cost=cost)

    def _cost_of(self, left: Decimal, price: Decimal) -> Decimal:
        """Return the cost of what a trade in the other direction, at this price, leaves open."""
        if not left:
            return ZERO
        if left.is_signed() is not self.quantity.is_signed():
            return left * price * self.multiplier
        share = EXACT.divide(self.cost * left, self.quantity)
        return share.quantize(_COST_STEP, context=EXACT).normalize(EXACT)


class PositionChanged(Event, key="portfolio", gc=False):
    """A portfolio holds another quantity of an instrument than before, and this much cash."""

    portfolio: str
    position: Position
    cash: Decimal
    at: int
