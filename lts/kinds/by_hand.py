"""An order that somebody has entered by hand, as a portfolio takes it: drafted, or answered why not."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from lts.domain.bracket import Brackets
from lts.domain.market import Instrument
from lts.domain.money import exact
from lts.domain.order_entry import EntryAnswered, EntryCode, OrderEntered
from lts.domain.orders import Order

if TYPE_CHECKING:
    from lts.kinds.portfolio import PortfolioAssignment


class Draft(msgspec.Struct, frozen=True):
    """An order that can be proposed, as yet without an id."""

    order: Order
    instrument: Instrument
    reference: Decimal | None
    """At what price it would trade now, if that is known."""


def drafted(
    entry: OrderEntered, kept: PortfolioAssignment, brackets: Brackets, close: float | None, now: int
) -> Draft | EntryAnswered:
    """Return the order that was entered, or why it is not even proposed.

    Args:
        entry: what was entered.
        kept: what the portfolio trades where.
        brackets: what protects its positions.
        close: the last one of the instrument; None if there was none yet.
        now: market time.
    """
    ticket = entry.ticket
    instrument = kept.instruments.get(ticket.instrument)
    if instrument is None:
        unknown = f"portfolio {kept.portfolio} does not trade {ticket.instrument}"
        return _refused(entry, unknown, EntryCode.UNKNOWN_INSTRUMENT)
    symbol = instrument.symbol
    reference = ticket.price or (None if close is None else exact(close))
    order = ticket.order(kept.portfolio, kept.brokers[symbol], now, entry.entered)
    try:
        order = replace(order, position=ticket.place(kept.hedged))
    except ValueError as error:
        return _refused(entry, str(error))
    if objection := ticket.objection(order, instrument, reference):
        return _refused(entry, objection)
    bracket = None if ticket.reduce_only else brackets.get(order.place)
    if bracket is not None and bracket.plan is not None and reference is None:
        return _refused(entry, f"there is no price of {symbol} yet to protect it by")
    return Draft(order, instrument, reference)


def _refused(entry: OrderEntered, reason: str, code: EntryCode = EntryCode.INVALID) -> EntryAnswered:
    return EntryAnswered(entry.portfolio, entry.entered.number, reason=reason, code=code)
