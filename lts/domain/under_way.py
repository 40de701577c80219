"""What is under way: the open orders that a portfolio counts on to trade, and how much of each is left."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from lts.domain.legs import Leg
from lts.domain.money import UNROUNDED, ZERO
from lts.domain.order_record import OrderRecord
from lts.domain.orders import Order
from lts.domain.positions import Position


class UnderWay:
    """The open orders of a portfolio that lead on from what it holds."""

    __slots__ = ("leaves", "ordered")

    def __init__(self) -> None:
        self.leaves: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
        """What is left, by place (an instrument, or a position) and order, negative for sales."""
        self.ordered: dict[str, Decimal] = {}
        """What each of these orders is for in all, likewise."""

    def count_on(self, order: Order) -> None:
        """Count on an order to trade whole."""
        name, signed = order.client_order_id, order.side.signed(order.quantity)
        self.leaves[order.position or order.instrument][name] = signed
        self.ordered[name] = signed

    def take_up(self, record: OrderRecord) -> None:
        """Count on what is left of an order that was there before."""
        order = record.order
        self.leaves[order.place][order.client_order_id] = order.side.sign * record.leaves
        self.ordered[order.client_order_id] = order.side.signed(record.quantity)

    def recount(self, client_order_id: str, quantity: Decimal) -> None:
        """Count on an order for what it was modified to."""
        before = self.ordered.get(client_order_id)
        if before is None:
            return
        after = self.ordered[client_order_id] = quantity.copy_sign(before)
        for leaves in self.leaves.values():
            if client_order_id in leaves:
                leaves[client_order_id] += UNROUNDED.subtract(after, before)

    def let_go(self, client_order_id: str) -> None:
        """Count no longer on an order that is over."""
        self.ordered.pop(client_order_id, None)
        for leaves in self.leaves.values():
            leaves.pop(client_order_id, None)

    def entering(self, leg: Leg) -> list[str]:
        """Return the orders that may still open or add to a leg."""
        return [order for order, left in self.leaves[leg.id].items() if (left > 0) is leg.is_long]

    def closable(self, position: Position) -> Decimal:
        """Return how much of what is held is not being closed already, with the sign of what is held."""
        held = position.quantity
        under_way = (left for left in self.leaves[position.place].values() if (left < 0) is (held > 0))
        closable = held + sum(under_way, ZERO)
        return closable if held and (closable > 0) is (held > 0) else ZERO

    def busy(self) -> Iterable[str]:
        """Return the places in which anything is under way."""
        return (place for place, leaves in self.leaves.items() if leaves)
