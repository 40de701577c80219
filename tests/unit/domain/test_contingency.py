"""Order lists: who waits for whom, and who ends whom."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from lts.domain.contingency import Contingencies
from lts.domain.fills import Fill
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

S = OrderStatus
Make = Callable[..., OrderRecord]


@pytest.fixture
def records() -> dict[str, OrderRecord]:
    return {}


@pytest.fixture
def lists(records: dict[str, OrderRecord]) -> Contingencies:
    return Contingencies(records)


@pytest.fixture
def make(order_of: Callable[..., Order], records: dict[str, OrderRecord], lists: Contingencies) -> Make:
    def made(name: str, *states: OrderStatus, **more: object) -> OrderRecord:
        record = records[name] = OrderRecord(order_of(client_order_id=name, **more))
        for status in states:
            record.advance(status, 2)
        lists.add(record)
        return record

    return made


@pytest.fixture
def trade(fill_of: Callable[..., Fill]) -> Callable[[OrderRecord, int], None]:
    def traded(record: OrderRecord, quantity: int) -> None:
        record.book(fill_of(client_order_id=record.order.client_order_id, quantity=Decimal(quantity)))

    return traded


Trade = Callable[[OrderRecord, int], None]


def test_orders_by_themselves_are_no_list(make: Make, lists: Contingencies, trade: Trade) -> None:
    alone, other = make("alone", S.SUBMITTED), make("other", S.SUBMITTED)
    trade(alone, 10)
    assert not lists
    assert not lists.waits(other)
    assert not lists.is_orphan(other)
    assert not lists.has_ended(other)
    assert (lists.children(alone), list(lists.unwanted(alone))) == ([], [])


def test_a_list_is_taken_up_from_records(make: Make, records: dict[str, OrderRecord]) -> None:
    parent, child = make("parent"), make("child", parent="parent")
    again = Contingencies(records)
    assert again
    assert again.children(parent) == [child]


@pytest.mark.parametrize("status", OrderStatus)
def test_a_child_waits_while_its_parent_may_trade_and_has_not(
    make: Make, lists: Contingencies, status: OrderStatus
) -> None:
    parent, child = make("parent"), make("child", parent="parent")
    parent.status = status
    assert lists.waits(child) is status.is_open
    assert lists.is_orphan(child) is status.is_closed
    assert lists.children(parent) == [child]


@pytest.mark.parametrize("end", [None, S.CANCELED, S.EXPIRED])
def test_a_child_of_a_parent_that_has_traded_neither_waits_nor_is_an_orphan(
    make: Make, lists: Contingencies, trade: Trade, end: OrderStatus | None
) -> None:
    parent, child = make("parent", S.SUBMITTED), make("child", parent="parent")
    trade(parent, 4)
    if end:
        parent.advance(end, 3)
    assert not lists.waits(child)
    assert not lists.is_orphan(child)


def test_a_child_of_nobody_is_an_orphan(make: Make, lists: Contingencies) -> None:
    child = make("child", parent="nobody")
    assert lists.is_orphan(child)
    assert not lists.waits(child)


def test_a_child_that_was_sent_or_denied_is_not_sent_again(make: Make, lists: Contingencies) -> None:
    parent = make("parent")
    make("denied", S.DENIED, parent="parent")
    make("sent", S.SUBMITTED, parent="parent")
    make("doubtful", S.UNKNOWN, parent="parent")
    assert lists.children(parent) == []


@pytest.mark.parametrize(
    ("quantity", "reduce_only", "ended"),
    [(0, False, False), (1, False, True), (1, True, False), (10, True, True)],
)
def test_a_sibling_is_ended_by_a_fill_and_one_that_reduces_by_a_whole_one(  # noqa: PLR0917 - cases and fixtures
    make: Make, lists: Contingencies, trade: Trade, quantity: int, reduce_only: bool, ended: bool
) -> None:
    one = make("one", S.SUBMITTED, group="g")
    two = make("two", S.SUBMITTED, group="g", reduce_only=reduce_only)
    make("closed", S.DENIED, group="g", reduce_only=reduce_only)
    make("stranger", S.SUBMITTED, group="h", reduce_only=reduce_only)
    if quantity:
        trade(one, quantity)
    assert list(lists.unwanted(one)) == ([two] if ended else [])
    assert lists.has_ended(two) is ended
    assert not lists.has_ended(one), "nobody ends itself"
    assert list(lists.unwanted(two)) == []
