"""The backlog keeps the order of what each broker says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.backlog import Backlog, Told
from lts.domain.reconciliation import TransactionsSeen

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6")


def seen(broker: str, cursor: int) -> TransactionsSeen:
    return TransactionsSeen(broker, str(cursor), 1)


def test_only_a_broker_of_which_something_waits_is_held() -> None:
    backlog = Backlog()
    backlog.add(seen("a", 1))
    assert backlog.holds("a")
    assert not backlog.holds("b")
    assert [each.broker for each in backlog.release()] == ["a"]
    assert not backlog.holds("a")


def test_what_has_to_wait_again_keeps_its_place_and_nobody_else_waits_for_it() -> None:
    backlog = Backlog()
    for said in (seen("a", 1), seen("b", 1), seen("a", 2), seen("a", 3)):
        backlog.add(said)
    released = list[Told]()
    for told in backlog.release():
        if told == seen("a", 2):
            backlog.add(told)
        else:
            released.append(told)
    assert released == [seen("a", 1), seen("b", 1)]
    assert list(backlog) == [seen("a", 2), seen("a", 3)]


@given(st.lists(st.sampled_from("abc"), max_size=20), st.lists(st.integers(0, 3), max_size=40))
def test_however_often_it_waits_each_broker_is_heard_once_and_in_order(
    brokers: str, stops: list[int]
) -> None:
    backlog, heard, left = Backlog(), list[Told](), iter(stops)
    said = [seen(broker, number) for number, broker in enumerate(brokers)]
    for each in said:
        backlog.add(each)
    while any(backlog.holds(broker) for broker in "abc"):
        for told in backlog.release():
            if next(left, 0):
                backlog.add(told)
            else:
                heard.append(told)
    for broker in "abc":
        assert [each for each in heard if each.broker == broker] == [
            each for each in said if each.broker == broker
        ]
