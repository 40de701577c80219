"""What a portfolio could come to hold: positions, and what approved orders may still add to them."""

from collections.abc import Callable
from decimal import Decimal

from lts.domain.fills import Fill
from lts.domain.money import UNROUNDED, ZERO, unrounded
from lts.domain.orders import Order


class Exposure:
    """One portfolio's positions and reservations, by instrument."""

    __slots__ = ("_leaves", "_positions")

    def __init__(self) -> None:
        self._positions: dict[str, Decimal] = {}
        self._leaves: dict[str, tuple[str, Decimal]] = {}

    @property
    def instruments(self) -> set[str]:
        """What is held, or may be."""
        held = {symbol for symbol, quantity in self._positions.items() if quantity}
        return held | {symbol for symbol, _ in self._leaves.values()}

    def reserve(self, order: Order, quantity: Decimal | None = None) -> None:
        """Count on an order to trade, by all of its quantity or by what is left of it."""
        left = order.quantity if quantity is None else quantity
        self._leaves[order.client_order_id] = (order.instrument, order.side.signed(left))

    def release(self, client_order_id: str) -> None:
        """Count no longer on an order."""
        self._leaves.pop(client_order_id, None)

    def fill(self, fill: Fill) -> None:
        """Turn what traded from a reservation into a position."""
        symbol, traded = fill.instrument, fill.side.signed(fill.quantity)
        self._positions[symbol] = UNROUNDED.add(self._positions.get(symbol, ZERO), traded)
        if fill.client_order_id in self._leaves:
            instrument, left = self._leaves[fill.client_order_id]
            self._leaves[fill.client_order_id] = (instrument, UNROUNDED.subtract(left, traded))

    def reduces(self, order: Order) -> bool:
        """Whether an order can only bring its position closer to zero, whatever else fills before it."""
        held = self._positions.get(order.instrument, ZERO)
        if not held or (order.side.sign > 0) is (held > 0):
            return False
        same_way = sum(
            (
                abs(left)
                for symbol, left in self._leaves.values()
                if symbol == order.instrument and (left > 0) is (order.side.sign > 0)
            ),
            ZERO,
        )
        return order.quantity + same_way <= abs(held)

    @unrounded
    def value_with(self, order: Order, value: Callable[[str, Decimal], Decimal]) -> Decimal:
        """Return the largest sum of position values that can come about if this order is let through.

        For each instrument the worse of two ends counts: all open buys fill, or all open sells do.

        Args:
            order: what is proposed.
            value: the value of a quantity of an instrument, never negative.
        """
        ends: dict[str, list[Decimal]] = {symbol: [held, held] for symbol, held in self._positions.items()}
        proposed = (order.instrument, order.side.signed(order.quantity))
        for symbol, left in (*self._leaves.values(), proposed):
            end = ends.setdefault(symbol, [ZERO, ZERO])
            end[left > 0] += left
        return sum((value(symbol, max(map(abs, end))) for symbol, end in ends.items()), ZERO)
