"""The market as it is told. Floats: for pictures and indicators, not for books."""

from typing import Any

from lts.domain.market import Bar, Quote, Trade
from lts.web.times import to_rfc3339


def quote_data(quote: Quote) -> dict[str, Any]:
    """Return a quote as it is told."""
    return {
        "at": to_rfc3339(quote.at),
        "bid": quote.bid,
        "ask": quote.ask,
        "bid_size": quote.bid_size,
        "ask_size": quote.ask_size,
    }


def bar_data(bar: Bar) -> dict[str, Any]:
    """Return a bar as it is told."""
    return {
        "opened_at": to_rfc3339(bar.opened_at),
        "closed_at": to_rfc3339(bar.closed_at),
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
    }


def trade_data(trade: Trade) -> dict[str, Any]:
    """Return a trade as it is told."""
    return {"at": to_rfc3339(trade.at), "price": trade.price, "size": trade.size, "trade_id": trade.trade_id}
