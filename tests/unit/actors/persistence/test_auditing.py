"""The audit trail: numbers without gaps, MACs over every column, and seals that are noted."""

import json
from typing import Any

import pytest

from actors.persistence.rows import UserRow
from lts.security.mac import MacKey

pytestmark = pytest.mark.requirement("INT-010", "INT-024")


def notes(trail: Any, at: int, *names: str) -> list[dict[str, Any]]:
    """Begin a batch with an insert of each of these, and return its rows."""
    trail.begin(at)
    for name in names:
        trail.note("insert", "users", f"[{name}]", None, f'{{"name":{name}}}', "ann", 3)
    rows: list[dict[str, Any]] = trail.rows
    return rows


async def test_rows_are_numbered_on_from_what_is_committed(lane: Any) -> None:
    first = notes(lane.trail, 5, "1", "2")
    lane.trail.commit()
    second = notes(lane.trail, 6, "3")

    assert [row["seq"] for row in first + second] == [4, 5, 6]
    assert [row["at"] for row in first + second] == [5, 5, 6]


async def test_the_numbers_of_a_batch_that_failed_are_given_again(lane: Any) -> None:
    failed = notes(lane.trail, 5, "1", "2")
    lane.trail.rollback()
    assert lane.trail.rows == []
    repeated = notes(lane.trail, 6, "3")

    assert [row["seq"] for row in failed] == [4, 5]
    assert [row["seq"] for row in repeated] == [4]
    assert lane.trail.last_seq == 4
    assert lane.sealer.last_seq == 3


async def test_a_mac_is_over_all_columns_but_itself_as_a_canonical_list(lane: Any) -> None:
    [row] = notes(lane.trail, 5, "1")
    key: MacKey = lane.keys.mac
    names = ("seq", "at", "who", "cause", "action", "entity", "row_key", "before", "after", "key_id")
    fields = [row[name] for name in names]

    assert row["key_id"] == key.id
    assert row["mac"] == key.mac(json.dumps(fields, separators=(",", ":")).encode())
    assert row.keys() == {*names, "mac"}


async def test_the_first_row_after_a_seal_notes_it_once(lane: Any, user: Any) -> None:
    await lane.seal()
    rolled_back = notes(lane.trail, 5, "1")
    lane.trail.rollback()
    rows = notes(lane.trail, 6, "1", "2")

    for note in (rolled_back[0], rows[0]):
        assert (note["action"], note["entity"], note["row_key"]) == ("note", "audit_seal", "[1]")
        assert json.loads(note["after"]) == {"hash": lane.sealer.hash.hex()}
    assert [row["entity"] for row in rows[1:]] == ["users", "users"]
    lane.trail.rollback()

    await lane.insert(UserRow, user(1, "ann"))
    assert [row["entity"] for row in notes(lane.trail, 7, "4")] == ["users"]


async def test_a_batch_that_audits_nothing_notes_no_seal(lane: Any) -> None:
    await lane.seal()
    lane.trail.begin(5)

    assert lane.trail.rows == []
    lane.trail.commit()
    assert not lane.sealer.due(10**30)
