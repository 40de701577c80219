"""What each report means in each situation, written out by hand."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from lts.domain.fills import Fill
from lts.domain.order_flow import ExecType
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import TRANSITIONS, OrderStatus
from lts.domain.orders import Order
from lts.domain.reports import path

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

FILL = "FILL"
SITUATIONS = {
    "initialized": "",
    "denied": "DENIED",
    "submitted": "SUBMITTED",
    "accepted": "SUBMITTED ACCEPTED",
    "triggered": "SUBMITTED ACCEPTED TRIGGERED",
    "partly": "SUBMITTED FILL",
    "updating": "SUBMITTED ACCEPTED PENDING_UPDATE",
    "updating-triggered": "SUBMITTED ACCEPTED TRIGGERED PENDING_UPDATE",
    "updating-partly": "SUBMITTED FILL PENDING_UPDATE",
    "cancelling-unanswered": "SUBMITTED PENDING_CANCEL",
    "cancelling": "SUBMITTED ACCEPTED PENDING_CANCEL",
    "cancelling-triggered": "SUBMITTED ACCEPTED TRIGGERED PENDING_CANCEL",
    "cancelling-partly": "SUBMITTED FILL PENDING_CANCEL",
    "unknown": "SUBMITTED UNKNOWN",
    "unknown-partly": "SUBMITTED FILL PENDING_CANCEL UNKNOWN",
    "filled": "SUBMITTED FILL FILL",
    "canceled": "SUBMITTED CANCELED",
    "canceled-partly": "SUBMITTED FILL CANCELED",
    "expired": "SUBMITTED EXPIRED",
    "rejected": "SUBMITTED REJECTED",
}
"""How an order may have come to where it stands; FILL is a fill of half of it."""

OUT_OF = {
    # -: says nothing new. X: cannot be. "stands": the request on its way stands, see `THEN`.
    "initialized": "accepted X, rejected X, triggered X, canceled X, expired X, updated X, "
    "update_rejected -, cancel_rejected -, unknown -, absent X",
    "denied": "accepted X, rejected X, triggered X, canceled X, expired X, updated X, "
    "update_rejected -, cancel_rejected -, unknown -, absent X",
    "submitted": "accepted ACCEPTED, rejected REJECTED, triggered ACCEPTED TRIGGERED, canceled CANCELED, "
    "expired EXPIRED, updated -, update_rejected -, cancel_rejected -, unknown UNKNOWN, absent REJECTED",
    "accepted": "accepted -, rejected REJECTED, triggered TRIGGERED, canceled CANCELED, expired EXPIRED, "
    "updated -, update_rejected -, cancel_rejected -, unknown -, absent REJECTED",
    "triggered": "accepted -, rejected X, triggered -, canceled CANCELED, expired EXPIRED, "
    "updated -, update_rejected -, cancel_rejected -, unknown -, absent X",
    "partly": "accepted -, rejected X, triggered -, canceled CANCELED, expired EXPIRED, "
    "updated -, update_rejected -, cancel_rejected -, unknown -, absent X",
    "updating": "accepted -, rejected X, triggered TRIGGERED PENDING_UPDATE, canceled CANCELED, "
    "expired EXPIRED, updated ACCEPTED, update_rejected ACCEPTED, cancel_rejected -, "
    "unknown UNKNOWN, absent X",
    "updating-triggered": "accepted -, rejected X, triggered -, canceled CANCELED, "
    "expired EXPIRED, updated TRIGGERED, update_rejected TRIGGERED, cancel_rejected -, "
    "unknown UNKNOWN, absent X",
    "updating-partly": "accepted -, rejected X, triggered -, canceled CANCELED, expired EXPIRED, "
    "updated PARTIALLY_FILLED, update_rejected PARTIALLY_FILLED, cancel_rejected -, "
    "unknown UNKNOWN, absent X",
    "cancelling-unanswered": "accepted ACCEPTED PENDING_CANCEL, rejected SUBMITTED REJECTED, "
    "triggered TRIGGERED PENDING_CANCEL, canceled CANCELED, expired EXPIRED, updated -, "
    "update_rejected -, cancel_rejected SUBMITTED, unknown UNKNOWN, absent SUBMITTED REJECTED",
    "cancelling": "accepted -, rejected ACCEPTED REJECTED, triggered TRIGGERED PENDING_CANCEL, "
    "canceled CANCELED, expired EXPIRED, updated -, update_rejected -, cancel_rejected ACCEPTED, "
    "unknown UNKNOWN, absent ACCEPTED REJECTED",
    "cancelling-triggered": "accepted -, rejected X, triggered -, canceled CANCELED, expired EXPIRED, "
    "updated -, update_rejected -, cancel_rejected TRIGGERED, unknown UNKNOWN, absent X",
    "cancelling-partly": "accepted -, rejected X, triggered -, canceled CANCELED, expired EXPIRED, "
    "updated -, update_rejected -, cancel_rejected PARTIALLY_FILLED, unknown UNKNOWN, absent X",
    "unknown": "accepted ACCEPTED, rejected REJECTED, triggered TRIGGERED, canceled CANCELED, "
    "expired EXPIRED, updated ACCEPTED, update_rejected -, cancel_rejected -, unknown -, absent REJECTED",
    "unknown-partly": "accepted PARTIALLY_FILLED, rejected REJECTED, triggered -, canceled CANCELED, "
    "expired EXPIRED, updated PARTIALLY_FILLED, update_rejected -, cancel_rejected -, unknown -, "
    "absent REJECTED",
    "filled": "accepted X, rejected X, triggered -, canceled X, expired X, updated -, "
    "update_rejected -, cancel_rejected -, unknown -, absent X",
    "canceled": "accepted X, rejected X, triggered X, canceled -, expired X, updated -, "
    "update_rejected -, cancel_rejected -, unknown -, absent X",
    "canceled-partly": "accepted X, rejected X, triggered -, canceled -, expired X, updated -, "
    "update_rejected -, cancel_rejected -, unknown -, absent X",
    "expired": "accepted X, rejected X, triggered X, canceled X, expired -, updated -, "
    "update_rejected -, cancel_rejected -, unknown -, absent X",
    "rejected": "accepted X, rejected -, triggered X, canceled X, expired X, updated -, "
    "update_rejected -, cancel_rejected -, unknown -, absent -",
}


def meaning_of(row: str) -> dict[ExecType, str]:
    cells = (cell.strip().partition(" ") for cell in row.split(","))
    return {ExecType(kind): then for kind, _, then in cells}


CASES = [
    (situation, kind, then) for situation, row in OUT_OF.items() for kind, then in meaning_of(row).items()
]


def lived(order: Order, fill_of: Callable[..., Fill], life: str) -> OrderRecord:
    record = OrderRecord(order)
    for step in life.split():
        if step == FILL:
            record.book(fill_of(quantity=Decimal(5)))
        else:
            record.advance(OrderStatus[step], 2)
    return record


def test_every_report_but_a_fill_has_a_meaning_in_every_situation() -> None:
    kinds = set(ExecType) - {ExecType.FILLED}
    assert OUT_OF.keys() == SITUATIONS.keys()
    assert all(meaning_of(row).keys() == kinds for row in OUT_OF.values())


def test_every_state_is_among_the_situations(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill]
) -> None:
    reached = {lived(order_of(), fill_of, life).status for life in SITUATIONS.values()}
    assert reached == set(OrderStatus)


@pytest.mark.parametrize(("situation", "kind", "then"), CASES)
def test_a_report_leads_where_the_table_says(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill], situation: str, kind: ExecType, then: str
) -> None:
    record = lived(order_of(), fill_of, SITUATIONS[situation])
    states = path(record, kind)
    if then == "X":
        assert states, "what cannot be is for the record to refuse"
        assert states[0] not in TRANSITIONS[record.status], "before anything has been changed"
        return
    assert [each.name for each in states] == then.replace("-", "").split()
    for status in states:
        record.advance(status, 3)
