"""An order's record goes where the table of states leads, and remembers what its venue confirmed."""

from collections.abc import Callable
from decimal import Decimal
from itertools import product

import pytest

from lts.domain.fills import Fill
from lts.domain.order_flow import ExecType, ExecutionReport, OrderChanged
from lts.domain.order_record import IllegalTransition, OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, Terms

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

S = OrderStatus

TABLE = {
    "INITIALIZED": "DENIED SUBMITTED UNKNOWN",
    "DENIED": "",
    "SUBMITTED": "ACCEPTED REJECTED PARTIALLY_FILLED FILLED CANCELED EXPIRED PENDING_CANCEL UNKNOWN",
    "ACCEPTED": "TRIGGERED PENDING_UPDATE PENDING_CANCEL PARTIALLY_FILLED FILLED CANCELED EXPIRED REJECTED",
    "TRIGGERED": "PENDING_UPDATE PENDING_CANCEL PARTIALLY_FILLED FILLED CANCELED EXPIRED",
    "PARTIALLY_FILLED": "PENDING_UPDATE PENDING_CANCEL PARTIALLY_FILLED FILLED CANCELED EXPIRED",
    "PENDING_UPDATE": "ACCEPTED TRIGGERED PARTIALLY_FILLED FILLED CANCELED EXPIRED UNKNOWN",
    "PENDING_CANCEL": "SUBMITTED ACCEPTED TRIGGERED PARTIALLY_FILLED FILLED CANCELED EXPIRED UNKNOWN",
    "UNKNOWN": "ACCEPTED TRIGGERED PENDING_UPDATE PENDING_CANCEL PARTIALLY_FILLED FILLED CANCELED EXPIRED "
    "REJECTED",
    "FILLED": "",
    "CANCELED": "",
    "EXPIRED": "",
    "REJECTED": "",
}
FILLED_BY_WORD = "PARTIALLY_FILLED", "FILLED"
PAIRS = [(before, after, after in TABLE[before].split()) for before, after in product(TABLE, TABLE)]


def at(status: OrderStatus, order: Order) -> OrderRecord:
    """A record that stands somewhere, however it came there."""
    record = OrderRecord(order)
    record.status = status
    record.history.append((status, 1))
    return record


def lived(order: Order, *states: OrderStatus) -> OrderRecord:
    record = OrderRecord(order)
    for status in states:
        record.advance(status, 2)
    return record


def look_of(record: OrderRecord) -> dict[str, object]:
    """All that a record holds."""
    return {
        "status": record.status,
        "history": list(record.history),
        "fills": record.fills,
        "filled": record.filled,
        "quantity": record.quantity,
        "terms": record.terms,
        "venue_ids": record.venue_ids,
    }


def test_the_table_is_of_every_state() -> None:
    assert TABLE.keys() == {status.name for status in S}
    assert len(PAIRS) == len(S) ** 2


@pytest.mark.parametrize(("before", "after", "leads"), PAIRS)
def test_from_each_state_an_order_goes_where_the_table_leads_and_nowhere_else(
    order_of: Callable[..., Order], before: str, after: str, leads: bool
) -> None:
    record = at(OrderStatus[before], order_of())
    was = look_of(record)
    if leads and after not in FILLED_BY_WORD:
        record.advance(OrderStatus[after], 5)
        assert record.status is OrderStatus[after]
        assert record.history[-1] == (OrderStatus[after], 5)
    else:
        with pytest.raises(IllegalTransition):
            record.advance(OrderStatus[after], 5)
        assert look_of(record) == was, "nothing was changed"


