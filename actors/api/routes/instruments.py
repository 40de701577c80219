"""Instruments: what can be traded, and the rules of its contract."""

import msgspec
from starlette.responses import Response

from actors.api.amounts import Amount
from actors.api.call import Call
from actors.api.listings import Listing
from actors.api.pages import USUAL, Page
from actors.api.problems import Kind, not_found
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InPath, Limit
from lts.domain.instrument_listings import ListInstruments
from lts.domain.market import Instrument
from lts.domain.money import plain
from lts.domain.permissions import Permission

routes = Table("instruments", "What can be traded.")
READ = Rule(needs=Permission.READ_MARKET)


class InstrumentView(msgspec.Struct, frozen=True):
    """An instrument: the steps of its prices and quantities, and what a contract is."""

    symbol: str
    currency: str
    tick_size: Amount
    lot_size: Amount
    multiplier: Amount
    min_notional: Amount


@routes.get("/instruments", READ, answers=Page[InstrumentView])
async def list_instruments(call: Call, cursor: CursorQuery = None, limit: Limit = USUAL) -> Response:
    """List the instruments."""
    page = Listing(call, "instruments", cursor)
    listed = await page.ask(ListInstruments("", page.after, limit))
    return call.answer(Page(tuple(map(_view, listed.instruments)), page.cursor(listed.next)))


@routes.get("/instruments/{symbol:name}", READ, answers=InstrumentView, problems=(Kind.NOT_FOUND,))
async def read_instrument(call: Call, symbol: InPath) -> Response:
    """Read an instrument."""
    listed = await Listing(call, "instrument", None).ask(ListInstruments(symbol))
    if not listed.instruments:
        raise not_found()
    return call.answer(_view(listed.instruments[0]))


def _view(each: Instrument) -> InstrumentView:
    steps = (each.tick_size, each.lot_size, each.multiplier, each.min_notional)
    return InstrumentView(each.symbol, each.currency, *map(plain, steps))
