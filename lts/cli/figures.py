"""Numbers as people read them. Only what is shown is rounded."""

from collections.abc import Sequence
from decimal import Decimal

from lts.domain.money import EXACT, ZERO, plain

CENT = Decimal("0.01")
PRICED_IN_CENTS = 100
"""Prices below are shown with more digits."""
BARS = "▁▂▃▄▅▆▇█"
GAIN, LOSS, LEVEL = "green", "red", "default"


def money(amount: Decimal) -> str:
    """Return an amount in cents, with thousands apart: `-1,234.50`."""
    cents = amount.quantize(CENT, context=EXACT)
    return f"{EXACT.add(cents, ZERO):,f}"  # adding zero turns -0.00 into 0.00


def gain(amount: Decimal) -> str:
    """Return an amount with its sign."""
    text = money(amount)
    return text if text.startswith("-") or not amount else f"+{text}"


def price(value: Decimal | float) -> str:
    """Return a price in cents, or below one hundred in six significant digits."""
    value = Decimal(repr(value)) if isinstance(value, float) else value
    if abs(value) >= PRICED_IN_CENTS:
        return money(value)
    return f"{value:.6g}" if value else "0"


def quantity(amount: Decimal) -> str:
    """Return a quantity with all its digits."""
    return plain(amount)


def percent(part: float) -> str:
    """Return a fraction as a percentage with its sign."""
    return f"{part:+.2%}"


def change(now: Decimal, before: Decimal) -> float:
    """Return by which fraction an amount has grown; 0 if it was nothing before."""
    return float(now / before) - 1 if before else 0.0


def colour(amount: Decimal | float) -> str:
    """Return the colour of a gain, a loss, or neither."""
    return GAIN if amount > 0 else LOSS if amount < 0 else LEVEL


def sparkline(values: Sequence[float], width: int) -> str:
    """Return a curve as one line of bars, each the last of its share of the values."""
    if not values:
        return ""
    width = min(width, len(values))
    shown = [values[(place + 1) * len(values) // width - 1] for place in range(width)]
    low, high = min(shown), max(shown)
    steps = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * steps)] for value in shown)
