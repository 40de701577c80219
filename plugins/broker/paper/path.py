"""A path: how the price went within a bar, of which only four prices are known."""

from decimal import Decimal
from typing import Literal

from lts.sdk import Bar, exact

Path = tuple[Decimal, Decimal, Decimal, Decimal]


def path_of(bar: Bar, rule: Literal["nearest", "high_first", "low_first"]) -> Path:
    """Return the turning points of a bar, in order; for callers that are `unrounded`.

    By the rule `nearest`, the extreme that is nearer to the open came first; of two that are as near,
    the one that the close is not on the side of: the low of a bar that closes at its open or above.
    """
    opened, high, low, close = exact(bar.open), exact(bar.high), exact(bar.low), exact(bar.close)
    if rule == "nearest":
        up, down = high - opened, opened - low
        high_first = up < down or (up == down and close < opened)
    else:
        high_first = rule == "high_first"
    return (opened, high, low, close) if high_first else (opened, low, high, close)
