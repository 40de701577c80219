"""The bar that is forming: it opens with the first price in it, and closes when its time is over."""

from lts.sdk import Bar, BarOpened


class Forming:
    """Makes bars of prices, whole multiples of their length since 1970.

    A price of a bar that has closed comes too late, and is left out.
    """

    def __init__(self, symbol: str, span: int) -> None:
        self.symbol = symbol
        self.span = span
        self.bar: Bar | None = None
        self.free_from = 0
        """Before this, every bar has closed."""

    @property
    def known_to(self) -> int:
        """Up to when all bars are known: the opening of the one that is forming; 0 before the first."""
        return self.bar.opened_at if self.bar else self.free_from

    def price(self, at: int, price: float) -> tuple[Bar | None, BarOpened | None]:
        """Take a price in; return the bar that is over since, and the one that opens with it."""
        opened_at = at - at % self.span
        if opened_at < self.free_from:
            return None, None
        bar = self.bar
        if bar is None or bar.opened_at < opened_at:
            over = self.close(opened_at)
            self.bar = Bar(self.symbol, opened_at, opened_at + self.span, price, price, price, price, 1.0)
            return over, BarOpened(self.symbol, opened_at, price)
        if bar.opened_at == opened_at:
            high, low = max(bar.high, price), min(bar.low, price)
            self.bar = Bar(
                self.symbol, opened_at, bar.closed_at, bar.open, high, low, price, bar.volume + 1.0
            )
        return None, None

    def close(self, at: int) -> Bar | None:
        """Return the bar that is over by a time, if one is."""
        bar = self.bar
        if bar is None or bar.closed_at > at:
            return None
        self.bar, self.free_from = None, bar.closed_at
        return bar

    def replace(self, bar: Bar) -> None:
        """Take over what somebody else has seen of the bar that is forming; what it opened with stands."""
        mine = self.bar
        if bar.opened_at < self.free_from or (mine and mine.opened_at > bar.opened_at):
            return
        if mine is None or mine.opened_at != bar.opened_at:
            self.bar = bar
            return
        high, low = max(mine.open, bar.high), min(mine.open, bar.low)
        self.bar = Bar(self.symbol, bar.opened_at, bar.closed_at, mine.open, high, low, bar.close, bar.volume)

    def skip(self, to: int) -> None:
        """Note that every bar up to a time is known, and its own of that time given up."""
        self.free_from = max(self.free_from, to)
        if self.bar and self.bar.opened_at < to:
            self.bar = None
