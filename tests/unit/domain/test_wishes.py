"""A wish that orders end is granted when a restart would not undo it."""

from collections.abc import Callable

import pytest

from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Entered, Order
from lts.domain.wish import Wish, Wishes

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

S = OrderStatus
ANN, BOB = Entered(1, "ann"), Entered(2, "bob")
Make = Callable[..., OrderRecord]


@pytest.fixture
def make(order_of: Callable[..., Order]) -> Make:
    def made(name: str, *states: OrderStatus) -> OrderRecord:
        record = OrderRecord(order_of(client_order_id=name))
        for status in states:
            record.advance(status, 2)
        return record

    return made


def test_it_is_granted_once_when_every_order_is_over_or_being_cancelled(make: Make) -> None:
    wishes, over, works = Wishes(), make("over", S.DENIED), make("works", S.SUBMITTED, S.ACCEPTED)
    wishes.add(Wish(ANN, [over, works]))
    assert wishes.granted() == []
    works.advance(S.PENDING_CANCEL, 3)
    (granted,) = wishes.granted()
    assert (granted.answer.number, granted.answer.orders) == (1, 2)
    assert (granted.answer.client_order_id, granted.answer.status) == ("works", S.PENDING_CANCEL)
    assert wishes.granted() == []
    assert not wishes


def test_an_order_is_cancelled_for_whoever_wished_it_first(make: Make) -> None:
    wishes, one, other = Wishes(), make("one", S.SUBMITTED), make("other", S.SUBMITTED)
    wishes.add(Wish(ANN, [one]))
    wishes.add(Wish(BOB, [one]))
    assert wishes.reason_for(one) == "cancel entered by ann"
    assert not wishes.reason_for(other)


def test_one_that_is_not_granted_waits_while_another_is(make: Make) -> None:
    wishes, sent, over = Wishes(), make("sent", S.SUBMITTED), make("over", S.DENIED)
    wishes.add(Wish(ANN, [sent]))
    wishes.add(Wish(BOB, [over]))
    assert [wish.entered for wish in wishes.granted()] == [BOB]
    assert wishes
