"""Instruments as they are listed."""

from bus.message import Event, Request
from lts.domain.listings import FEW, NotListed
from lts.domain.market import Instrument


class InstrumentsListed(Event):
    """Instruments by symbol."""

    instruments: tuple[Instrument, ...]
    next: str = ""


class ListInstruments(Request[InstrumentsListed | NotListed]):
    """Asks for the instruments, or for one of them."""

    symbol: str = ""
    after: str = ""
    limit: int = FEW
