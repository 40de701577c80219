"""Conversion: what one unit of a currency is in another, as stated or by the price of an instrument."""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from math import inf

import msgspec

from lts.domain.money import ONE, exact

_INVERSE = Context(prec=16)
"""To so many digits the inverse of a rate is taken; from there on it is exact."""


class Conversion(msgspec.Struct, frozen=True):
    """The way from one currency to another."""

    source: str
    target: str
    rate: Decimal | None = None
    """What one unit of the source is in the target, where that is stated."""
    instrument: str = ""
    """Else what is priced in one of the two, for one unit of the other."""
    inverse: bool = False
    """Whether that price is in the source."""

    @property
    def back(self) -> "Conversion":
        """The way from the target to the source."""
        rate = None if self.rate is None else _INVERSE.divide(ONE, self.rate)
        return Conversion(self.target, self.source, rate, self.instrument, not self.inverse)

    def at(self, price: float | Decimal | None) -> Decimal | None:
        """Return the rate at a price of the instrument; None if it is no price."""
        if self.rate is not None:
            return self.rate
        if price is None or not 0 < price < inf:
            return None
        return _INVERSE.divide(ONE, exact(price)) if self.inverse else exact(price)

    def price_at(self, rate: Decimal) -> float:
        """Return the price of the instrument at a rate above zero."""
        return 1 / float(rate) if self.inverse else float(rate)


class Conversions:
    """All ways between currencies that a system states; each leads there and back."""

    __slots__ = ("_ways", "symbols")

    def __init__(self, stated: Iterable[Conversion] = ()) -> None:
        self._ways: dict[tuple[str, str], Conversion] = {}
        for way in stated:
            for each in (way.back, way):
                self._ways[each.source, each.target] = each
        self.symbols = frozenset(way.instrument for way in self._ways.values() if way.instrument)
        """The instruments whose prices are rates."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._ways)

    def __eq__(self, other: object) -> bool:
        """Whether the same ways are stated."""
        return isinstance(other, Conversions) and self._ways == other._ways

    def __hash__(self) -> int:
        """Return the same for the same ways."""
        return hash(frozenset(self._ways.values()))

    def into(self, target: str, sources: Iterable[str]) -> "Conversions":
        """Return those that lead from some currencies to one."""
        found = (self._ways.get((source, target)) for source in dict.fromkeys(sources))
        return Conversions(way for way in found if way is not None)

    def way(self, source: str, target: str) -> Conversion | None:
        """Return the way from one currency to another, None if there is none."""
        return self._ways.get((source, target))

    def rate(
        self, source: str, target: str, prices: Mapping[str, float] | Mapping[str, float | Decimal]
    ) -> Decimal | None:
        """Return what one unit of a currency is in another at these prices; None if it is not known."""
        if source == target:
            return ONE
        way = self._ways.get((source, target))
        return None if way is None else way.at(prices.get(way.instrument))


NO_CONVERSIONS = Conversions()
