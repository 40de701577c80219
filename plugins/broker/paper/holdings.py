"""Holdings: what each portfolio holds at the venue, by fold of its fills."""

from collections.abc import Iterator
from decimal import Decimal

from lts.sdk import Order, Position

from .ticket import ZERO, Ticket

Key = tuple[str, str, str]
"""A portfolio, an instrument, and the position there in an account that hedges."""


class Holdings:
    """Net quantities, negative when short."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[Key, Decimal] = {}

    def __iter__(self) -> Iterator[tuple[Key, Decimal]]:
        """What was ever held, with its quantity."""
        return iter(self._held.items())

    def add(self, order: Order, quantity: Decimal) -> None:
        """Take in what an order has traded; for callers that are `unrounded`."""
        key = (order.portfolio, order.instrument, order.position)
        self._held[key] = self._held.get(key, ZERO) + order.side.signed(quantity)

    def bring_forward(self, position: Position) -> None:
        """Take in what archived fills came to, before any other of the position."""
        self._held[position.portfolio, position.instrument, position.id] = position.quantity

    def reducible(self, ticket: Ticket) -> Decimal:
        """Return how much an order may trade until its position is flat; for callers that are `unrounded`."""
        order = ticket.order
        held = self._held.get((order.portfolio, order.instrument, order.position), ZERO)
        return max(ZERO, -held if ticket.is_buy else held)
