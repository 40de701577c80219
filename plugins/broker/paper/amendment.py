"""An amendment: other terms for an order that works."""

from lts.sdk import Terms, objection_to, plain

from .ticket import ZERO, Ticket


def cleaned(ticket: Ticket, terms: Terms) -> Terms:
    """Return terms without the trigger of a trailing stop, which nobody but the market moves."""
    if ticket.offset is None:
        return terms
    return Terms(terms.quantity, terms.limit_price, None, terms.trailing_offset)


def objection_to_amending(ticket: Ticket, terms: Terms) -> str:
    """Return why an order cannot work on these terms; empty if it can."""
    if objection := objection_to(ticket.order.type, terms):
        return objection
    if terms.quantity <= ticket.filled:
        return f"{plain(ticket.filled)} of it has traded already"
    if ticket.trigger is not None and not ticket.asleep and _moves_trigger(ticket, terms):
        return "it has been triggered already"
    return ""


def rework(ticket: Ticket, terms: Terms) -> None:
    """Go on with other terms; for callers that are `unrounded`.

    A trailing stop with another offset has its trigger that far behind the best price so far.
    """
    trigger = terms.trigger_price
    if ticket.offset is not None:
        trigger = ticket.trigger
        if trigger is not None:
            wider = (terms.trailing_offset or ZERO) - ticket.offset
            trigger += wider if ticket.is_buy else -wider
    ticket.rework(Terms(terms.quantity, terms.limit_price, trigger, terms.trailing_offset))


def _moves_trigger(ticket: Ticket, terms: Terms) -> bool:
    if ticket.offset is not None:
        return ticket.offset != terms.trailing_offset
    return ticket.trigger != terms.trigger_price
