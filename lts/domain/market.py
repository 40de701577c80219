"""What is traded, and what its market says: instruments, bars, quotes and trades.

Times are nanoseconds since 1970 in UTC. Prices and sizes of the market are floats; they become
amounts only through `Instrument.price` and `Instrument.quantity`.
"""

from decimal import Decimal

import msgspec

from bus.message import Delivery, Event, Request
from lts.domain.money import ONE, ZERO, exact, unrounded


class Instrument(msgspec.Struct, frozen=True, gc=False):
    """A thing that can be bought and sold, with the rules of its contract."""

    symbol: str
    currency: str
    tick_size: Decimal
    lot_size: Decimal
    multiplier: Decimal = ONE
    min_notional: Decimal = ZERO

    def price(self, value: float | str | Decimal) -> Decimal:
        """Return the price as it was written, never snapped to the tick."""
        return exact(value)

    @unrounded
    def quantity(self, value: float | str | Decimal) -> Decimal:
        """Return the largest whole number of lots within a quantity, of the same sign."""
        return exact(value) // self.lot_size * self.lot_size + ZERO  # adding zero turns -0 into 0


class BarOpened(Event, key="instrument", gc=False):
    """A bar began, and this is its first price: the moment when a market order can fill."""

    instrument: str
    at: int
    open: float


class Bar(Event, key="instrument", gc=False):
    """A bar is over: what a market did between two instants."""

    instrument: str
    opened_at: int
    closed_at: int
    open: float
    high: float
    low: float
    close: float
    volume: float

    def later(self, by: int) -> "Bar":
        """Return the same bar so many nanoseconds later."""
        return msgspec.structs.replace(self, opened_at=self.opened_at + by, closed_at=self.closed_at + by)


class Quote(Event, key="instrument", delivery=Delivery.LATEST, gc=False):
    """The best prices at which a market would buy and sell now; only the newest matters."""

    instrument: str
    at: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float


class Trade(Event, key="instrument", gc=False):
    """Two others traded at this price."""

    instrument: str
    at: int
    price: float
    size: float
    trade_id: str = ""


class History(Event):
    """The bars before now, oldest first, and the instant up to which they are complete.

    `cursor` is the close of the last bar that was published, 0 if there was none: a bar that
    closed at or before it is already among these, should it arrive once more.
    """

    bars: tuple[Bar, ...]
    cursor: int


class RecentBars(Request[History], key="instrument", gc=False):
    """Asks for the last bars of an instrument, at most `count`."""

    instrument: str
    count: int


class FeedProgressed(Event, key="instrument", gc=False):
    """How many bars a feed has published, and how many it has in all (None: there is no end)."""

    instrument: str
    bars: int
    total: int | None
    endless: bool = False
    """Whether it is known that it will never end."""


class GetFeedProgress(Request[FeedProgressed], key="instrument", gc=False):
    """Asks an instrument's feed how far it is."""

    instrument: str
