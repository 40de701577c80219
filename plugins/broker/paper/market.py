"""What orders meet: the open of a bar, the rest of it, a quote, a trade."""

from collections.abc import Iterable
from decimal import Decimal
from math import inf

from lts.sdk import Bar, Quote, Trade, exact, unrounded

from .matching import Venue, along, meet
from .path import path_of
from .queue import is_queued, passed
from .supply import Supply
from .ticket import Ticket


@unrounded
def meet_open(venue: Venue, tickets: Iterable[Ticket], price: float) -> None:
    """Have orders meet the first price of a bar, unless its volume limits them: nobody knows that yet."""
    opened, waits = exact(price), venue.participation is not None
    for ticket in tuple(tickets):
        if not (ticket.expires_at is not None and venue.is_late(ticket)) and not waits:
            meet(venue, ticket, opened, None)


@unrounded
def follow_bar(venue: Venue, tickets: Iterable[Ticket], bar: Bar) -> None:
    """Lead those orders along a bar that were there for the whole of it; end those whose time is over."""
    everyone = tuple(tickets)
    there = [each for each in everyone if each.since <= bar.opened_at and not _ends_within(each, bar)]
    supply = Supply.share(bar.volume, venue.participation, venue.instruments[bar.instrument])
    if supply is not None:
        opened = exact(bar.open)
        for ticket in there:
            meet(venue, ticket, opened, supply)
    low, high = exact(bar.low), exact(bar.high)
    near = [each for each in there if _may_trade_between(each, low, high)]
    if near:
        along(venue, near, path_of(bar, venue.params.path), supply)
    for ticket in everyone:
        if not ticket.over:
            venue.is_late(ticket)


@unrounded
def meet_quote(venue: Venue, tickets: Iterable[Ticket], quote: Quote) -> None:
    """Have buyers meet the ask and its size, sellers the bid; a side without a price trades nothing."""
    instrument, rate = venue.instruments[quote.instrument], venue.participation
    asked, bid = (
        Supply.share(quote.ask_size, rate, instrument),
        Supply.share(quote.bid_size, rate, instrument),
    )
    for ticket in tuple(tickets):
        price, supply = (quote.ask, asked) if ticket.is_buy else (quote.bid, bid)
        if not venue.is_late(ticket) and 0 < price < inf:
            meet(venue, ticket, exact(price), supply, keep_limit=True)


@unrounded
def meet_trade(venue: Venue, tickets: Iterable[Ticket], trade: Trade) -> None:
    """Have orders meet the price of a trade; those in the queue get what those before them leave."""
    instrument, rate = venue.instruments[trade.instrument], venue.participation
    price = exact(trade.price)
    supply = Supply.share(trade.size, rate, instrument)
    for ticket in tuple(tickets):
        if venue.is_late(ticket):
            continue
        if not is_queued(ticket, price):
            meet(venue, ticket, price, supply)
        elif reach := passed(ticket, price, exact(trade.size)):
            mine = supply.part(instrument.quantity(reach * rate)) if supply and rate else None
            meet(venue, ticket, price, mine, keep_limit=True)


def _ends_within(ticket: Ticket, bar: Bar) -> bool:
    return ticket.expires_at is not None and ticket.expires_at < bar.closed_at


def _may_trade_between(ticket: Ticket, low: Decimal, high: Decimal) -> bool:
    """Whether a bar may be of interest to an order: one that cannot wait has had its open."""
    if ticket.over or (ticket.at_once and not ticket.asleep):
        return False
    return ticket.offset is not None or ticket.reached(low) or ticket.reached(high)
