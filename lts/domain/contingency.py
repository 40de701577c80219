"""Order lists: orders that wait for another one, and orders of which one ends the others.

A bracket is both: an entry, and a stop-loss and a take-profit that wait for it and end each other.
"""

from collections.abc import Iterator, Mapping

from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus

_INITIALIZED, _FILLED = OrderStatus.INITIALIZED, OrderStatus.FILLED


class Contingencies:
    """Who waits for whom, and who ends whom.

    A child is sent at the first fill of its parent; it is a reduce-only order as a rule, so that it
    never trades more than has been opened. A sibling that only reduces is ended when another one of
    its group has filled whole, for what is left open has to stay protected; any other at the first fill.
    """

    __slots__ = ("_children", "_groups", "_records")

    def __init__(self, records: Mapping[str, OrderRecord]) -> None:
        self._records = records
        self._children: dict[str, list[OrderRecord]] = {}
        self._groups: dict[str, list[OrderRecord]] = {}
        for record in records.values():
            self.add(record)

    def __bool__(self) -> bool:
        """Whether there is any list at all."""
        return bool(self._children or self._groups)

    def add(self, record: OrderRecord) -> None:
        """Take an order in."""
        order = record.order
        if order.parent:
            self._children.setdefault(order.parent, []).append(record)
        if order.group:
            self._groups.setdefault(order.group, []).append(record)

    def waits(self, record: OrderRecord) -> bool:
        """Whether an order has to stay here until its parent has traded."""
        parent = self._records.get(record.order.parent)
        return parent is not None and parent.status.is_open and not parent.filled

    def is_orphan(self, record: OrderRecord) -> bool:
        """Whether an order has waited for one that will never trade, or that nobody knows."""
        if not record.order.parent:
            return False
        parent = self._records.get(record.order.parent)
        return parent is None or (parent.status.is_closed and not parent.filled)

    def children(self, record: OrderRecord) -> list[OrderRecord]:
        """Return the orders that wait for this one and have not been sent."""
        waiting = self._children.get(record.order.client_order_id, ())
        return [child for child in waiting if child.status is _INITIALIZED]

    def unwanted(self, record: OrderRecord) -> Iterator[OrderRecord]:
        """Yield the open orders that this one has ended by what it has traded so far."""
        if not record.filled:
            return
        for sibling in self._groups.get(record.order.group, ()):
            if sibling.status.is_open and _ends(record, sibling):
                yield sibling

    def has_ended(self, record: OrderRecord) -> bool:
        """Whether another order of its group has ended this one by trading."""
        group = self._groups.get(record.order.group, ())
        return any(_ends(other, record) for other in group)


def _ends(record: OrderRecord, sibling: OrderRecord) -> bool:
    if record is sibling or not record.filled:
        return False
    return record.status is _FILLED or not sibling.order.reduce_only
