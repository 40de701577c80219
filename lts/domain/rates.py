"""Rates: what one unit of a currency is in that of a portfolio, at the last prices that can be used."""

from decimal import Decimal

from lts.domain.financing import FinancingReport, bearers
from lts.domain.orders import Order
from lts.domain.prices import News, is_usable, price_of
from lts.domain.register import Register


class Rates:
    """The last price of each instrument whose price is a rate, and what bookings are converted at."""

    __slots__ = ("_prices", "_register")

    def __init__(self, register: Register) -> None:
        self._register = register
        self._prices: dict[str, float] = {}

    @property
    def unheard(self) -> list[str]:
        """The instruments whose prices are rates, and of which none has been heard yet."""
        return sorted(self._register.conversions.symbols - self._prices.keys())

    def knows(self, instrument: str) -> bool:
        """Whether a price of an instrument has been heard."""
        return instrument in self._prices

    def heed(self, news: News) -> bool:
        """Remember a price, and return whether it is one that can be used; any other changes nothing."""
        usable = is_usable(news)
        if usable:
            self._prices[news.instrument] = price_of(news)
        return usable

    def rate(self, currency: str, portfolio: str, instrument: str) -> Decimal | None:
        """Return what one unit of a currency is to a portfolio that trades an instrument; None if unknown."""
        home = self._register.currency_of(portfolio, instrument)
        return self._register.conversions.rate(currency, home, self._prices)

    def of(self, order: Order, stated: Decimal | None = None) -> Decimal | None:
        """Return the rate at which a fill of an order is booked; None if it is not known.

        Args:
            order: what has filled.
            stated: at which the venue has converted the fill, if it has: that comes first.
        """
        currency = self._register.instruments[order.instrument].currency
        home = self._register.currency_of(order.portfolio, order.instrument)
        if stated is not None and currency != home:
            return stated
        return self._register.conversions.rate(currency, home, self._prices)

    def is_awaited(self, report: FinancingReport) -> bool:
        """Whether a charge cannot be booked before there is a price at which it is converted."""
        if report.instrument not in self._register.instruments:
            return False
        return any(
            self.rate(report.currency, portfolio, report.instrument) is None
            and self._register.converts(report.currency, portfolio, report.instrument)
            for portfolio in bearers(report, self._register)
        )
