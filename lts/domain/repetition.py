"""Repeated executions: how often one side of one instrument has traded lately."""

from collections import deque

from bus.clock import SECOND
from lts.domain.fills import Fill
from lts.domain.orders import Order

_Way = tuple[str, str, str]


class Repetition:
    """Counts the orders of a portfolio that have traded the same way within a span of market time."""

    __slots__ = ("_executed", "_span")

    def __init__(self, seconds: float) -> None:
        self._span = round(seconds * SECOND)
        self._executed: dict[_Way, deque[tuple[int, str]]] = {}

    def note(self, fill: Fill, at: int) -> None:
        """Count an order that trades; its further fills count no more."""
        executed = self._executed.setdefault((fill.portfolio, fill.instrument, fill.side), deque())
        if all(client_order_id != fill.client_order_id for _, client_order_id in executed):
            executed.append((at, fill.client_order_id))

    def count(self, order: Order, now: int) -> int:
        """Return how many orders have lately traded as this one would."""
        executed = self._executed.get((order.portfolio, order.instrument, order.side))
        while executed and executed[0][0] <= now - self._span:
            executed.popleft()
        return len(executed) if executed else 0

    def begin_anew(self) -> None:
        """Count from zero: somebody has seen it."""
        self._executed.clear()
