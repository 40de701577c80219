"""A portfolio's worth from close to close."""

from lts.domain.market import Bar
from lts.domain.performance import EquityCurve
from lts.domain.portfolio import Book

WAITING = 1024
"""Closes that may wait to be valued together, which is several times faster than one by one."""


class Valuation:
    """Values a book at every close that it sees. What is asked of it is always up to date.

    Whoever books a fill calls `catch_up` before, so that earlier closes are valued without it.
    """

    __slots__ = ("_book", "_closes", "_curve", "_marks")

    def __init__(self, book: Book) -> None:
        self._book = book
        self._marks: dict[str, float] = {}
        self._curve = EquityCurve()
        self._closes: list[Bar] = []

    @property
    def marks(self) -> dict[str, float]:
        """The last close of each instrument, or the price of its first fill before there is one."""
        self.catch_up()
        return self._marks

    @property
    def curve(self) -> EquityCurve:
        """The equity at every close."""
        self.catch_up()
        return self._curve

    def see(self, bar: Bar) -> None:
        """Take note of a close."""
        self._closes.append(bar)
        if len(self._closes) >= WAITING:
            self.catch_up()

    def catch_up(self) -> None:
        """Value what is held at the closes that have been seen since the last time."""
        if not self._closes:
            return
        if len(self._book.positions) == 1:
            self._value_one_instrument()
        else:
            for bar in self._closes:
                self._marks[bar.instrument] = bar.close
                self._curve.sample(bar.closed_at, self._book.value(self._marks))
        self._closes.clear()

    def _value_one_instrument(self) -> None:
        closes, last = self._closes, self._closes[-1]
        cash, units = self._book.value({last.instrument: 0.0}), self._book.units(last.instrument)
        self._marks[last.instrument] = last.close
        self._curve.times.extend([bar.closed_at for bar in closes])
        self._curve.values.extend([cash + units * bar.close for bar in closes])
