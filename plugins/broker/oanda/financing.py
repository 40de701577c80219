"""What a transaction of the account charges or credits for what is held: financing, and dividends."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from .transactions import PLACES


class Financing(NamedTuple):
    """What a position was charged or credited."""

    instrument: str
    """As it is called there."""
    amount: Decimal
    """In the instrument's currency, negative if it was paid."""
    id: str


def financings_in(entry: Mapping[str, Any]) -> Iterator[Financing]:
    """Yield what a transaction charges or credits to positions; most charge nothing.

    A night is one transaction for all of them; an account that is financed second by second pays when a
    fill closes something; a dividend is one of its own. The venue books all of it in the account's
    currency, and says how it converts a gain or a loss into that.
    """
    match entry["type"]:
        case "DAILY_FINANCING":
            for position in entry.get("positionFinancings", ()):
                yield _financing(entry["id"], position, _amount(position, "financing"))
        case "ORDER_FILL":
            if amount := _amount(entry, "financing"):
                yield _financing(entry["id"], entry, amount)
        case "DIVIDEND_ADJUSTMENT":
            quoted = entry.get("quoteDividendAdjustment")
            yield _financing(
                entry["id"], entry, Decimal(quoted) if quoted else _amount(entry, "dividendAdjustment")
            )


def _financing(number: str, charged: Mapping[str, Any], amount: Decimal) -> Financing:
    name = charged["instrument"]
    return Financing(name, amount, f"{number}:{name}")


def _amount(charged: Mapping[str, Any], name: str) -> Decimal:
    """An amount in the instrument's currency."""
    amount = Decimal(charged.get(name, 0))
    side = "gainQuoteHome" if amount > 0 else "lossQuoteHome"
    stated = charged.get("homeConversionFactors", {}).get(side, {}).get("factor")
    rate = Decimal(stated or charged.get(f"{side}ConversionFactor", 1))
    return amount if rate == 1 or not amount else (amount / rate).quantize(PLACES)
