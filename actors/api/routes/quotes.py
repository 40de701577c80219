"""Quotes: the latest prices, as they went by."""

import msgspec
from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import USUAL, Page, page_of
from actors.api.problems import Kind, not_found
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InPath, Limit
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("quotes", "The latest prices. Floats: for pictures and indicators, not for books.")
READ = Rule(needs=Permission.READ_MARKET)


class QuoteView(msgspec.Struct, frozen=True):
    """The latest prices of an instrument; null: there has been none since the API started."""

    instrument: str
    at: str | None
    bid: float | None
    ask: float | None
    bid_size: float | None
    ask_size: float | None
    closed_at: str | None
    close: float | None
    """Of the last bar."""


@routes.get("/quotes", READ, answers=Page[QuoteView])
async def list_quotes(call: Call, cursor: CursorQuery = None, limit: Limit = USUAL) -> Response:
    """List the latest prices of all instruments."""
    symbols = (each.symbol for each in call.port.premises.instruments)
    part = page_of(symbols, lambda each: (each,), call.port.cursors, "quotes", cursor, limit)
    return call.answer(Page(tuple(_view(call, symbol) for symbol in part.items), part.next))


@routes.get("/instruments/{symbol:name}/quote", READ, answers=QuoteView, problems=(Kind.NOT_FOUND,))
async def read_quote(call: Call, symbol: InPath) -> Response:
    """Read the latest prices of an instrument."""
    if all(each.symbol != symbol for each in call.port.premises.instruments):
        raise not_found()
    return call.answer(_view(call, symbol))


def _view(call: Call, symbol: str) -> QuoteView:
    quote, bar = call.port.quotes.get(symbol), call.port.bars.get(symbol)
    return QuoteView(
        symbol,
        to_rfc3339(quote.at) if quote else None,
        quote.bid if quote else None,
        quote.ask if quote else None,
        quote.bid_size if quote else None,
        quote.ask_size if quote else None,
        to_rfc3339(bar.closed_at) if bar else None,
        bar.close if bar else None,
    )
