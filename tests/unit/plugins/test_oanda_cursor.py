"""Whatever a stream does to an account's transactions, each is handed on once, in order."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.sdk import Unanswered
from plugins.broker.oanda.account import Page
from plugins.broker.oanda.cursor import Cursor
from plugins.broker.oanda.stream import Transactions

pytestmark = pytest.mark.requirement("INT-4.5")

LAST = 30
EXISTING = st.sets(st.integers(1, LAST), min_size=1).map(sorted)


def transaction(number: int) -> dict[str, Any]:
    return {"id": str(number), "type": "ORDER_FILL"}


class Venue:
    """An account with these transactions, of which it tells a few at a time."""

    def __init__(self, numbers: list[int], page: int = 3) -> None:
        self.numbers = numbers
        self.page = page
        self.asked = 0

    async def since(self, number: int) -> Page:
        self.asked += 1
        behind = [transaction(each) for each in self.numbers if each > number]
        return Page([*behind[: self.page]], max(self.numbers))


class Listener:
    """Notes what it is told, and up to where."""

    def __init__(self, venue: Any, cursor: int | None = 0) -> None:
        self.told: list[int] = []
        self.cursors: list[int] = []
        self.transactions = Transactions(venue, cursor, self.tell, self.see)

    def tell(self, entry: Any) -> None:
        self.told.append(int(entry["id"]))

    def see(self, cursor: int) -> None:
        assert self.told[-1:] <= [cursor], "what it says it has told it has told"
        self.cursors.append(cursor)


@given(EXISTING, st.data())
def test_any_stream_of_the_same_transactions_tells_the_same_once_and_in_order(
    numbers: list[int], data: st.DataObject
) -> None:
    """Lost, doubled and disordered, in bursts, and with answers in between that come too early."""
    messages = data.draw(st.lists(st.sampled_from(numbers), max_size=60))
    cuts = data.draw(st.lists(st.tuples(st.integers(1, 7), st.booleans()), min_size=60, max_size=60))
    listener = Listener(Venue(numbers))

    async def scene() -> None:
        stream = listener.transactions
        for size, is_answer in cuts:
            burst, messages[:size] = [transaction(each) for each in messages[:size]], []
            if is_answer:
                stream.take(burst)
            elif burst:
                await stream.hear(burst)
        await stream.hear([{"type": "HEARTBEAT", "lastTransactionID": str(numbers[-1])}])

    asyncio.run(scene())
    assert listener.told == numbers
    assert listener.cursors == sorted(set(listener.cursors))
    assert listener.cursors[-1] == numbers[-1]
    assert listener.transactions.early == 0


@given(EXISTING, st.integers(0, LAST))
def test_catching_up_tells_what_lies_behind_the_cursor(numbers: list[int], cursor: int) -> None:
    listener = Listener(Venue(numbers), cursor)
    asyncio.run(listener.transactions.catch_up())
    assert listener.told == [each for each in numbers if each > cursor]


@given(st.permutations(range(1, 12)))
def test_a_cursor_never_stands_behind_a_gap(order: list[int]) -> None:
    cursor = Cursor(0)
    came: set[int] = set()
    for number in order:
        cursor.offer([transaction(number)])
        came.add(number)
        cursor.take()
        assert cursor.at == next(each for each in range(12) if each + 1 not in came)
    assert cursor.early == 0


def test_ids_that_do_not_exist_are_passed_by() -> None:
    cursor = Cursor(5)
    cursor.offer([transaction(8)])
    assert cursor.take() == []
    cursor.settle(9)
    assert [each["id"] for each in cursor.take()] == ["8"]
    assert cursor.at == 9


def test_a_stream_without_gaps_asks_for_nothing() -> None:
    venue = Venue([*range(1, 6)])
    listener = Listener(venue)
    for number in range(1, 6):
        asyncio.run(listener.transactions.hear([transaction(number)]))
    assert venue.asked == 0
    assert listener.told == [1, 2, 3, 4, 5]


def test_the_first_time_it_begins_with_what_happens_from_then_on() -> None:
    listener = Listener(Venue([1, 2, 3, 4]), None)
    asyncio.run(listener.transactions.begin(3))
    assert (listener.told, listener.cursors) == ([], [3])
    asyncio.run(listener.transactions.catch_up())
    assert listener.told == [4]


def test_who_asks_while_others_wait_is_served_with_them() -> None:
    class Slow(Venue):
        async def since(self, number: int) -> Page:
            await asyncio.sleep(0)  # noqa: TID251 - lets the others ask
            return await super().since(number)

    venue = Slow([1, 2, 3], page=9)
    listener = Listener(venue)

    async def scene() -> None:
        await asyncio.gather(*(listener.transactions.catch_up() for _ in range(10)))

    asyncio.run(scene())
    assert listener.told == [1, 2, 3]
    assert venue.asked <= 2


def test_a_round_that_failed_serves_nobody() -> None:
    class Broken(Venue):
        async def since(self, number: int) -> Page:
            await asyncio.sleep(0)  # noqa: TID251 - lets the others wait
            if self.asked < 2:
                self.asked += 1
                raise Unanswered("twice")
            return await super().since(number)

    listener = Listener(Broken([1, 2, 3], page=9))

    async def served() -> list[int]:
        await listener.transactions.catch_up()
        return listener.told[:]

    async def scene() -> list[Any]:
        return await asyncio.gather(*(served() for _ in range(4)), return_exceptions=True)

    first, second, *others = asyncio.run(scene())
    assert isinstance(first, Unanswered)
    assert isinstance(second, Unanswered)
    assert others == [[1, 2, 3], [1, 2, 3]]


def test_nothing_can_be_fetched_before_the_account_has_been_reached() -> None:
    listener = Listener(Venue([1]), None)
    with pytest.raises(Unanswered, match="not been reached"):
        asyncio.run(listener.transactions.catch_up())
