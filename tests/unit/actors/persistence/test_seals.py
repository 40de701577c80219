"""Seals: each signs a segment and names the one before it; the head file follows them."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from actors.persistence.head import read_head
from actors.persistence.merkle import Merkle
from actors.persistence.page import table_of
from actors.persistence.rows import AuditRow, AuditSealRow, UserRow
from actors.persistence.seals import NO_HASH, Seal

pytestmark = pytest.mark.requirement("INT-010", "INT-024", "INT-025")

SECOND = 1_000_000_000


async def stored(lane: Any, row_class: Any) -> list[Any]:
    """All rows of a table, by their numbers."""
    table = table_of(row_class)
    async with lane.engine.connect() as connection:
        return list(await connection.execute(select(table).order_by(*table.primary_key)))


async def test_a_seal_is_over_all_that_was_audited_since_the_last_one(lane: Any, user: Any) -> None:
    await lane.seal()
    await lane.insert(UserRow, user(1, "ann"), user(2, "bob"))
    await lane.seal()
    rows, seals = await stored(lane, AuditRow), await stored(lane, AuditSealRow)

    assert [(seal.number, seal.first_seq, seal.last_seq) for seal in seals] == [(1, 1, 3), (2, 4, 6)]
    for seal in seals:
        tree = Merkle()
        for row in rows[seal.first_seq - 1 : seal.last_seq]:
            tree.add(row.mac)
        assert seal.root == tree.root()


async def test_a_seal_names_the_hash_of_the_one_before_and_is_signed(lane: Any, user: Any) -> None:
    await lane.seal()
    await lane.insert(UserRow, user(1, "ann"))
    await lane.seal()
    first, second = (Seal(*row) for row in await stored(lane, AuditSealRow))
    fields = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in msgspec.structs.asdict(first).items()
    }

    assert first.previous == NO_HASH
    assert second.previous == first.hash
    assert first.hash == sha256(json.dumps(fields, separators=(",", ":")).encode()).digest()
    assert first.is_signed_by(lane.keys.signing.public)
    assert not msgspec.structs.replace(first, last_seq=2).is_signed_by(lane.keys.signing.public)


async def test_a_seal_is_due_when_there_is_something_to_seal_and_the_last_one_is_a_second_old(
    lane: Any, user: Any
) -> None:
    assert lane.sealer.due(lane.now)
    await lane.seal()
    assert not lane.sealer.due(lane.now + 10 * SECOND)

    await lane.insert(UserRow, user(1, "ann"))
    sealed_at = lane.sealer.last.at
    assert not lane.sealer.due(sealed_at + SECOND - 1)
    assert lane.sealer.due(sealed_at + SECOND)
    assert lane.sealer.due(sealed_at - SECOND)  # a clock that was set back holds nothing up
    assert lane.sealer.unsealed == 2


async def test_the_head_announces_a_seal_before_the_commit_and_names_it_afterwards(
    lane: Any, user: Any
) -> None:
    await lane.seal()
    named = read_head(lane.head)
    await lane.insert(UserRow, user(1, "ann"))
    await lane.write(lane.sealer, commit=False)
    announced = read_head(lane.head)
    await lane.seal()
    then = read_head(lane.head)
    assert named
    assert announced
    assert then

    assert (named.seal, named.last_seq, named.announced) == (1, 3, "")
    assert (announced.seal, announced.hash) == (1, named.hash)
    assert announced.announced not in {"", then.hash}  # it was sealed again, at a later time
    assert (then.seal, then.hash, then.announced) == (2, lane.sealer.hash.hex(), "")
    assert all(head.is_signed_by(lane.keys.signing.public) for head in (named, announced, then))


async def test_a_seal_whose_commit_was_not_heard_of_is_found_again(lane: Any, user: Any) -> None:
    await lane.seal()
    await lane.insert(UserRow, user(1, "ann"))
    sealer = lane.sealer
    settle, sealer.settle = sealer.settle, sealer.forget  # the answer to the commit is lost
    await lane.seal()
    sealer.settle = settle
    await lane.insert(UserRow, user(2, "bob"))
    await lane.seal()
    assert (sealer.number, sealer.sealed_through, sealer.unsealed) == (2, 5, 1)
    await lane.seal()

    assert [seal.last_seq for seal in await stored(lane, AuditSealRow)] == [3, 5, 6]
    report = await lane.verify()
    assert report.findings == ()


async def test_sealing_nothing_writes_nothing(lane: Any) -> None:
    await lane.seal()
    await lane.seal()

    assert len(await stored(lane, AuditSealRow)) == 1


async def test_one_seal_is_committed_at_a_time(lane: Any) -> None:
    lane.sealer.seal(lane.now)

    with pytest.raises(RuntimeError, match="already"):
        lane.sealer.seal(lane.now)


async def test_a_head_that_cannot_be_written_fails_the_seal_and_not_the_sealer(
    lane: Any, lane_in: Callable[[Path], Any], tmp_path: Path
) -> None:
    del lane_in
    lane.head.unlink()
    lane.head.mkdir()
    with pytest.raises(OSError, match="directory"):
        await lane.write(lane.sealer)
    lane.sealer.forget()
    lane.head.rmdir()
    await lane.seal()

    assert (tmp_path / "audit.head").is_file()
    assert (await lane.verify()).ok
