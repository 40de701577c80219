"""Holds plus or minus a fixed quantity."""

from decimal import Decimal

from pydantic import Field

from lts.sdk import Instrument, Params, Portfolio, SignalRaised, exact


class FixedQuantityParams(Params):
    """How much to hold."""

    quantity: Decimal = Field(
        gt=0, max_digits=38, decimal_places=18, description="What a full signal, +1 or -1, holds."
    )


class FixedQuantity(Portfolio[FixedQuantityParams]):
    """The same quantity each time: a reversal is one order for the difference."""

    def size(self, signal: SignalRaised, instrument: Instrument) -> Decimal:  # noqa: ARG002 - every instrument alike
        """Return the quantity in the signal's direction, in proportion to its target."""
        return self.params.quantity * exact(signal.target)
