"""How a portfolio's books are opened again: with what the journal has, and not if nobody would close it."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING

from lts.domain.conversion import Conversions
from lts.domain.journal import Deposit, DepositsRecalled, OrdersRecalled
from lts.domain.market import Instrument
from lts.domain.portfolio import Book
from lts.domain.valuation import Valuation
from lts.refusal import Refused

if TYPE_CHECKING:
    from lts.kinds.portfolio import PortfolioAssignment


def ever_traded(
    kept: PortfolioAssignment, journal: OrdersRecalled
) -> tuple[Mapping[str, Instrument], Conversions]:
    """Return the instruments that are traded or were once, and how their currencies are converted.

    Raises:
        Refused: nobody knows one of them any more.
    """
    symbols = {record.order.instrument for record in journal.records}
    symbols.update(snapshot.position.instrument for snapshot in journal.snapshots)
    symbols.update(booked.instrument for booked in journal.booked)
    former = sorted(symbols - kept.instruments.keys())
    if not former:
        return kept.instruments, kept.conversions
    if unknown := [symbol for symbol in former if symbol not in kept.known.instruments]:
        raise Refused(
            f"portfolio '{kept.portfolio}' has traded {unknown[0]}, which is in its books for ever; "
            "describe that [[instrument]] again"
        )
    instruments = {**kept.instruments, **{symbol: kept.known.instruments[symbol] for symbol in former}}
    currencies = (instrument.currency for instrument in instruments.values())
    return instruments, kept.known.conversions.into(kept.currency, currencies)


def begun(
    book: Book, kept: PortfolioAssignment, paid: DepositsRecalled, journal: OrdersRecalled, now: int
) -> Valuation:
    """Begin the books with what was paid in, archived and charged, and return how they are valued."""
    for deposit in paid.deposits or (Deposit("opening", kept.cash, now),):
        book.deposit(deposit.amount, deposit.at, deposit.reference)
    for snapshot in journal.snapshots:
        book.bring_forward(snapshot.position, snapshot.at, snapshot.converted)
    for charged in journal.financing:
        book.charge(charged)
    valuation = Valuation(book)
    for snapshot in sorted(journal.snapshots, key=attrgetter("at")):
        currency = book.foreign.get(snapshot.position.instrument)
        if currency and snapshot.converted is not None:
            valuation.begin_with(book.first_mark(currency, snapshot.rate))
    return valuation


def refuse_orphans(kept: PortfolioAssignment, book: Book) -> None:
    """Refuse to go on holding what no asset trades any more: nobody would close it."""
    for held in book.held():
        if held.instrument not in kept.instruments:
            raise Refused(
                f"portfolio '{kept.portfolio}' holds {held.instrument}, which none of its assets trades; "
                "add such an asset again, and close it first"
            )


def refuse_other_positions(kept: PortfolioAssignment, book: Book, journal: OrdersRecalled) -> None:
    """Refuse to go on with what the account has kept in another way: nobody would close it."""
    hedged = frozenset(kept.hedged.values())
    places = [(each.instrument, each.id) for each in book.held()]
    places += [(each.order.instrument, each.order.position) for each in journal.records if each.leaves]
    for symbol, position in places:
        if bool(position) is not (symbol in hedged):
            was, broker = "hedging" if position else "netting", kept.brokers[symbol]
            raise Refused(
                f"portfolio '{kept.portfolio}' has open positions or orders in {symbol} from "
                f"when broker '{broker}' had positions = \"{was}\"; say that again and close them first"
            )
