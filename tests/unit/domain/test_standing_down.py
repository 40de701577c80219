"""Standing down: a scope is quiet when no order of it is on its way to its venue."""

from collections.abc import Callable

import pytest

from lts.domain.order_flow import StoodDown
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order
from lts.domain.standing_down import stood_down

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

S = OrderStatus
Make = Callable[..., OrderRecord]


@pytest.fixture
def make(order_of: Callable[..., Order]) -> Make:
    def made(name: str, *states: OrderStatus) -> OrderRecord:
        record = OrderRecord(order_of(client_order_id=name))
        for status in states:
            record.advance(status, 2)
        return record

    return made


def test_a_scope_without_orders_is_quiet() -> None:
    assert stood_down("system", []) == StoodDown("system", (), ())


def test_what_was_never_sent_does_not_count(make: Make) -> None:
    assert stood_down("system", [make("held")]) == StoodDown("system", (), ())


@pytest.mark.parametrize("states", [(S.SUBMITTED,), (S.SUBMITTED, S.PENDING_CANCEL)], ids=str)
def test_an_order_on_its_way_is_waited_for_until_it_was_long_enough(
    make: Make, states: tuple[OrderStatus, ...]
) -> None:
    there = [make("works", S.SUBMITTED, S.ACCEPTED), make("sent", *states)]
    assert stood_down("system", there) is None
    assert stood_down("system", there, overdue=True) == StoodDown("system", ("works",), ("sent",))


@pytest.mark.parametrize(
    ("states", "known"),
    [
        ((S.SUBMITTED, S.ACCEPTED), True),
        ((S.SUBMITTED, S.ACCEPTED, S.PENDING_CANCEL), True),
        ((S.SUBMITTED, S.UNKNOWN), False),
    ],
    ids=str,
)
def test_what_its_venue_has_answered_is_open_and_what_is_in_doubt_is_unknown(
    make: Make, states: tuple[OrderStatus, ...], known: bool
) -> None:
    stood = stood_down("system", [make("one", *states)])
    assert stood == (StoodDown("system", ("one",), ()) if known else StoodDown("system", (), ("one",)))