@pytest.mark.parametrize(("before", "after", "leads"), [pair for pair in PAIRS if pair[1] in FILLED_BY_WORD])
def test_from_each_state_a_fill_leads_where_the_table_does(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill], before: str, after: str, leads: bool
) -> None:
    record = at(OrderStatus[before], order_of(quantity=Decimal(10)))
    was = look_of(record)
    fill = fill_of(quantity=Decimal(10 if after == "FILLED" else 4), at=5)
    if leads:
        assert record.book(fill) is None
        assert record.status is OrderStatus[after]
        assert record.history[-1] == (OrderStatus[after], 5)
    elif before in {"INITIALIZED", "DENIED"}:
        with pytest.raises(IllegalTransition):
            record.book(fill)
        assert look_of(record) == was, "nothing was changed"
    else:
        assert record.book(fill), "it is booked and alarmed"
        assert (record.status, record.history) == (OrderStatus[before], was["history"])
        assert record.fills == (fill,)


@pytest.mark.parametrize("before", [S.PENDING_UPDATE, S.PENDING_CANCEL, S.UNKNOWN])
def test_an_order_that_has_traded_can_go_back_to_having_traded(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill], before: OrderStatus
) -> None:
    record = lived(order_of(), S.SUBMITTED)
    record.book(fill_of(quantity=Decimal(4)))
    record.advance(S.PENDING_CANCEL, 3)
    if before is not S.PENDING_CANCEL:
        record.advance(S.UNKNOWN, 4)
    assert record.working is S.PARTIALLY_FILLED
    record.advance(S.PARTIALLY_FILLED, 5)
    with pytest.raises(IllegalTransition):
        record.advance(S.FILLED, 6)


# Terms


def test_terms_are_the_intended_ones_until_the_venue_confirms_others(order_of: Callable[..., Order]) -> None:
    record = lived(order_of(quantity=Decimal(10)), S.SUBMITTED, S.ACCEPTED)
    assert record.terms == Terms(Decimal(10))
    record.amend(Terms(Decimal(12), Decimal(99)), 3)
    assert record.terms == Terms(Decimal(12), Decimal(99))
    assert record.leaves == 12
    assert record.order.quantity == 10


def test_an_order_that_was_made_larger_is_filled_when_all_of_it_has_traded(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill]
) -> None:
    record = lived(order_of(quantity=Decimal(10)), S.SUBMITTED, S.ACCEPTED)
    record.amend(Terms(Decimal(12)), 3)
    assert record.book(fill_of(quantity=Decimal(10))) is None
    assert (record.status, record.leaves) == (S.PARTIALLY_FILLED, Decimal(2))
    assert record.book(fill_of(quantity=Decimal(2))) is None
    assert (record.status, record.leaves) == (S.FILLED, Decimal(0))


def test_an_order_that_was_made_smaller_than_it_has_traded_has_nothing_left(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill]
) -> None:
    record = lived(order_of(quantity=Decimal(10)), S.SUBMITTED, S.ACCEPTED)
    record.book(fill_of(quantity=Decimal(4)))
    record.amend(Terms(Decimal(3)), 3)
    assert record.leaves == 0


@pytest.mark.parametrize(
    "status", [S.UNKNOWN, S.PENDING_CANCEL, S.PENDING_UPDATE, S.SUBMITTED, S.INITIALIZED]
)
def test_what_may_still_trade_is_reserved_whatever_is_not_known_of_it(
    order_of: Callable[..., Order], status: OrderStatus
) -> None:
    assert at(status, order_of(quantity=Decimal(10))).leaves == 10


# The venue's ids


def test_the_venues_ids_are_kept_the_one_in_use_last(order_of: Callable[..., Order]) -> None:
    record = OrderRecord(order_of())
    for venue_order_id in ("", "v1", "v1", "", "v2", "v1"):
        record.carry(venue_order_id)
    assert record.venue_ids == ("v1", "v2"), "v1 came late"


# What the desk tells, folded


