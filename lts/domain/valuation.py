"""A portfolio's worth from close to close."""

from array import array
from collections.abc import Sequence
from itertools import pairwise

from lts.domain.fills import Fill
from lts.domain.market import Bar
from lts.domain.performance import EquityCurve
from lts.domain.portfolio import Book

WAITING = 128
"""Closes that may wait to be valued together, which is several times faster than one by one."""


class Valuation:
    """Values a book at every close that it sees. What is asked of it is always up to date.

    Closes are appended to `closes`; whoever appends sees to it that no more than `WAITING` wait.
    Whoever books a fill says so with `turn`: the closes until then are valued without it.
    """

    __slots__ = ("_book", "_curve", "_marks", "_spans", "closes")

    def __init__(self, book: Book) -> None:
        self.closes: list[Bar] = []
        self._book = book
        self._marks: dict[str, float] = {}
        self._curve = EquityCurve()
        self._spans = [(0, *book.worth())]

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

    def turn(self, fill: Fill) -> None:
        """Take note that the book has changed by a fill."""
        if fill.instrument not in self._marks:
            self.catch_up()
            self._marks.setdefault(fill.instrument, float(fill.price))
        self._spans.append((len(self.closes), *self._book.worth()))

    def catch_up(self) -> None:
        """Value what was held at the closes that have been seen since the last time."""
        ends = (*self._spans, (len(self.closes), 0.0, {}))
        one_instrument = len(self._book.positions) == 1
        for (begin, cash, units), (end, _, _) in pairwise(ends):
            if begin == end:
                continue
            if one_instrument:
                self._value_one(self.closes[begin:end], cash, units)
            else:
                self._value_all(self.closes[begin:end], cash, units)
        self._spans = [(0, *self._book.worth())]
        self.closes.clear()

    def _value_all(self, closes: Sequence[Bar], cash: float, units: dict[str, float]) -> None:
        marks, sample = self._marks, self._curve.sample
        for bar in closes:
            marks[bar.instrument] = bar.close
            sample(bar.closed_at, cash + sum([count * marks[held] for held, count in units.items()]))

    def _value_one(self, closes: Sequence[Bar], cash: float, units: dict[str, float]) -> None:
        last = closes[-1]
        held = units.get(last.instrument, 0.0)
        self._marks[last.instrument] = last.close
        self._curve.times.fromlist([bar.closed_at for bar in closes])
        if held:
            self._curve.values.fromlist([cash + held * bar.close for bar in closes])
        else:
            self._curve.values.extend(array("d", [cash]) * len(closes))
