"""The backlog: what brokers have said and cannot be booked yet, with all that they have said since."""

from collections import deque
from collections.abc import Iterator

from lts.domain.financing import FinancingReport
from lts.domain.order_flow import ExecutionReport
from lts.domain.reconciliation import TransactionsSeen, VenueReported

Told = ExecutionReport | FinancingReport | TransactionsSeen | VenueReported
"""What a broker says, of which the order matters."""


class Backlog:
    """What waits, broker by broker, each in its order: behind a booking that waits everything does."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[str, deque[Told]] = {}

    def __iter__(self) -> Iterator[Told]:
        """Yield all of it."""
        for said in self._said.values():
            yield from said

    def holds(self, broker: str) -> bool:
        """Whether anything that a broker has said waits."""
        return broker in self._said

    def add(self, told: Told) -> None:
        """Keep what a broker says behind what it has said before."""
        self._said.setdefault(told.broker, deque()).append(told)

    def release(self) -> Iterator[Told]:
        """Yield what has waited, of each broker until something of it is added, and so has to wait again."""
        for broker in tuple(self._said):
            said = self._said.pop(broker)
            while said and broker not in self._said:
                yield said.popleft()
            if said:
                self._said[broker] += said
