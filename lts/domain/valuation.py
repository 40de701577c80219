"""A portfolio's worth from close to close."""

from array import array
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise

from lts.domain.market import Bar
from lts.domain.money import ZERO
from lts.domain.performance import EquityCurve
from lts.domain.portfolio import Book
from lts.domain.prices import is_usable

WAITING = 128
"""Closes that may wait to be valued together, which is several times faster than one by one."""

Span = tuple[int, int, float, dict[str, float]]
"""From which close to which, and what the book was worth, as floats: see `Book.worth`."""


class Valuation:
    """Values a book at every close that it sees. What is asked of it is always up to date.

    Closes are appended to `closes`; whoever appends sees to it that no more than `WAITING` wait.
    Whoever books something says so with `turn`: the closes until then are valued without it.
    """

    __slots__ = ("_book", "_closed", "_curve", "_marks", "_spans", "closes")

    def __init__(self, book: Book) -> None:
        self.closes: list[Bar] = []
        self._book = book
        self._closed: set[str] = set()
        """Where currencies are converted, the instruments of which there was a close."""
        self._curve = EquityCurve()
        self._spans = [(0, *book.worth())]
        self._marks = {held.instrument: float(held.average_price) for held in book.held()}

    @property
    def marks(self) -> dict[str, float]:
        """The last close of each instrument.

        Before there is one, the average price of what is held from the beginning, or that of the first fill.
        """
        self.catch_up()
        return self._marks

    @property
    def curve(self) -> EquityCurve:
        """The equity at every close."""
        self.catch_up()
        return self._curve

    def turn(self, instrument: str, price: Decimal, rate: Decimal | None = None) -> None:
        """Take note that the book has changed, in an instrument, at a price and perhaps a rate."""
        if instrument not in self._marks:
            self.catch_up()
            self._marks.setdefault(instrument, float(price))
        book = self._book
        if rate is not None and book.foreign and (currency := book.foreign.get(instrument)):
            self.begin_with(book.first_mark(currency, rate))
        self._spans.append((len(self.closes), *book.worth()))

    def begin_with(self, marks: Mapping[str, float]) -> None:
        """Take these prices for the last ones of instruments of which there was no close yet."""
        if not marks.keys() <= self._closed:
            self.catch_up()
            for instrument in marks.keys() - self._closed:
                self._marks[instrument] = marks[instrument]

    def count_cash(self) -> None:
        """Take note that the book has changed, and that no instrument may be new by it."""
        self._spans.append((len(self.closes), *self._book.worth()))

    def catch_up(self) -> None:
        """Value what was held at the closes that have been seen since the last time."""
        ends = (*self._spans, (len(self.closes), ZERO, {}))
        spans: list[Span] = [
            (begin, end, float(cash), {held: float(count) for held, count in units.items()})
            for (begin, cash, units), (end, _, _) in pairwise(ends)
            if begin < end
        ]
        if self._book.foreign:
            self._value_converted(spans)
        elif len(self._book.positions) == 1:
            self._value_one(spans)
        else:
            self._value_all(spans)
        self._spans = [(0, *self._book.worth())]
        self.closes.clear()

    def _value_all(self, spans: Iterable[Span]) -> None:
        marks, sample = self._marks, self._curve.sample
        for begin, end, cash, units in spans:
            for bar in self.closes[begin:end]:
                marks[bar.instrument] = bar.close
                sample(bar.closed_at, cash + sum([count * marks[held] for held, count in units.items()]))

    def _value_converted(self, spans: Iterable[Span]) -> None:
        marks, sample, rate = self._marks, self._curve.sample, self._book.rate
        for begin, end, cash, units in spans:
            for bar in filter(is_usable, self.closes[begin:end]):
                marks[bar.instrument] = bar.close
                self._closed.add(bar.instrument)
                values = [count * marks[held] * float(rate(held, marks)) for held, count in units.items()]
                sample(bar.closed_at, cash + sum(values))

    def _value_one(self, spans: Iterable[Span]) -> None:
        prices, values = [bar.close for bar in self.closes], self._curve.values
        self._curve.times.fromlist([bar.closed_at for bar in self.closes])
        for begin, end, cash, units in spans:
            if units:
                (held,) = units.values()
                values.fromlist([cash + held * price for price in prices[begin:end]])
            else:
                values.extend(array("d", [cash]) * (end - begin))
        if prices:
            self._marks[self.closes[-1].instrument] = prices[-1]
