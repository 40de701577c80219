"""An order's life follows the table of states, and its fills decide how full it is."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.fills import Fill
from lts.domain.order_record import IllegalTransition, OrderRecord
from lts.domain.order_status import TRANSITIONS, OrderStatus
from lts.domain.orders import ApprovedOrder, Order, Side

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

TABLE = """
INITIALIZED       DENIED SUBMITTED UNKNOWN
SUBMITTED         ACCEPTED REJECTED PARTIALLY_FILLED FILLED CANCELED EXPIRED PENDING_CANCEL UNKNOWN
ACCEPTED          TRIGGERED PENDING_UPDATE PENDING_CANCEL PARTIALLY_FILLED FILLED CANCELED EXPIRED REJECTED
TRIGGERED         PENDING_UPDATE PENDING_CANCEL PARTIALLY_FILLED FILLED CANCELED EXPIRED
PARTIALLY_FILLED  PENDING_UPDATE PENDING_CANCEL PARTIALLY_FILLED FILLED CANCELED EXPIRED
PENDING_UPDATE    ACCEPTED TRIGGERED PARTIALLY_FILLED FILLED CANCELED EXPIRED UNKNOWN
PENDING_CANCEL    SUBMITTED ACCEPTED TRIGGERED PARTIALLY_FILLED FILLED CANCELED EXPIRED UNKNOWN
UNKNOWN           ACCEPTED TRIGGERED PENDING_UPDATE PENDING_CANCEL PARTIALLY_FILLED FILLED CANCELED EXPIRED REJECTED
DENIED
FILLED
CANCELED
EXPIRED
REJECTED
"""  # noqa: E501 - a row of the table is a line
ALLOWED = {
    OrderStatus[row.split()[0]]: {OrderStatus[name] for name in row.split()[1:]}
    for row in TABLE.strip().splitlines()
}
CLOSED = {
    OrderStatus.DENIED,
    OrderStatus.FILLED,
    OrderStatus.CANCELED,
    OrderStatus.EXPIRED,
    OrderStatus.REJECTED,
}
FILL_STATES = {OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED}
WORKING = (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED)


def lived(order: Order, *states: OrderStatus) -> OrderRecord:
    record = OrderRecord(order)
    for status in states:
        record.advance(status, 2)
    return record


def test_the_machine_is_the_table() -> None:
    assert TRANSITIONS == ALLOWED


def test_an_order_is_open_until_it_is_closed() -> None:
    assert {status for status in OrderStatus if status.is_closed} == CLOSED
    assert all(status.is_open is not status.is_closed for status in OrderStatus)


def test_states_are_lower_case_words() -> None:
    assert OrderStatus.PARTIALLY_FILLED.value == "partially_filled"
    assert [status.value for status in OrderStatus] == [status.name.lower() for status in OrderStatus]


def test_a_side_has_a_sign() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)


@given(st.lists(st.sampled_from(OrderStatus), max_size=30))
def test_an_order_goes_where_the_table_leads_and_nowhere_else(
    order_of: Callable[..., Order], states: list[OrderStatus]
) -> None:
    record = OrderRecord(order_of())
    for at, status in enumerate(states):
        before, history = record.status, list(record.history)
        if status in ALLOWED[before] - FILL_STATES:
            record.advance(status, at)
            assert record.history == [*history, (status, at)]
        else:
            with pytest.raises(IllegalTransition):
                record.advance(status, at)
            assert (record.status, record.history) == (before, history)


@given(st.lists(st.sampled_from(OrderStatus) | st.integers(1, 6), max_size=30))
def test_whatever_happens_an_order_agrees_with_its_history_and_its_fills(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill], life: list[OrderStatus | int]
) -> None:
    record = OrderRecord(order_of(quantity=Decimal(10)))
    for at, step in enumerate(life):
        with suppress(IllegalTransition):
            if isinstance(step, OrderStatus):
                record.advance(step, at)
            else:
                record.book(fill_of(quantity=Decimal(step), at=at))
        states = [status for status, _ in record.history]
        assert states[0] is OrderStatus.INITIALIZED
        assert states[-1] is record.status
        assert all(after in ALLOWED[before] for before, after in pairwise(states))
        assert record.filled == sum(fill.quantity for fill in record.fills)
        assert record.leaves == (0 if record.status in CLOSED else 10 - record.filled)
        assert record.status is not OrderStatus.FILLED or record.filled >= 10
        assert record.status is not OrderStatus.PARTIALLY_FILLED or 0 < record.filled < 10


@pytest.mark.parametrize("before", [status for status in OrderStatus if ALLOWED[status] >= FILL_STATES])
def test_fills_lead_every_order_that_can_trade_to_partially_filled_and_filled(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill], before: OrderStatus
) -> None:
    record = OrderRecord(order_of())
    record.status = before
    assert record.book(fill_of(quantity=Decimal(4), at=7)) is None
    assert record.leaves == 6
    assert record.book(fill_of(quantity=Decimal(6), at=8)) is None
    assert record.leaves == 0
    assert record.history[1:] == [(OrderStatus.PARTIALLY_FILLED, 7), (OrderStatus.FILLED, 8)]


def test_a_fill_arriving_twice_is_booked_once(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill]
) -> None:
    record, fill = lived(order_of(), *WORKING), fill_of(quantity=Decimal(4))
    assert not record.knows(fill.exec_id)
    record.book(fill)
    history = list(record.history)
    assert record.knows(fill.exec_id)
    assert record.book(fill) is None
    assert record.fills == (fill,)
    assert record.filled == 4
    assert record.history == history


def test_an_overfill_is_booked_and_alarmed(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill]
) -> None:
    record = lived(order_of(), *WORKING)
    record.book(fill_of(quantity=Decimal(7)))
    alarm = record.book(fill_of(quantity=Decimal(4), exec_id="x-2"))
    assert alarm == "trend-SP500-000001 is overfilled: 11 of 10 after fill x-2"
    assert record.status is OrderStatus.FILLED
    assert record.filled == 11
    assert record.leaves == 0
    assert record.book(fill_of(quantity=Decimal("0.5"))) is not None
    assert (record.status, record.filled) == (OrderStatus.FILLED, Decimal("11.5"))


@pytest.mark.parametrize("end", [OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED])
def test_a_late_fill_is_booked_and_alarmed_and_the_order_stays_closed(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill], end: OrderStatus
) -> None:
    record = lived(order_of(), *WORKING, end)
    alarm = record.book(fill_of(quantity=Decimal(4), exec_id="late"))
    assert alarm == f"trend-SP500-000001 was {end.value} when fill late arrived"
    assert record.status is end
    assert record.filled == 4
    assert record.leaves == 0


def test_an_order_that_was_never_sent_cannot_fill(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill]
) -> None:
    for record in (lived(order_of()), lived(order_of(), OrderStatus.DENIED)):
        with pytest.raises(IllegalTransition):
            record.book(fill_of())
        assert record.filled == 0
        assert record.fills == ()


def test_the_fill_of_another_order_is_refused(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill]
) -> None:
    record = lived(order_of(), *WORKING)
    with pytest.raises(ValueError, match="not one of trend-SP500-000001"):
        record.book(fill_of(client_order_id="trend-SP500-000002"))
    assert record.fills == ()


def test_a_refused_cancel_leads_back_to_the_state_before(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill]
) -> None:
    record = lived(order_of(), *WORKING)
    record.book(fill_of(quantity=Decimal(4)))
    record.advance(OrderStatus.PENDING_CANCEL, 3)
    assert record.state_before is OrderStatus.PARTIALLY_FILLED
    record.advance(record.state_before, 4)
    assert record.history[-1] == (OrderStatus.PARTIALLY_FILLED, 4)


def test_an_order_is_not_filled_by_saying_so(order_of: Callable[..., Order]) -> None:
    record = lived(order_of(), *WORKING)
    with pytest.raises(IllegalTransition, match="is said to be filled, with fills for 0 of 10"):
        record.advance(OrderStatus.FILLED, 3)


def test_an_approved_order_is_the_same_intent_and_another_type(order_of: Callable[..., Order]) -> None:
    order = order_of()
    approved = ApprovedOrder.of(order)
    assert isinstance(approved, ApprovedOrder)
    assert msgspec.structs.asdict(approved) == msgspec.structs.asdict(order)
    assert not isinstance(order, ApprovedOrder)
