"""Standing down: what is left of a scope of trading in which no order is to go on the wire any more."""

from collections.abc import Sequence

from lts.domain.order_flow import StoodDown
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus

_INITIALIZED, _UNKNOWN = OrderStatus.INITIALIZED, OrderStatus.UNKNOWN


def stood_down(scope: str, records: Sequence[OrderRecord], *, overdue: bool = False) -> StoodDown | None:
    """Return what is still open of a scope, or None as long as any of it is on its way to its venue.

    Args:
        scope: which has to stand down.
        records: its open orders; those that were never sent do not count.
        overdue: whether whoever waits has waited long enough: what is on its way is unknown then.
    """
    sent = [record for record in records if record.status is not _INITIALIZED]
    if not overdue and any(record.is_on_its_way for record in sent):
        return None
    doubtful = {
        record.order.client_order_id: record.status is _UNKNOWN or record.is_on_its_way for record in sent
    }
    known = tuple(name for name, doubt in doubtful.items() if not doubt)
    return StoodDown(scope, known, tuple(name for name, doubt in doubtful.items() if doubt))
