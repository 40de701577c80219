"""Holds a fixed fraction of the portfolio's equity, sized at each signal and not in between."""

from decimal import Decimal

from pydantic import Field

from lts.sdk import Instrument, Params, Portfolio, SignalRaised, exact


class FixedFractionParams(Params):
    """How much of the equity to hold."""

    fraction: Decimal = Field(
        gt=0, le=10, decimal_places=18, description="Of the equity, for a full signal; above 1 it borrows."
    )


class FixedFraction(Portfolio[FixedFractionParams]):
    """A fraction of what the portfolio is worth at the last closes, in whole lots."""

    def size(self, signal: SignalRaised, instrument: Instrument) -> Decimal | None:
        """Return fraction × target × equity / price, floored to the lot; None without a price or a rate."""
        one = self.cost_of_one(instrument)
        if one is None:
            return None
        value = self.book.equity(self.marks) * self.params.fraction * exact(signal.target)
        return instrument.quantity(value / one)
