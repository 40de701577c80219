"""What a portfolio could come to hold: its position, and what open orders may still add to it."""

from decimal import Decimal

from lts.domain.money import UNROUNDED, ZERO
from lts.domain.orders import Order, Side
from lts.domain.totals import Ends, Totals, worse

_BUY = Side.BUY
_add, _subtract = UNROUNDED.add, UNROUNDED.subtract


class Exposure:
    """One instrument in one portfolio, through one broker.

    Orders that only reduce never add to it; what they may trade is counted by itself, for it is taken
    from what is held.
    """

    __slots__ = (
        "broker",
        "buys",
        "closing",
        "highest",
        "instrument",
        "lowest",
        "portfolio",
        "position",
        "sells",
        "totals",
    )
    id: str = ""
    """Of the position, where there are several of the instrument."""

    def __init__(self, portfolio: str, broker: str, instrument: str, totals: tuple[Totals, ...] = ()) -> None:
        self.portfolio = portfolio
        self.broker = broker
        self.instrument = instrument
        self.position = ZERO
        """Negative for short."""
        self.buys = ZERO
        """What open orders may still buy."""
        self.sells = ZERO
        """What open orders may still sell."""
        self.lowest = ZERO
        """The position if all open sales fill and no buy does."""
        self.highest = ZERO
        """The position if all open buys fill and no sale does."""
        self.closing = dict.fromkeys(Side, ZERO)
        """What open orders that only reduce may still trade."""
        self.totals = totals
        """The sums that this is a part of."""

    def hold(self, quantity: Decimal) -> None:
        """Add to the position what was traded, or adjusted: negative to make it shorter."""
        self.position = _add(self.position, quantity)
        self._move(quantity)

    def reserve(self, side: Side, quantity: Decimal, *, reduce_only: bool = False) -> None:
        """Count on so much to trade, or with a negative quantity on so much less."""
        self._count(side, quantity, reduce_only)
        if not reduce_only:
            self._move(ZERO)

    def trade(self, side: Side, quantity: Decimal, left: Decimal, *, reduce_only: bool = False) -> None:
        """Hold what an order traded that is over, and count no longer on what was left of it until then."""
        held = quantity if side is _BUY else quantity.copy_negate()
        self.position = _add(self.position, held)
        self._count(side, left.copy_negate(), reduce_only)
        self._move(held)

    def reduces(self, order: Order, quantity: Decimal | None = None) -> bool:
        """Whether an order can only bring the position closer to zero, whatever else fills before it."""
        held, side = self.position, order.side
        if not held or (side is _BUY) is (held > 0):
            return False
        if order.reduce_only:
            return True
        same_way = _add(self.buys if side is _BUY else self.sells, self.closing[side])
        return _add(order.quantity if quantity is None else quantity, same_way) <= abs(held)

    def ends(self, side: Side | None = None, added: Decimal = ZERO) -> Ends:
        """Return the lowest and the highest position that can come about, with so much more on one side."""
        if side is _BUY:
            return self.lowest, _add(self.highest, added)
        return _subtract(self.lowest, added), self.highest

    def growth(self, side: Side, added: Decimal) -> Decimal:
        """Return by how much the larger end grows, without its sign, with so much more on one side."""
        return _subtract(worse(self.ends(side, added)), worse((self.lowest, self.highest)))

    def _count(self, side: Side, quantity: Decimal, reduce_only: bool) -> None:  # noqa: FBT001 - what is counted where
        if reduce_only:
            self.closing[side] = _add(self.closing[side], quantity)
        elif side is _BUY:
            self.buys = _add(self.buys, quantity)
        else:
            self.sells = _add(self.sells, quantity)

    def _reach(self) -> Ends:
        """Return the lowest and the highest position that can come about now."""
        return _subtract(self.position, self.sells), _add(self.position, self.buys)

    def _move(self, held: Decimal) -> None:
        """Take on other ends, with so much more held, and tell the sums."""
        after = self._reach()
        if self.totals:
            before = (self.lowest, self.highest)
            for totals in self.totals:
                totals.move(self.instrument, held, before, after)
        self.lowest, self.highest = after
