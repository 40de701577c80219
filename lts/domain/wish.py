"""Wishes: that orders end, entered by hand, until nothing that happens to this process can undo them."""

from collections.abc import Sequence

from lts.domain.order_entry import EntryAnswered
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Entered

_PENDING_CANCEL = OrderStatus.PENDING_CANCEL


class Wish:
    """Who wants which orders cancelled."""

    __slots__ = ("entered", "records")

    def __init__(self, entered: Entered, records: Sequence[OrderRecord]) -> None:
        self.entered = entered
        self.records = records

    @property
    def reason(self) -> str:
        """Whose it is, in words."""
        return f"cancel entered by {self.entered.who}"

    @property
    def is_kept(self) -> bool:
        """Whether each order is over, or its journal says that it is being cancelled."""
        return all(record.status is _PENDING_CANCEL or record.status.is_closed for record in self.records)

    @property
    def answer(self) -> EntryAnswered:
        """That it is granted: how many orders it was about, and where the last of them stands."""
        order, status = self.records[-1].order, self.records[-1].status
        number, orders = self.entered.number, len(self.records)
        return EntryAnswered(order.portfolio, number, order.client_order_id, status, orders=orders)


class Wishes:
    """The wishes that have not been granted yet."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: list[Wish] = []

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._open)

    def add(self, wish: Wish) -> None:
        """Take one in."""
        self._open.append(wish)

    def reason_for(self, record: OrderRecord) -> str:
        """Return why an order is cancelled, if somebody wishes it; empty otherwise."""
        return next((wish.reason for wish in self._open if record in wish.records), "")

    def granted(self) -> list[Wish]:
        """Return those that would be carried out after a restart as well, and forget them."""
        granted = [wish for wish in self._open if wish.is_kept]
        self._open = [wish for wish in self._open if not wish.is_kept]
        return granted