def test_what_the_desk_told_leads_to_the_same_record(
    order_of: Callable[..., Order], fill_of: Callable[..., Fill]
) -> None:
    order = order_of(quantity=Decimal(10))
    told = [
        OrderChanged("trend", order.client_order_id, S.SUBMITTED, 2),
        OrderChanged("trend", order.client_order_id, S.ACCEPTED, 3, venue_order_id="v1"),
        OrderChanged("trend", order.client_order_id, S.PENDING_UPDATE, 4),
        OrderChanged("trend", order.client_order_id, S.ACCEPTED, 5, "", "v2", Terms(Decimal(4))),
        OrderChanged("trend", order.client_order_id, S.ACCEPTED, 6, "", "v3", Terms(Decimal(6))),
    ]
    record = OrderRecord(order)
    for changed in told:
        record.follow(changed)
    assert record.history == [
        (S.INITIALIZED, 1),
        (S.SUBMITTED, 2),
        (S.ACCEPTED, 3),
        (S.PENDING_UPDATE, 4),
        (S.ACCEPTED, 5),
    ]
    assert (record.venue_ids, record.terms) == (("v1", "v2", "v3"), Terms(Decimal(6)))
    record.book(fill_of(quantity=Decimal(6)))
    assert record.status is S.FILLED


def test_what_cannot_be_told_of_an_order_is_not_taken_on(order_of: Callable[..., Order]) -> None:
    record = lived(order_of(), S.SUBMITTED, S.CANCELED)
    with pytest.raises(IllegalTransition):
        record.follow(
            OrderChanged("trend", record.order.client_order_id, S.ACCEPTED, 3, "", "v9", Terms(Decimal(1)))
        )
    assert (record.status, record.venue_ids, record.terms.quantity) == (S.CANCELED, (), Decimal(10))


def test_a_record_can_be_copied_whole(order_of: Callable[..., Order], fill_of: Callable[..., Fill]) -> None:
    record = lived(order_of(), S.SUBMITTED, S.ACCEPTED)
    record.carry("v1")
    record.amend(Terms(Decimal(20)), 3)
    record.book(fill_of(quantity=Decimal(4)))
    copy = record.copy()
    record.book(fill_of(quantity=Decimal(6)))
    assert (copy.filled, copy.terms, copy.venue_ids) == (Decimal(4), Terms(Decimal(20)), ("v1",))


def test_who_follows_what_is_told_of_a_record_has_the_same(order_of: Callable[..., Order]) -> None:
    record, other = OrderRecord(order_of()), OrderRecord(order_of())
    report = ExecutionReport(
        "paper",
        record.order.client_order_id,
        ExecType.UPDATED,
        4,
        venue_order_id="v2",
        terms=Terms(Decimal(4)),
    )
    for at, (status, wanted, news) in enumerate(
        [
            (S.SUBMITTED, None, None),
            (S.ACCEPTED, None, None),
            (S.PENDING_UPDATE, Terms(Decimal(4)), None),
            (S.ACCEPTED, None, report),
        ],
        2,
    ):
        record.advance(status, at)
        record.wanted = wanted
        if news is not None:
            record.learn(news)
        other.follow(record.told(at, "a reason", news))
        assert (other.status, other.wanted) == (record.status, record.wanted)
    assert (other.history, other.terms, other.venue_ids) == (record.history, record.terms, record.venue_ids)
    assert record.told(6, "a reason").reason == "a reason"


# A cancel that was under way


@pytest.mark.parametrize(
    ("states", "was"),
    [
        ((), False),
        ((S.SUBMITTED,), False),
        ((S.SUBMITTED, S.PENDING_CANCEL), False),
        ((S.SUBMITTED, S.PENDING_CANCEL, S.SUBMITTED), True),
        ((S.SUBMITTED, S.PENDING_CANCEL, S.UNKNOWN), True),
        ((S.SUBMITTED, S.ACCEPTED, S.PENDING_CANCEL, S.ACCEPTED), False),
        ((S.SUBMITTED, S.PENDING_CANCEL, S.CANCELED), False),
    ],
    ids=str,
)
def test_an_order_in_doubt_is_known_to_have_been_cancelled_before(
    order_of: Callable[..., Order], states: tuple[OrderStatus, ...], was: bool
) -> None:
    assert lived(order_of(), *states).was_being_cancelled is was
