"""Instruments."""

from actors.persistence.rows import InstrumentRow
from actors.persistence.unit import Unit
from actors.persistence.work import Impossible
from lts.domain.units import PutInstrument


async def put_instrument(unit: Unit, command: PutInstrument) -> None:
    """Make an instrument known, or give it other rules; what is held of it keeps currency and multiplier."""
    wanted = command.instrument
    row = await unit.session.get(InstrumentRow, wanted.symbol)
    if row is None:
        row = InstrumentRow(
            symbol=wanted.symbol,
            currency=wanted.currency,
            tick_size=wanted.tick_size,
            lot_size=wanted.lot_size,
            multiplier=wanted.multiplier,
            min_notional=wanted.min_notional,
        )
        unit.session.add(row)
        return
    if (row.currency, row.multiplier) != (wanted.currency, wanted.multiplier):
        raise Impossible(
            f"the instrument {wanted.symbol} has traded in {row.currency} with the multiplier "
            f"{row.multiplier}; give one with other terms another symbol, or use another state directory"
        )
    row.tick_size, row.lot_size, row.min_notional = wanted.tick_size, wanted.lot_size, wanted.min_notional
