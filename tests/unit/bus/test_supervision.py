"""Restart budget, backoff, and who restarts with whom."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import SECOND, Actor, Group, Supervision, Together
from bus.cell import Cell

pytestmark = pytest.mark.requirement("INT-001")


def test_the_rest_doubles_until_it_is_the_longest() -> None:
    supervision = Supervision(first=0.1, longest=1.0, jitter=0.0)
    rests = [supervision.rest(failures, Random(1)) for failures in range(1, 7)]
    assert rests == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


@given(st.integers(1, 2000), st.floats(0.0, 0.9), st.integers())
def test_jitter_stays_within_its_share(failures: int, jitter: float, seed: int) -> None:
    supervision = Supervision(first=0.5, longest=8.0, jitter=jitter)
    without = min(8.0, 0.5 * 2.0 ** min(failures - 1, 10))
    rest = supervision.rest(failures, Random(seed))
    assert without * (1 - jitter) - 1e-9 <= rest <= without * (1 + jitter) + 1e-9


def test_failures_older_than_the_window_are_forgotten() -> None:
    supervision = Supervision(window=10.0, calm=0)
    failures: list[tuple[int, int]] = []
    counts = [supervision.count(failures, at * SECOND, at) for at in (0, 5, 10, 11, 30)]
    assert counts == [1, 2, 3, 3, 1]


def test_a_failure_is_not_forgotten_before_enough_has_come_in() -> None:
    supervision = Supervision(window=10.0, calm=4)
    failures: list[tuple[int, int]] = []
    day = 86_400 * SECOND
    assert [supervision.count(failures, number * day, 2 * number) for number in range(5)] == [1, 2, 2, 2, 2]
    assert supervision.count(failures, 5 * day, 100) == 1


def test_one_for_one_affects_nobody_else() -> None:
    group = Group("desk")
    cells = [Cell(str(order), order, Actor(), Supervision()) for order in range(3)]
    group.members.extend(cells)
    assert group.affected_by(cells[0]) == []


def test_rest_for_one_affects_those_spawned_later() -> None:
    group = Group("desk", Together.REST_FOR_ONE)
    cells = [Cell(str(order), order, Actor(), Supervision()) for order in range(3)]
    group.members.extend(cells)
    assert [group.affected_by(cell) for cell in cells] == [cells[1:], cells[2:], []]
