"""Slippage: by how much worse than the market's price an order trades that takes any."""

from decimal import Decimal

from lts.sdk import Instrument, Side

from .commission import BPS
from .params import PaperParams


class Slippage:
    """A share of the price and a number of ticks, always against the order."""

    __slots__ = ("_none", "_share", "_ticks")

    def __init__(self, params: PaperParams) -> None:
        self._share, self._ticks = params.slippage_bps * BPS, params.slippage_ticks
        self._none = not (self._share or self._ticks)

    def slipped(self, price: Decimal, side: Side, instrument: Instrument) -> Decimal:
        """Return the price that is paid; for callers that are `unrounded`.

        By ticks it never falls below one tick, or below where the price stood if that was less.
        """
        if self._none:
            return price
        worse = price * (1 + side.sign * self._share)
        if not self._ticks:
            return worse
        return max(worse + side.sign * self._ticks * instrument.tick_size, min(worse, instrument.tick_size))
