"""Appointments in market time, held against a sorted list."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import SECOND
from bus.timers import Timers

pytestmark = pytest.mark.requirement("INT-8.1", "LTS-002")

scripts = st.lists(
    st.one_of(
        st.tuples(st.just("at"), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.integers(0, 99)),
        st.tuples(st.just("pop"), st.integers(0, 9)),
    ),
    max_size=50,
)


@given(scripts)
def test_timers_come_due_in_order_and_cancelled_ones_never(script: list[tuple[str, int]]) -> None:
    timers = Timers()
    made: list[Any] = []
    model: list[tuple[int, int]] = []
    for action, number in script:
        match action:
            case "at":
                model.append((number, len(made)))
                made.append(timers.at(number, lambda: None))
            case "cancel" if made:
                chosen = number % len(made)
                made[chosen].cancel()
                model = [entry for entry in model if entry[1] != chosen]
            case "pop":
                due = min(model, default=None)
                timer = timers.pop_due(number)
                if due is None or due[0] > number:
                    assert timer is None
                else:
                    model.remove(due)
                    assert timer is made[due[1]]
        assert timers.next_at() == min((at for at, _ in model), default=None)


def test_only_an_earlier_timer_than_all_others_is_news() -> None:
    timers, news = Timers(), []
    timers.changed = lambda: news.append(timers.next_at())
    for at in (5, 7, 3, 3, 4, 1):
        timers.at(at, lambda: None)
    assert news == [5, 3, 1]


def test_after_counts_from_now() -> None:
    timers = Timers()
    timers.now = lambda: 10 * SECOND
    assert timers.after(1.5, lambda: None).at == 11.5 * SECOND


def test_a_shift_moves_every_timer() -> None:
    timers = Timers()
    made = [timers.at(at, lambda: None) for at in (5, 3, 9)]
    timers.shift(100)
    assert [timer.at for timer in made] == [105, 103, 109]
    assert timers.next_at() == 103
