"""A wish: that orders end, entered by hand, until nothing that happens to this process can undo it."""

from collections.abc import Sequence

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
    def last(self) -> OrderRecord:
        """The last of the orders."""
        return self.records[-1]

    @property
    def is_kept(self) -> bool:
        """Whether each order is over, or its journal says that it is being cancelled."""
        return all(record.status is _PENDING_CANCEL or record.status.is_closed for record in self.records)
