"""A portfolio's worth from close to close."""

from itertools import repeat
from operator import attrgetter

from lts.domain.market import Bar
from lts.domain.performance import EquityCurve
from lts.domain.portfolio import Book

_CLOSED_AT, _CLOSE = attrgetter("closed_at"), attrgetter("close")

WAITING = 1024
"""Closes that may wait to be valued together, which is several times faster than one by one."""


class Valuation:
    """Values a book at every close that it sees. What is asked of it is always up to date.

    Closes are appended to `closes`; whoever appends sees to it that no more than `WAITING` wait.
    Whoever books a fill calls `catch_up` before, so that earlier closes are valued without it.
    """

    __slots__ = ("_book", "_curve", "_marks", "closes")

    def __init__(self, book: Book) -> None:
        self._book = book
        self._marks: dict[str, float] = {}
        self._curve = EquityCurve()
        self.closes: list[Bar] = []

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

    def catch_up(self) -> None:
        """Value what is held at the closes that have been seen since the last time."""
        if not self.closes:
            return
        if len(self._book.positions) == 1:
            self._value_one_instrument()
        else:
            for bar in self.closes:
                self._marks[bar.instrument] = bar.close
                self._curve.sample(bar.closed_at, self._book.value(self._marks))
        self.closes.clear()

    def _value_one_instrument(self) -> None:
        closes, last = self.closes, self.closes[-1]
        cash, units = self._book.value({last.instrument: 0.0}), self._book.units(last.instrument)
        self._marks[last.instrument] = last.close
        self._curve.times.extend(map(_CLOSED_AT, closes))
        if units:
            self._curve.values.extend([cash + units * close for close in map(_CLOSE, closes)])
        else:
            self._curve.values.extend(repeat(cash, len(closes)))
