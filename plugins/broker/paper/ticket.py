"""A ticket: an order as the venue works it."""

from decimal import Decimal
from itertools import pairwise
from typing import Self

from lts.sdk import ApprovedOrder, OrderRecord, OrderStatus, OrderType, Side, Terms, TimeInForce

from .session import end_of

ZERO = Decimal(0)
_BUY = Side.BUY  # looked up once, as all members here: reading one off its class takes longer than its use
_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
_ACCEPTED, _TRIGGERED, _SUBMITTED = OrderStatus.ACCEPTED, OrderStatus.TRIGGERED, OrderStatus.SUBMITTED
_PENDING_UPDATE = OrderStatus.PENDING_UPDATE


class Ticket:
    """An order at the venue: it sleeps until its trigger, if it has one, then trades at its limit or any."""

    __slots__ = (
        "ahead",
        "asleep",
        "charged",
        "client_order_id",
        "executions",
        "expires_at",
        "filled",
        "fresh",
        "is_buy",
        "limit",
        "notional",
        "offset",
        "order",
        "over",
        "quantity",
        "since",
        "timed",
        "trigger",
    )

    def __init__(self, order: ApprovedOrder, since: int) -> None:
        self.order = order
        self.client_order_id = order.client_order_id
        self.is_buy = order.side is _BUY
        self.quantity = order.quantity
        self.limit = order.limit_price
        self.trigger = order.trigger_price
        self.offset = order.trailing_offset
        self.asleep = order.type in _STOPS
        """Whether the market has still to come to its trigger."""
        self.since = since
        """When it took its place: it is behind all that came before."""
        self.fresh = True
        """Whether it has not met a price since."""
        self.ahead = ZERO
        """What stands before it at its price."""
        self.expires_at = end_of(order, since)
        self.timed = False
        """Whether somebody will look when it expires."""
        self.over = False
        self.filled = self.notional = self.charged = ZERO
        self.executions = 0

    @classmethod
    def recalled(cls, record: OrderRecord, order: ApprovedOrder, delay: int, multiplier: Decimal) -> Self:
        """Return the ticket of an order as the journal has it; for callers that are `unrounded`."""
        ticket = cls(order, in_line(record)[0] + delay)
        ticket.rework(record.terms)
        past = {status for status, _ in record.history}
        ticket.asleep = ticket.asleep and _TRIGGERED not in past
        ticket.fresh = _ACCEPTED not in past
        ticket.filled = record.filled
        ticket.executions = len(record.fills)
        for fill in record.fills:
            ticket.notional += fill.quantity * fill.price * multiplier
            ticket.charged += fill.fee
        return ticket

    @property
    def terms(self) -> Terms:
        """For how much and at what prices it works."""
        return Terms(self.quantity, self.limit, self.trigger, self.offset)

    @property
    def leaves(self) -> Decimal:
        """What may still trade; for callers that are `unrounded`."""
        return self.quantity - self.filled

    @property
    def at_once(self) -> bool:
        """Whether it cannot wait: what does not trade at the next price, or when it is triggered, ends."""
        return self.order.time_in_force in _AT_ONCE

    @property
    def level(self) -> Decimal | None:
        """The price that it waits for; None if any will do, or if none is known yet."""
        return self.trigger if self.asleep else self.limit

    def rework(self, terms: Terms) -> None:
        """Go on with other terms."""
        self.quantity = terms.quantity
        self.limit = terms.limit_price
        self.trigger = terms.trigger_price
        self.offset = terms.trailing_offset

    def trail(self, price: Decimal, step: Decimal) -> bool:
        """Move the trigger after a price by a step at least, and return whether it moved.

        For trailing stops, and callers that are `unrounded`.
        """
        offset, trigger = self.offset or ZERO, self.trigger
        wanted = price + offset if self.is_buy else price - offset
        if trigger is not None and (trigger - wanted if self.is_buy else wanted - trigger) < step:
            return False
        self.trigger = wanted
        return True

    def reached(self, price: Decimal) -> bool:
        """Whether a price is what it waits for: at its trigger or beyond, or at its limit or better."""
        if self.asleep:
            level = self.trigger
            return level is not None and (price >= level if self.is_buy else price <= level)
        level = self.limit
        return level is None or (price <= level if self.is_buy else price >= level)


def in_line(record: OrderRecord) -> tuple[int, int]:
    """Return an order's place in the queue: since when, and after how many modifications that lost it one.

    What was modified at the instant at which others came stands behind those.
    """
    since, lost, terms = record.order.created_at, 0, record.order.terms
    answered = {at for (before, _), (_, at) in pairwise(record.history) if before is _PENDING_UPDATE}
    for status, at in record.history:
        if status is _SUBMITTED:
            since = at
    for at, revised in record.revisions:
        if at in answered and not keeps_its_place(terms, revised):
            since, lost = at, lost + 1
        terms = revised
    return since, lost


def keeps_its_place(before: Terms, after: Terms) -> bool:
    """Whether an order with other terms keeps its place in the queue: it does if it only becomes smaller."""
    same = before.limit_price == after.limit_price and before.trailing_offset == after.trailing_offset
    moves = before.trailing_offset is None and before.trigger_price != after.trigger_price
    return same and not moves and after.quantity <= before.quantity
