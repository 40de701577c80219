"""Inquiries: an order in doubt is asked after less and less often, by one appointment at a time."""

import pytest

from lts.domain.inquiries import AskAgain, Inquiries

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")


def after(inquiries: Inquiries, times: int, *, answered: bool) -> list[float]:
    due, seconds = inquiries.begin("one"), list[float]()
    for _ in range(times):
        seconds.append(due.after_s)
        due = inquiries.go_on(due, answered=answered)
    return seconds


def test_each_wait_is_twice_as_long_and_no_longer_than_two_seconds_where_somebody_answers() -> None:
    assert after(Inquiries(), 5, answered=False) == [0.5, 1, 2, 4, 8]
    assert after(Inquiries(), 5, answered=True) == [0.5, 1, 2, 2, 2]


def test_a_later_appointment_takes_the_place_of_an_earlier_one() -> None:
    inquiries = Inquiries()
    first, other = inquiries.begin("one"), inquiries.begin("other")
    second = inquiries.begin("one")
    assert not inquiries.are_due(first)
    assert inquiries.are_due(second)
    assert inquiries.are_due(other)


def test_nobody_is_asked_by_an_appointment_of_another_life() -> None:
    assert not Inquiries().are_due(AskAgain("one", 0.5))
