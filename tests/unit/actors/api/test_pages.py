"""Pages: every item once, in order, whatever the limit; and cursors that nobody else can make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.api.pages import Cursors, page_of
from actors.api.problems import Problem

pytestmark = pytest.mark.requirement("INT-012", "INT-026")

CURSORS = Cursors(b"a key for tests")


@given(st.sets(st.tuples(st.integers(-5, 5), st.text(max_size=3)), max_size=40), st.integers(1, 50))
def test_pages_together_are_the_whole_list_in_order(items: set[tuple[int, str]], limit: int) -> None:
    seen: list[tuple[int, str]] = []
    cursor: str | None = None
    while True:
        page = page_of(items, lambda each: each, CURSORS, "items", cursor, limit)
        seen += page.items
        assert len(page.items) <= limit
        if (cursor := page.next) is None:
            break
    assert seen == sorted(items)


@given(st.text(max_size=80))
def test_what_was_never_given_out_is_no_cursor(text: str) -> None:
    with pytest.raises(Problem):
        CURSORS.open("items", text)


@given(st.integers(0, 200), st.sampled_from("ABCxyz019-_"))
def test_an_altered_cursor_is_none(place: int, letter: str) -> None:
    cursor = CURSORS.seal("items", (5, "name"))
    place %= len(cursor)
    altered = cursor[:place] + letter + cursor[place + 1 :]
    if altered == cursor:
        assert CURSORS.open("items", altered) == (5, "name")
    else:
        with pytest.raises(Problem):
            CURSORS.open("items", altered)


def test_a_cursor_is_good_for_its_own_list_and_key_alone() -> None:
    cursor = CURSORS.seal("orders of alice", (1,))
    for cursors, what in ((CURSORS, "orders of bob"), (Cursors(), "orders of alice")):
        with pytest.raises(Problem):
            cursors.open(what, cursor)
