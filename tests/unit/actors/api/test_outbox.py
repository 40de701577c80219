"""What waits for one reader: bounded, in order, and nothing lost in silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.api.stream.outbox import Outbox
from actors.api.stream.told import Told, framed

pytestmark = pytest.mark.requirement("INT-014", "INT-025")

MOST = 5

Step = tuple[str, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("each"), st.integers()),
        st.tuples(st.sampled_from(["a", "b", "c"]), st.integers()),
        st.tuples(st.just("take"), st.integers(1, 40)),
    )
)


def told(value: int, slot: str | None = None) -> Told:
    return Told({"value": value}, "test", slot=slot)


@given(steps)
def test_what_counts_each_is_taken_in_order_or_refused_and_of_the_rest_the_newest(taken: list[Step]) -> None:
    outbox = Outbox(MOST)
    expected: list[Told] = []
    """What has to come out, written down a second time as a plain list."""
    for kind, number in taken:
        if kind == "take":
            got = outbox.take(number)
            assert bool(got) is bool(expected)
            assert got == expected[: len(got)]
            del expected[: len(got)]
        elif kind == "each":
            one = told(number)
            room = sum(each.slot is None for each in expected) < MOST
            assert outbox.put(one) is room
            expected += [one] * room
        else:
            newest = told(number, kind)
            assert outbox.put(newest)
            places = [place for place, each in enumerate(expected) if each.slot == kind]
            if places:
                expected[places[0]] = newest
            else:
                expected.append(newest)
        assert len(outbox) == len(expected)
        assert outbox.each == sum(each.slot is None for each in expected)


def test_what_is_only_the_latest_of_something_never_fills_an_outbox() -> None:
    outbox = Outbox(MOST)
    for number in range(100):
        assert outbox.put(told(number, "quote"))
    assert (len(outbox), outbox.conflated) == (1, 99)
    assert [each.body for each in outbox.take()] == [b'{"value":99}']


def test_about_so_many_bytes_are_taken_at_once_and_at_least_one() -> None:
    outbox = Outbox()
    for number in range(10):
        outbox.put(told(number))
    assert len(outbox.take(1)) == 1
    assert len(outbox.take(2 * len(told(1).body))) == 2
    assert len(outbox.take()) == 7


@given(st.integers(0, 70_000))
def test_a_frame_says_how_long_it_is_in_the_shortest_way(length: int) -> None:
    frame = framed(b"x" * length)
    told_length, at = frame[1], 2
    if told_length == 126:
        told_length, at = int.from_bytes(frame[2:4], "big"), 4
        assert told_length >= 126
    elif told_length == 127:
        told_length, at = int.from_bytes(frame[2:10], "big"), 10
        assert told_length >= 65_536
    assert (frame[0], told_length, len(frame) - at) == (0x81, length, length)


def test_it_is_encoded_and_framed_once_for_all_readers() -> None:
    one = told(7)
    assert one.frame is one.frame
    assert one.line == b'event: test\ndata: {"value":7}\n\n'
