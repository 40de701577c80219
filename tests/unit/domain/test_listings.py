"""Marks: a place in a listing as text that goes into an address, and nothing else is one."""

import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.event_listings import TOLD, WIRE, JournalledEvent
from lts.domain.listings import is_plain, mark, place
from lts.domain.order_flow import OrderChanged
from lts.domain.order_status import OrderStatus

pytestmark = pytest.mark.requirement("INT-5.2")

WHOLE = st.integers(-(2**63), 2**63 - 1)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
ADDRESSABLE = frozenset(string.ascii_letters + string.digits + "-_")


@given(st.lists(WHOLE | NAMES, min_size=1, max_size=4).map(tuple))
def test_a_mark_is_the_place_that_it_was_made_of(values: tuple[str | int, ...]) -> None:
    made = mark(values)
    assert set(made) <= ADDRESSABLE
    assert place(made, tuple(map(type, values))) == values


@given(st.text(), st.lists(st.sampled_from((int, str)), min_size=1, max_size=3).map(tuple))
def test_whatever_else_is_said_marks_no_place(said: str, types: tuple[type, ...]) -> None:
    try:
        found = place(said, types)
    except ValueError:
        found = None
    assert found is None or tuple(map(type, found)) == types


@pytest.mark.parametrize(
    ("values", "types"),
    [
        ((1,), (str,)),
        (("1",), (int,)),
        ((1, 2), (int,)),
        ((2**63,), (int,)),
        ((-(2**63) - 1,), (int,)),
        (("a\0b",), (str,)),
        ((True,), (int,)),
    ],
)
def test_a_mark_of_another_listing_is_refused(values: tuple[str | int, ...], types: tuple[type, ...]) -> None:
    with pytest.raises(ValueError, match="marks no place in this listing"):
        place(mark(values), types)


def test_a_mark_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="marks no place"):
        place("A" * 10_000_000, (str,))


@pytest.mark.parametrize(("said", "plain"), [("p", True), ("Ä 🙂", True), ("a\0", False), ("\ud800", False)])
def test_a_text_can_be_looked_for_if_every_database_can_hold_it(said: str, *, plain: bool) -> None:
    assert is_plain(said) is plain


def test_an_event_carries_its_message() -> None:
    said = OrderChanged("p", "p-X-000001", OrderStatus.REJECTED, 5, "no")
    described = WIRE.describe(said)
    event = JournalledEvent(7, 1, "p", described["type"], described["body"])
    assert event.message() == said
    assert msgspec.convert(msgspec.to_builtins(event), JournalledEvent) == event
    assert len(TOLD) == len({each.__name__ for each in TOLD})
