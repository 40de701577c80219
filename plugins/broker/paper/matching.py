"""Matching: what happens to an order when the market comes to a price. All callers are `unrounded`."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from lts.sdk import Instrument, TimeInForce

from .params import PaperParams
from .path import Path
from .supply import Supply
from .ticket import ZERO, Ticket

_FOK = TimeInForce.FOK


class Venue(Protocol):
    """Who keeps the orders, and tells what becomes of them."""

    @property
    def params(self) -> PaperParams:
        """Its rules."""

    @property
    def participation(self) -> Decimal | None:
        """The share of what the market trades that orders can have; None if that has no end."""

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """What is traded there."""

    def is_late(self, ticket: Ticket) -> bool:
        """End an order whose time is over, and return whether it is."""

    def reducible(self, ticket: Ticket) -> Decimal:
        """Return how much an order may trade until its position is flat."""

    def wake(self, ticket: Ticket) -> None:
        """Trigger a stop."""

    def trail(self, ticket: Ticket, price: Decimal) -> None:
        """Move the trigger of a trailing stop after a price."""

    def fill(self, ticket: Ticket, quantity: Decimal, price: Decimal) -> None:
        """Execute an order, whole or in part."""

    def cancel(self, ticket: Ticket, reason: str) -> None:
        """End an order."""


def meet(
    venue: Venue, ticket: Ticket, price: Decimal, supply: Supply | None, *, keep_limit: bool = False
) -> None:
    """Have an order meet a price: it is triggered, trades or ends, or waits on.

    Args:
        venue: who keeps the order.
        ticket: the order.
        price: what the market has come to.
        supply: what can trade there; None if that has no end.
        keep_limit: whether an order that was there before trades at its limit where the price is better.
    """
    woken = ticket.asleep
    if woken:
        if not ticket.reached(price):
            venue.trail(ticket, price)
            return
        venue.wake(ticket)
    first, ticket.fresh = ticket.fresh or woken, False
    limit = ticket.limit
    if not ticket.reached(price):
        if ticket.at_once:
            venue.cancel(ticket, "it could not trade at once")
    elif first and ticket.order.post_only:
        venue.cancel(ticket, "it would have taken liquidity")
    else:
        resting = keep_limit and not first and limit is not None
        _trade(venue, ticket, limit if resting and limit is not None else price, supply)


def along(venue: Venue, tickets: Sequence[Ticket], path: Path, supply: Supply | None) -> None:
    """Lead orders along the path of a bar: each trades where the price comes to it, the first one first.

    What the price passes on its way to a turning point comes in the order in which it is passed, and at
    one price in the order in which it came to the venue.
    """
    for ticket in tickets:
        ticket.fresh = ticket.fresh and not ticket.asleep and ticket.reached(path[0])
    at = path[0]
    for turn in path[1:]:
        for price, ticket in _passed(tickets, at, turn):
            if not ticket.over:
                meet(venue, ticket, price, supply)
        for ticket in tickets:
            if ticket.asleep and not ticket.over:
                venue.trail(ticket, turn)
        at = turn


def _passed(tickets: Iterable[Ticket], at: Decimal, turn: Decimal) -> list[tuple[Decimal, Ticket]]:
    """What the price comes to on its way to the next turn, and at what price.

    What could trade where it sets out, and has not (an order that only reduces, as long as there was
    nothing to reduce), trades there: its limit may lie where the price never comes.
    """
    passed = []
    for place, ticket in enumerate(tickets):
        level = ticket.level
        if level is None:
            continue  # at any price: it had its chance at the open, or waits for the next
        if ticket.reached(at):
            passed.append((ZERO, place, at, ticket))
        elif ticket.reached(turn):
            passed.append((abs(level - at), place, level, ticket))
    passed.sort(key=lambda found: found[:2])
    return [(price, ticket) for _, _, price, ticket in passed]


def _trade(venue: Venue, ticket: Ticket, price: Decimal, supply: Supply | None) -> None:
    """Trade at a price what an order may and the market can; end it, if it cannot wait for the rest."""
    leaves = ticket.quantity - ticket.filled
    wanted = min(leaves, venue.reducible(ticket)) if ticket.order.reduce_only else leaves
    quantity = wanted if supply is None else min(wanted, supply.left)
    if quantity < leaves and ticket.order.time_in_force is _FOK:
        venue.cancel(ticket, "it could not trade whole at once")
        return
    if quantity:
        venue.fill(ticket, quantity, price)
        if supply is not None:
            supply.take(quantity)
    if quantity == leaves:
        return
    if ticket.at_once:
        venue.cancel(ticket, "the rest could not trade at once" if quantity else "it could not trade at once")
    elif ticket.limit is None and quantity == wanted:
        venue.cancel(ticket, "nothing is left to reduce")
