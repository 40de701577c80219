"""Executions: what was really bought or sold, at what price, for what fee."""

from decimal import Decimal

import msgspec

from lts.domain.money import ONE, unrounded
from lts.domain.orders import Side


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One execution of an order, whole or in part, for a quantity above zero."""

    portfolio: str
    instrument: str
    broker: str
    client_order_id: str
    exec_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    currency: str
    at: int
    position: str = ""
    """The position that it moves in an account that hedges; empty where positions are netted."""
    rate: Decimal = ONE
    """What one unit of this currency was in the portfolio's when it was booked."""

    @property
    def place(self) -> str:
        """Where it is booked: the position, or the instrument where positions are netted."""
        return self.position or self.instrument

    @property
    def uid(self) -> tuple[str, str, str]:
        """What makes a fill the same fill when it arrives again: broker, account and exec id."""
        return (self.broker, self.portfolio, self.exec_id)

    @unrounded
    def notional(self, multiplier: Decimal = ONE) -> Decimal:
        """Return the money that changed hands, without sign and before the fee."""
        return self.price * self.quantity * multiplier
