"""What v20 says of prices: quotes from its stream, bars from its candles."""

from collections.abc import Mapping
from typing import Any

from lts.sdk import Bar, Quote, from_rfc3339


def quote_of(message: Mapping[str, Any], symbol: str) -> Quote | None:
    """Return the quote in a message of the pricing stream; None if it is none that could be traded at."""
    if message["type"] != "PRICE" or not message.get("tradeable", True):
        return None
    if not (message.get("bids") and message.get("asks")):
        return None
    bid, ask = message["bids"][0], message["asks"][0]
    return Quote(
        symbol,
        from_rfc3339(message["time"]),
        float(bid["price"]),
        float(ask["price"]),
        float(bid["liquidity"]),
        float(ask["liquidity"]),
    )


def bar_of(candle: Mapping[str, Any], symbol: str, span: int) -> Bar:
    """Return a candle of mid prices as a bar; its volume counts prices."""
    opened_at, mid = from_rfc3339(candle["time"]), candle["mid"]
    open_, high, low, close = (float(mid[which]) for which in "ohlc")
    return Bar(symbol, opened_at, opened_at + span, open_, high, low, close, float(candle["volume"]))
