"""Taking up the audit: where it was left, and not if somebody changed its end."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from actors.persistence.head import Head, read_head, write_head
from actors.persistence.resume import resume
from actors.persistence.rows import UserRow
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-010", "INT-024", "INT-5.3")


async def _resume(lane: Any) -> Any:
    async with lane.engine.connect() as connection:
        return await resume(connection, lane.keys, lane.head)


async def _refused(lane: Any) -> str:
    with pytest.raises(Refused, match=r"run `lts db verify`$") as refused:
        await _resume(lane)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
async def used(lane: Any, user: Any) -> Any:
    """A lane with two seals, and two rows behind them."""
    await lane.insert(UserRow, user(1, "ann"))
    await lane.seal()
    await lane.insert(UserRow, user(2, "bob"))
    await lane.seal()
    await lane.insert(UserRow, user(3, "cyd"))
    return lane


async def test_a_new_database_is_given_a_head(lane_in: Any, tmp_path: Path) -> None:
    async with lane_in(tmp_path) as lane:
        await lane.open()
        head = read_head(lane.head)

    assert head == Head(0, "00" * 32, 0, 0, "").signed(lane.keys.signing)


async def test_a_crash_before_the_first_commit_leaves_a_new_database(lane_in: Any, tmp_path: Path) -> None:
    async with lane_in(tmp_path) as lane:
        write_head(lane.head, Head(0, "00" * 32, 0, 0, "lost", "", "ff"))
        await lane.open()

        assert (await lane.verify()).ok


async def test_numbers_and_seals_go_on_where_they_were_left(used: Any, user: Any) -> None:
    sealer = await _resume(used)
    assert (sealer.number, sealer.sealed_through, sealer.last_seq) == (2, 6, 8)
    assert sealer.hash == used.sealer.hash

    await used.open()
    await used.insert(UserRow, user(4, "dan"))
    await used.seal()
    report = await used.verify()
    assert report.findings == ()
    assert (report.sealed_through, report.unsealed) == (10, 0)


@pytest.mark.parametrize("commit", [True, False], ids=["after the commit", "before the commit"])
async def test_a_crash_while_sealing_is_taken_up(used: Any, tmp_path: Path, *, commit: bool) -> None:
    used.sealer.settle = used.sealer.forget  # the process ends with the head announcing the seal
    await used.write(used.sealer, commit=commit)
    announced = read_head(used.head)
    assert announced
    assert announced.announced
    assert (await used.verify()).ok

    sealer = await _resume(used)

    assert sealer.number == (3 if commit else 2)
    head = read_head(tmp_path / "audit.head")
    assert head
    assert (head.seal, head.hash, head.announced) == (sealer.number, sealer.hash.hex(), "")


async def test_an_audit_without_its_head_file_is_refused(used: Any) -> None:
    used.head.unlink()

    assert "head file is gone" in await _refused(used)


async def test_a_head_file_that_was_edited_is_refused(used: Any) -> None:
    used.head.write_bytes(used.head.read_bytes().replace(b'"seal":2', b'"seal":1'))
    assert "not signed by this node" in await _refused(used)

    used.head.write_bytes(b"?")
    assert "cannot be read" in await _refused(used)


async def test_an_old_head_file_is_refused(used: Any, tmp_path: Path) -> None:
    shutil.copy(used.head, tmp_path / "old")
    await used.seal()
    shutil.copy(tmp_path / "old", used.head)

    assert "ends with the seal 3" in await _refused(used)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_seal WHERE number = 2",
        "DELETE FROM audit_seal",
        "UPDATE audit_seal SET at = at + 1 WHERE number = 2",
        "UPDATE audit_seal SET kind = 'none' WHERE number = 2",
        "DELETE FROM audit_log WHERE seq = 6",
        "DELETE FROM audit_log WHERE seq = 7",
        "DELETE FROM audit_log WHERE seq > 5",
        "DELETE FROM audit_log",
        "UPDATE audit_log SET after = '{}' WHERE seq = 7",
        "UPDATE audit_log SET seq = 9 WHERE seq = 8",
        "DELETE FROM audit_log; DELETE FROM audit_seal",
    ],
)
async def test_an_end_that_was_changed_is_refused(used: Any, outside: Any, statement: str) -> None:
    outside("PRAGMA ignore_check_constraints = ON; " + statement)

    await _refused(used)


async def test_everything_cut_off_together_with_the_head_is_refused_while_there_are_keys(
    used: Any, outside: Any
) -> None:
    outside("DELETE FROM audit_log; DELETE FROM audit_seal")
    used.head.unlink()
    async with used.engine.connect() as connection:
        used.keys = await type(used.keys).load(connection, used.node_keys, 5)

    assert "no audit of how they came to be" in await _refused(used)


async def test_a_head_file_that_cannot_be_written_is_refused(used: Any) -> None:
    used.head.with_name(f".{used.head.name}.new").mkdir()

    with pytest.raises(Refused, match="head file of the audit cannot be written"):
        await _resume(used)
