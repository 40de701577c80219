"""The queue: on trades, an order at its limit waits until what came before it has traded."""

from decimal import Decimal

from .ticket import ZERO, Ticket


def is_queued(ticket: Ticket, price: Decimal) -> bool:
    """Whether an order rests at its limit when others trade at a price, and does not take it.

    That somebody traded at its limit does not say that there was anything to take: it has to queue.
    """
    if ticket.asleep or ticket.limit is None or ticket.at_once:
        return False
    return not ticket.fresh or price == ticket.limit


def passed(ticket: Ticket, price: Decimal, size: Decimal) -> Decimal:
    """Return how much of a trade comes to a queued order, once those before it have had theirs.

    For callers that are `unrounded`. A trade beyond the limit means that nobody is left before it.
    """
    ticket.fresh = False
    if not ticket.reached(price):
        return ZERO
    if price != ticket.limit:
        ticket.ahead = ZERO
    before = min(ticket.ahead, size)
    ticket.ahead -= before
    return size - before
