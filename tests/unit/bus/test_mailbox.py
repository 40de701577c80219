"""What waits for one actor, held against a list that is sorted anew each time."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import Delivery, Event
from bus.mailbox import Mailbox

pytestmark = pytest.mark.requirement("INT-002", "INT-8.2")


class Booked(Event):
    number: int


class Halted(Event, delivery=Delivery.URGENT):
    number: int


class Quoted(Event, key="symbol", delivery=Delivery.LATEST):
    number: int
    symbol: str = "A"


class Sampled(Event, key="symbol", delivery=Delivery.LATEST):
    number: int
    symbol: str = "A"


class Model:
    """Entries `[place, handler, message, cause]`; what is taken is the least by urgency, then place."""

    def __init__(self) -> None:
        self.entries: list[list[Any]] = []
        self.arrivals = 0

    def put(self, handler: Any, message: Any, cause: int) -> bool:
        self.arrivals += 1
        for entry in self.entries:
            same = type(entry[2]) is type(message) and entry[2].key == message.key
            if message.delivery is Delivery.LATEST and same:
                entry[1:] = [handler, message, cause]
                return True
        self.entries.append([self.arrivals, handler, message, cause])
        return False

    def in_order(self) -> list[list[Any]]:
        return sorted(self.entries, key=lambda entry: (entry[2].delivery is not Delivery.URGENT, entry[0]))

    def take(self) -> tuple[Any, ...]:
        first = self.in_order()[0]
        self.entries.remove(first)
        return tuple(first[1:])

    def remove(self, unwanted: Callable[[Any], bool]) -> list[Any]:
        removed = [entry for entry in self.in_order() if unwanted(entry[2])]
        self.entries = [entry for entry in self.entries if entry not in removed]
        return [entry[2] for entry in removed]


def hear(_: Any) -> None: ...


def numbered(numbers: set[int]) -> Callable[[Any], bool]:
    return lambda message: message.number in numbers


messages = st.integers(0, 9).flatmap(
    lambda number: st.one_of(
        st.just(Booked(number)),
        st.just(Halted(number)),
        st.builds(Quoted, st.just(number), st.sampled_from("ABC")),
        st.builds(Sampled, st.just(number), st.sampled_from("AB")),
    )
)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), messages, st.integers(0, 99)),
        st.tuples(st.just("take"), st.none(), st.none()),
        st.tuples(st.just("remove"), st.sets(st.integers(0, 9), max_size=4), st.none()),
    ),
    max_size=60,
)


@given(actions)
def test_a_mailbox_does_what_a_sorted_list_would(script: list[tuple[str, Any, Any]]) -> None:
    mailbox, model = Mailbox(), Model()
    for action, what, cause in script:
        match action:
            case "put":
                assert mailbox.put(hear, what, cause) == model.put(hear, what, cause)
            case "take" if model.entries:
                assert mailbox.take() == model.take()
            case "remove":
                assert mailbox.remove(numbered(what)) == model.remove(numbered(what))
        assert len(mailbox) == len(model.entries)
        assert bool(mailbox) == bool(model.entries)
    while model.entries:
        assert mailbox.take() == model.take()
    with pytest.raises(IndexError):
        mailbox.take()


def test_the_latest_keeps_the_oldest_place() -> None:
    mailbox = Mailbox()
    assert not mailbox.put(hear, Quoted(1), 1)
    assert not mailbox.put(hear, Booked(2), 2)
    assert mailbox.put(hear, Quoted(3), 3)
    assert [mailbox.take(), mailbox.take()] == [(hear, Quoted(3), 3), (hear, Booked(2), 2)]


def test_two_types_with_one_key_have_two_slots() -> None:
    mailbox = Mailbox()
    mailbox.put(hear, Quoted(1), 0)
    assert not mailbox.put(hear, Sampled(2), 0)
    assert len(mailbox) == 2


def test_a_judge_that_raises_loses_nothing() -> None:
    mailbox = Mailbox()
    for message in (Booked(1), Halted(2), Quoted(3)):
        mailbox.put(hear, message, 0)

    def raises(message: Any) -> bool:
        return bool(message.number / (message.number - 1))

    with pytest.raises(ZeroDivisionError):
        mailbox.remove(raises)
    assert [mailbox.take()[1] for _ in range(3)] == [Halted(2), Booked(1), Quoted(3)]
