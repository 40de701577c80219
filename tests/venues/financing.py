"""What holding costs or brings: every open trade pays for the night, or is paid; and dividends."""

from decimal import Decimal

from tests.venues.book import Book
from tests.venues.instruments import LISTED, Json, money

DAYS_A_YEAR = 365


def charge(book: Book, long_rate: Decimal, short_rate: Decimal) -> Json | None:
    """Add a DAILY_FINANCING for all that is open, None if nothing is.

    Rates are a year's, as v20 states them: 0.05 is 5 %, and what is negative is paid by whoever holds.
    """
    positions = [
        _of_position(book, name, long_rate if holding.units > 0 else short_rate)
        for name, holding in sorted(book.holdings.items())
        if holding.units
    ]
    if not positions:
        return None
    total = sum((Decimal(each["financing"]) for each in positions), Decimal(0))
    with book.log.batch():
        return book.log.add(
            "DAILY_FINANCING",
            financing=money(total),
            accountBalance=money(book.balance + total),
            accountFinancingMode="DAILY",
            positionFinancings=positions,
        )


def pay_dividend(book: Book, name: str, rate: Decimal) -> Json | None:
    """Add a DIVIDEND_ADJUSTMENT of so much a unit, which shorts pay; None if nothing is held."""
    units = book.net(name)
    if not units:
        return None
    factor = book.prices.home_factor(LISTED[name].quote)
    quoted = units * rate
    with book.log.batch():
        return book.log.add(
            "DIVIDEND_ADJUSTMENT",
            instrument=name,
            dividendAdjustment=money(quoted * factor),
            quoteDividendAdjustment=money(quoted),
            homeConversionFactors={
                side: {"factor": f"{factor:.10f}"} for side in ("gainQuoteHome", "lossQuoteHome")
            },
            accountBalance=money(book.balance + quoted * factor),
        )


def _of_position(book: Book, name: str, rate: Decimal) -> Json:
    factor = book.prices.home_factor(LISTED[name].quote)
    night = book.prices.quotes[name].mid * rate / DAYS_A_YEAR
    trades = [
        {
            "tradeID": trade["id"],
            "financing": money(abs(Decimal(trade["currentUnits"])) * night * factor),
            "financingRate": str(rate),
        }
        for trade in book.trades_of(name)
    ]
    total = sum((Decimal(each["financing"]) for each in trades), Decimal(0))
    return {
        "instrument": name,
        "financing": money(total),
        "homeConversionFactors": {
            side: {"factor": f"{factor:.10f}"} for side in ("gainQuoteHome", "lossQuoteHome")
        },
        "openTradeFinancings": trades,
        "accountFinancingMode": "DAILY",
    }
