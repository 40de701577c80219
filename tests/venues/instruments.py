"""What can be traded at the venue, and how its figures are written."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

MONEY = Decimal("0.0001")
Json = dict[str, Any]


@dataclass(frozen=True)
class Instrument:
    """One line of `/v3/accounts/{id}/instruments`."""

    name: str
    mid: str
    """What it costs before anything has happened."""
    precision: int
    pip: int
    margin: str = "0.05"
    units_precision: int = 0
    minimum: str = "1"
    maximum: str = "100000000"
    kind: str = "CURRENCY"

    @property
    def base(self) -> str:
        return self.name.split("_")[0]

    @property
    def quote(self) -> str:
        return self.name.split("_")[1]

    @property
    def tick(self) -> Decimal:
        return Decimal(1).scaleb(-self.precision)

    @property
    def spread(self) -> Decimal:
        """Two pips from bid to ask, unless somebody sets a price."""
        return 2 * Decimal(1).scaleb(self.pip)

    def price(self, price: Decimal) -> str:
        return f"{price.quantize(self.tick, ROUND_HALF_EVEN):f}"

    def described(self) -> Json:
        return {
            "name": self.name,
            "type": self.kind,
            "displayName": self.name.replace("_", "/"),
            "pipLocation": self.pip,
            "displayPrecision": self.precision,
            "tradeUnitsPrecision": self.units_precision,
            "minimumTradeSize": self.minimum,
            "maximumTrailingStopDistance": f"{self.tick * 100_000:f}",
            "minimumTrailingStopDistance": f"{self.tick * 50:f}",
            "maximumPositionSize": "0",
            "maximumOrderUnits": self.maximum,
            "marginRate": self.margin,
            "guaranteedStopLossOrderMode": "DISABLED",
            "tags": [],
        }


LISTED = {
    each.name: each
    for each in (
        Instrument("EUR_USD", "1.10000", 5, -4, "0.02"),
        Instrument("GBP_USD", "1.25000", 5, -4, "0.02"),
        Instrument("USD_JPY", "150.000", 3, -2, "0.02"),
        Instrument("EUR_GBP", "0.88000", 5, -4, "0.02"),
        Instrument("XAU_USD", "2400.000", 3, -1, "0.05", kind="METAL"),
        Instrument("SPX500_USD", "5000.0", 1, 0, "0.05", 1, "0.1", kind="CFD"),
        Instrument("BTC_USD", "60000.0", 1, 0, "0.50", 4, "0.0001", "1000", kind="CFD"),
    )
}


def money(amount: Decimal) -> str:
    """Write an amount of the account's currency, to four places, as v20 does."""
    return f"{amount.quantize(MONEY, ROUND_HALF_EVEN):f}"


def units(amount: Decimal) -> str:
    """Write a number of units, without zeros that mean nothing."""
    return f"{amount.normalize():f}" if amount else "0"
