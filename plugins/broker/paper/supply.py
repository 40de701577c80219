"""A supply: how much can trade at one time, for all orders together."""

from decimal import Decimal

from lts.sdk import Instrument, exact


class Supply:
    """A quantity that orders take from, each what the ones before it have left."""

    __slots__ = ("_whole", "left")

    def __init__(self, left: Decimal, whole: "Supply | None" = None) -> None:
        self.left = left
        self._whole = whole

    @classmethod
    def share(cls, size: float, rate: Decimal | None, instrument: Instrument) -> "Supply | None":
        """Return the whole lots within a share of a size; None, for no end of it, where no rate is set."""
        return None if rate is None else cls(instrument.quantity(exact(size) * rate))

    def part(self, most: Decimal) -> "Supply":
        """Return so much of it, at most: what is taken from the part is taken from the whole."""
        return type(self)(min(self.left, most), self)

    def take(self, quantity: Decimal) -> None:
        """Take a quantity, of what is left."""
        self.left -= quantity
        if self._whole is not None:
            self._whole.take(quantity)
