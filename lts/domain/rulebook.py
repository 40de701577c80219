"""The rulebook: what the contract of an instrument asks of an order."""

from decimal import Decimal

from lts.domain.market import Instrument
from lts.domain.money import plain, unrounded
from lts.domain.orders import Terms


@unrounded
def breach(terms: Terms, instrument: Instrument, mark: Decimal | None) -> str:
    """Return which rule an order's terms break, empty if none; a market order is valued at the mark."""
    if terms.quantity % instrument.lot_size:
        return f"{plain(terms.quantity)} is no whole number of lots of {plain(instrument.lot_size)}"
    for name, price in (
        ("limit price", terms.limit_price),
        ("trigger price", terms.trigger_price),
        ("trailing offset", terms.trailing_offset),
    ):
        if price is not None and price % instrument.tick_size:
            return f"the {name} {plain(price)} is no whole number of ticks of {plain(instrument.tick_size)}"
    at = terms.limit_price or terms.trigger_price or mark
    if at is not None and at * terms.quantity * instrument.multiplier < instrument.min_notional:
        return f"it is worth less than the minimum of {plain(instrument.min_notional)}"
    return ""
