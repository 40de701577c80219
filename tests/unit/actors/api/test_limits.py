"""Token buckets: a burst, a steady refill, and no more memory than agreed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.api.limits import SECOND, Buckets
from actors.api.params import Rate

pytestmark = pytest.mark.requirement("INT-015")


class Watch:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = 0

    def __call__(self) -> int:
        return self.at


def test_a_bucket_allows_its_burst_and_tells_when_the_next_is_allowed() -> None:
    watch = Watch()
    buckets = Buckets("user", Rate(3, 60), watch)
    assert [buckets.take("alice") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("alice") == pytest.approx(20)
    assert buckets.take("bob") == 0
    watch.at += 20 * SECOND
    assert buckets.take("alice") == 0
    assert buckets.take("alice") > 0


def test_what_is_left_is_told_as_a_header() -> None:
    buckets = Buckets("user", Rate(3, 60), Watch())
    assert (buckets.policy, buckets.told("alice")) == ('"user";q=3;w=60', '"user";r=3;t=0')
    buckets.take("alice")
    assert buckets.told("alice") == '"user";r=2;t=20'


def test_no_more_askers_are_remembered_than_agreed() -> None:
    buckets = Buckets("address", Rate(1), Watch(), remembered=10)
    for number in range(1_000):
        buckets.take(str(number))
    assert len(buckets) == 10


@given(st.lists(st.integers(0, 5 * SECOND), max_size=200), st.integers(1, 20), st.integers(1, 60))
def test_never_more_than_a_burst_and_what_was_refilled(waits: list[int], requests: int, within: int) -> None:
    watch = Watch()
    buckets = Buckets("user", Rate(requests, within), watch)
    allowed = 0
    for wait in waits:
        watch.at += wait
        allowed += buckets.take("alice") == 0
    assert allowed <= requests + watch.at / SECOND * requests / within + 1e-6
