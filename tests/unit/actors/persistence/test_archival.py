"""Archival: which orders can go together, so that what is left is folded as before."""

from math import inf
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.persistence.archival import Life, parts

pytestmark = pytest.mark.requirement("INT-010", "INT-5.3", "LTS-003")

LATER = 1_000


def life(number: int, *booked: int, closed: bool = True, ended: int | None = None, **more: Any) -> Life:
    """Return an order with fills, of which each was booked at a time that is its number."""
    made = Life(
        f"p-X-{number:06}", "paper", number, closed, max([number, *booked]) if ended is None else ended
    )
    if booked:
        made = msgspec.structs.replace(made, first=min(booked), last=max(booked))
    return msgspec.structs.replace(made, **more)


def gone(*lives: Life, before: int = LATER, broker: str | None = None, limit: float = inf) -> list[list[int]]:
    return [[int(each.id[-6:]) for each in part] for part in parts(lives, before, broker, limit)]


def test_orders_that_do_not_touch_can_go_one_by_one() -> None:
    assert gone(life(1, 1), life(2), life(3, 3, 4), life(5, 6)) == [[1], [2], [3], [5]]


def test_orders_whose_fills_are_interleaved_go_together() -> None:
    assert gone(life(1, 1, 5), life(2, 3), life(4, 4), life(6, 6)) == [[1, 2, 4], [6]]


def test_an_order_that_is_open_keeps_all_later_ones() -> None:
    assert gone(life(1, 1), life(2, closed=False), life(3, 3)) == [[1]]


def test_an_order_whose_fills_touch_those_of_one_that_stays_stays() -> None:
    assert gone(life(1, 1), life(2, 2, 5), life(3, 3, closed=False)) == [[1]]


def test_an_order_that_ended_too_late_stays_with_all_later_ones() -> None:
    assert gone(life(1, 1), life(2, 2, ended=50), life(3, 3), before=50) == [[1]]


def test_fills_that_were_booked_behind_an_adjustment_stay() -> None:
    assert gone(life(1, 1), life(2, 4), life(5), limit=3) == [[1]]
    assert gone(life(1, 1), life(2), life(5, 5), limit=3) == [[1], [2]]


def test_orders_through_another_broker_stay() -> None:
    lives = life(1, 1), life(2, 2, broker="other"), life(3, 3)
    assert gone(*lives) == [[1]]
    assert gone(*lives, broker="other") == []


def test_the_millionth_order_comes_after_the_one_before_it() -> None:
    lives = [life(number, created_at=1, ended=1) for number in (1_000_000, 999_999)]
    assert [each.id for part in parts(lives, LATER) for each in part] == ["p-X-999999", "p-X-1000000"]


def test_where_there_is_nothing_nothing_goes() -> None:
    assert gone() == []


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 9), max_size=3), st.booleans(), st.integers(0, 9)), max_size=12
    )
)
def test_wherever_it_is_cut_the_rest_was_booked_later(drawn: list[Any]) -> None:
    lives = []
    for number, (delays, closed, ended) in enumerate(drawn, 1):
        booked = [10 * number + delay * 3 for delay in delays]
        lives.append(life(number, *booked, closed=closed or number % 3 > 0, ended=10 * number + ended))
    left = list(lives)
    for part in parts(lives, 90):
        assert list(part) == left[: len(part)]
        del left[: len(part)]
        assert all(each.is_over and each.ended < 90 for each in part)
        assert max(each.last for each in part) < min((each.first for each in left), default=inf)
