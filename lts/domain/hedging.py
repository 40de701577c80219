"""Hedging: an account that keeps several positions of one instrument, long and short, side by side.

Each stands under an id. An order names the position that it opens, adds to or closes, and never turns it.
"""

from decimal import Decimal

from msgspec.structs import replace

from lts.domain.exposure import Exposure
from lts.domain.money import UNROUNDED, ZERO, plain
from lts.domain.orders import Order, Side
from lts.domain.totals import Ends, Totals

_BUY, _SELL = Side.BUY, Side.SELL
_add, _subtract = UNROUNDED.add, UNROUNDED.subtract
LONGEST = 64
"""Characters of a position's id, at most."""


class HedgedExposure(Exposure):
    """One position in an account that hedges.

    What only reduces it counts among what all positions of the instrument could come to, net: should it
    trade, what was held against it stands alone.
    """

    __slots__ = ("id",)

    def __init__(self, place: tuple[str, str, str], position: str, totals: tuple[Totals, ...] = ()) -> None:
        super().__init__(*place, totals)
        self.id = position

    def reserve(self, side: Side, quantity: Decimal, *, reduce_only: bool = False) -> None:
        """Count on so much to trade, or with a negative quantity on so much less."""
        super().reserve(side, quantity, reduce_only=reduce_only)
        if reduce_only:
            self._move(ZERO)

    def opposes(self, order: Order) -> bool:
        """Whether an order is on the other side than what is held, so that it closes it."""
        return bool(self.position) and (order.side is _BUY) is (self.position < 0)

    def objection(self, order: Order, added: Decimal) -> str:
        """Return why so much more of an order must not trade: it could go beyond flat. Empty if it may."""
        if order.reduce_only:
            return ""
        if self.opposes(order):
            held = self.position.copy_abs()
            beyond = added > held
            return f"it goes beyond flat: position {self.id} holds {plain(held)}" if beyond else ""
        lowest, highest = self.ends(order.side, added)
        turns = lowest < 0 < highest
        return f"orders on the other side of position {self.id} are under way" if turns else ""

    def _reach(self) -> Ends:
        """Return the lowest and the highest position that can come about, those that close it counted in."""
        held, bought, sold = self.position, self.buys, self.sells
        if held < 0:
            bought = _add(bought, min(self.closing[_BUY], held.copy_abs()))
        elif held > 0:
            sold = _add(sold, min(self.closing[_SELL], held))
        return _subtract(held, sold), _add(held, bought)


def placed(order: Order) -> Order:
    """Return an order with the position that it is about: one that names none opens its own."""
    return order if order.position else replace(order, position=order.client_order_id)


def taken(order: Order, exposure: Exposure) -> Order:
    """Return an order as it is let pass: one that closes a position may only reduce it."""
    if order.reduce_only or not isinstance(exposure, HedgedExposure) or not exposure.opposes(order):
        return order
    return replace(order, reduce_only=True)


def objection_to_place(order: Order, exposure: Exposure, *, hedges: bool) -> str:
    """Return what is wrong with the position that an order is about; empty if nothing is.

    Args:
        order: as it is `placed`.
        exposure: what is held and under way there.
        hedges: whether its account keeps positions side by side.
    """
    if not hedges:
        return f"positions are netted in account:{order.broker}, and an order there names none"
    if len(order.position) > LONGEST:
        return f"the id of a position has at most {LONGEST} characters"
    if order.reduce_only and order.position == order.client_order_id:
        return f"an order that only reduces has to name its position in account:{order.broker}"
    return exposure.objection(order, order.quantity) if isinstance(exposure, HedgedExposure) else ""
