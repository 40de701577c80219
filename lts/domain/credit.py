"""Credit: the value that a scope has committed within a day, traded or still open."""

from decimal import Decimal

from lts.domain.fills import Fill
from lts.domain.money import UNROUNDED, ZERO, unrounded
from lts.domain.reservation import Reservation
from lts.domain.trading_day import TradingDay


class Credit:
    """Adds up what was bought and sold since the day began, and what open orders may still trade."""

    __slots__ = ("_day", "_open", "_since", "_traded")

    def __init__(self, day: TradingDay) -> None:
        self._day = day
        self._since = 0
        self._traded = ZERO
        self._open: dict[str, tuple[Reservation, Decimal]] = {}

    def commit(self, reservation: Reservation, value: Decimal) -> None:
        """Count on an order, at the value of one of what it trades."""
        self._open[reservation.order.client_order_id] = (reservation, value)

    def release(self, client_order_id: str) -> None:
        """Count no longer on an order."""
        self._open.pop(client_order_id, None)

    def trade(self, fill: Fill, multiplier: Decimal, now: int) -> None:
        """Count what traded: on the day on which it did."""
        self._turn(now)
        if fill.at >= self._since:
            worth = UNROUNDED.multiply(fill.notional(multiplier), fill.rate)
            self._traded = UNROUNDED.add(self._traded, worth)

    @unrounded
    def used(self, now: int) -> Decimal:
        """Return what is committed."""
        self._turn(now)
        open_value = sum((each.left * value for each, value in self._open.values()), ZERO)
        return self._traded + open_value

    def _turn(self, now: int) -> None:
        if (start := self._day.start(now)) != self._since:
            self._since, self._traded = start, ZERO
