"""The last that was heard of each market, and whether orders can be judged by it."""

from collections.abc import Mapping
from decimal import Decimal
from math import inf, isfinite

from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.market import Bar, Instrument, Quote, Trade
from lts.domain.money import ONE, ZERO, exact
from lts.domain.orders import Order

News = Bar | Quote | Trade


class Prices:
    """Remembers the last news of each instrument, and of those that are watched the price before."""

    __slots__ = ("_before", "_conversions", "_instruments", "last", "stale")

    def __init__(
        self, instruments: Mapping[str, Instrument], conversions: Conversions = NO_CONVERSIONS
    ) -> None:
        self._conversions = conversions
        self.last: dict[str, News] = {}
        self.stale: dict[str, str] = {}
        """Instruments of which nothing is heard that should be, and what is said of it."""
        self._before: dict[str, float] = {}
        self._instruments = instruments

    def leap(self, news: News) -> None:
        """Remember the price that these news take the place of."""
        if before := self.last.get(news.instrument):
            self._before[news.instrument] = price_of(before)

    def objection(self, symbol: str) -> str:
        """Return why an instrument cannot be valued now; empty if it can."""
        news = self.last.get(symbol)
        return f"no price of {symbol} has been seen" if news is None else _objection_to(news, price_of(news))

    def reference(self, symbol: str) -> Decimal:
        """Return the price by which orders are judged, zero if it is no number; there has to be one."""
        price = price_of(self.last[symbol])
        return exact(price) if isfinite(price) else ZERO

    def age(self, symbol: str, now: int, currency: str = "") -> int:
        """Return how long ago it was seen, in nanoseconds: the price, or its rate into a currency."""
        news = [self.last[symbol]]
        way = self._conversions.way(self._instruments[symbol].currency, currency)
        if way is not None and way.instrument in self.last:
            news.append(self.last[way.instrument])
        return max(now - (each.closed_at if isinstance(each, Bar) else each.at) for each in news)

    def jump(self, symbol: str) -> Decimal:
        """Return how far the last price is off the one before, in basis points; 0 if there was none."""
        before = self._before.get(symbol, 0.0)
        if not 0 < before < inf:
            return ZERO
        return abs(self.reference(symbol) - exact(before)) / exact(before) * 10_000

    def rate(self, symbol: str, currency: str) -> Decimal | None:
        """Return what one unit of an instrument's currency is in another; None if it is not known.

        No other currency is the instrument's own.
        """
        own = self._instruments[symbol].currency
        if not currency or own == currency:
            return ONE
        way = self._conversions.way(own, currency)
        if way is None:
            return None
        usable = not self.objection(way.instrument)
        return way.at(self.reference(way.instrument) if usable else None)

    def objection_to_rate(self, symbol: str, currency: str) -> str:
        """Return why an instrument's currency cannot be converted now; empty if it can."""
        own = self._instruments[symbol].currency
        way = self._conversions.way(own, currency)
        if self.rate(symbol, currency) is not None:
            stale = self.stale.get(way.instrument) if way and self.stale else None
            return f"the rate from {own} to {currency} is too old: {stale}" if stale else ""
        why = "nothing converts between them" if way is None else self.objection(way.instrument)
        return f"no rate from {own} to {currency} is known: {why}"

    def value(self, symbol: str, currency: str = "") -> Decimal:
        """Return what one of an instrument is worth in a currency, a contract with its multiplier."""
        value = self.reference(symbol) * self._instruments[symbol].multiplier
        return value * (self.rate(symbol, currency) or ONE) if currency else value

    def counts_at(self, order: Order) -> Decimal:
        """Return the price at which an order counts: its limit, the trigger of a stop, or the last price."""
        if order.limit_price is not None:
            return order.limit_price
        return self.reference(order.instrument) if order.trigger_price is None else order.trigger_price

    def value_at(self, order: Order, currency: str = "") -> Decimal:
        """Return what one of what an order trades is worth; nothing, if there has been no price yet."""
        if order.limit_price is None and order.trigger_price is None and self.objection(order.instrument):
            return ZERO
        value = self.counts_at(order) * self._instruments[order.instrument].multiplier
        return value * (self.rate(order.instrument, currency) or ONE) if currency else value


def is_usable(news: News) -> bool:
    """Whether a price can be used for anything: a rate, a value, a judgement."""
    return not _objection_to(news, price_of(news))


def _objection_to(news: News, price: float) -> str:
    if isinstance(news, Quote) and news.bid > news.ask:
        return f"the last quote of {news.instrument} is crossed: {news.bid:g} is bid, and {news.ask:g} asked"
    if not 0 < price < inf:
        return f"the last price of {news.instrument}, {price}, is not a positive number"
    if isinstance(news, Quote) and not (news.bid > 0 and news.ask > 0):
        return f"the last quote of {news.instrument} has a side that is not a positive number"
    return ""


def price_of(news: News) -> float:
    """Return the price by which orders are judged, as it came in: the last, or the middle of a quote."""
    if isinstance(news, Bar):
        return news.close
    return news.price if isinstance(news, Trade) else (news.bid + news.ask) / 2
