"""Retention: whole sealed segments go, their seals stay, and what still counts is carried forward."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from actors.persistence import retention
from actors.persistence.page import table_of
from actors.persistence.retention import Retention
from actors.persistence.rows import AuditRow, AuditSealRow, UserRow
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-010", "INT-024", "INT-5.3")


async def _rows(lane: Any, row_class: Any) -> list[Any]:
    table = table_of(row_class)
    async with lane.engine.connect() as connection:
        return list(await connection.execute(select(table).order_by(*table.primary_key)))


async def _plan(lane: Any, before: int | None = None) -> Retention:
    async with lane.engine.connect() as connection:
        return await Retention.plan(connection, lane.keys, lane.sealer, before or lane.now)


async def _run(lane: Any, planned: Retention) -> None:
    while not planned.finished:
        await lane.write(planned)


@pytest.fixture
async def used(lane: Any, user: Any) -> Any:
    """A lane with three segments, and one row behind them: ann is changed, bob is deleted, cyd is new."""
    ann, bob = user(1, "ann"), user(2, "bob")
    await lane.insert(UserRow, ann, bob)
    await lane.seal()
    lane.first_sealed = lane.now
    await lane.change(UserRow, ann, name="ann marie")

    async def delete(batch: Any, _: Any) -> None:
        users = table_of(UserRow)
        await (await batch.sent()).execute(users.delete().where(users.c.id == 2))
        batch.trail.note("delete", "users", "[2]", json.dumps(bob, separators=(",", ":")), None, "ann", 7)

    await lane.step(delete)
    await lane.seal()
    await lane.insert(UserRow, user(3, "cyd"))
    await lane.seal()
    await lane.insert(UserRow, user(4, "dan"))
    return lane


async def test_segments_sealed_before_a_time_are_dropped_and_their_seals_stay(used: Any) -> None:
    planned = await _plan(used, used.first_sealed + 1)
    await _run(used, planned)

    rows, seals = await _rows(used, AuditRow), await _rows(used, AuditSealRow)
    assert planned.dropped_through == 5
    assert rows[0].seq == 6
    assert [seal.kind for seal in seals] == ["segment"] * 4 + ["retention"]
    assert (seals[-1].first_seq, seals[-1].last_seq) == (1, 5)
    report = await used.verify()
    assert report.findings == ()
    assert report.dropped_through == 5


async def test_the_last_images_of_what_still_exists_are_carried_forward_from_the_audit(used: Any) -> None:
    await _run(used, await _plan(used))

    carried = [row for row in await _rows(used, AuditRow) if row.action == "checkpoint"]
    assert sorted(row.row_key for row in carried if row.entity == "users") == ["[1]", "[3]"]
    assert len([row for row in carried if row.entity == "data_keys"]) == 3
    assert all(row.before is None for row in carried)
    assert {json.loads(row.after)["name"] for row in carried if row.entity == "users"} == {"ann marie", "cyd"}
    assert {(row.who, row.cause) for row in carried} == {("ann", 7)}


async def test_a_row_that_was_changed_from_outside_is_still_found_afterwards(used: Any, outside: Any) -> None:
    outside("UPDATE users SET name = 'eve' WHERE id = 3")
    await _run(used, await _plan(used))

    assert (await used.verify()).findings == ("users [3] is not as the audit says",)


async def test_what_is_changed_meanwhile_is_not_carried_forward_as_it_was(
    used: Any, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CARRIED", 1)
    planned = await _plan(used)
    await used.write(planned)
    await used.change(UserRow, user(1, "ann marie"), name="zoe")
    await used.change(UserRow, user(3, "cyd"), active=False)
    await _run(used, planned)

    report = await used.verify()
    assert report.findings == ()
    assert report.dropped_through == planned.through


async def test_what_is_changed_in_the_same_transaction_is_not_carried_forward_as_it_was(
    used: Any, user: Any
) -> None:
    planned = await _plan(used)

    class Both:
        async def write(self, batch: Any, works: Any) -> None:
            users = table_of(UserRow)
            await (await batch.sent()).execute(users.update().where(users.c.id == 3).values(name="zoe"))
            before, after = (json.dumps(user(3, name), separators=(",", ":")) for name in ("cyd", "zoe"))
            batch.trail.note("update", "users", "[3]", before, after, "ann", 7)
            await planned.write(batch, works)

        settle, forget = planned.settle, planned.forget

    await used.write(Both())
    await _run(used, planned)

    assert (await used.verify()).findings == ()


async def test_steps_that_were_not_committed_are_made_again(
    used: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CARRIED", 2)
    monkeypatch.setattr(retention, "DROPPED", 3)
    planned = await _plan(used)
    while not planned.finished:
        await used.write(planned, commit=False)
        assert (await used.verify()).findings == ()
        await used.write(planned)
        assert (await used.verify()).findings == ()

    retentions = [seal for seal in await _rows(used, AuditSealRow) if seal.kind == "retention"]
    assert [(seal.first_seq, seal.last_seq) for seal in retentions] == [(1, 5), (6, 8), (9, 10)]


async def test_a_drop_whose_commit_was_not_heard_of_is_not_made_twice(used: Any) -> None:
    planned = await _plan(used)
    while used.sealer.number < 4:
        await used.write(planned)
    settle, planned.settle = planned.settle, planned.forget  # type: ignore[method-assign]
    await used.write(planned)
    planned.settle = settle  # type: ignore[method-assign]
    assert not planned.finished
    await _run(used, planned)

    assert [seal.kind for seal in await _rows(used, AuditSealRow)] == ["segment"] * 4 + ["retention"]
    assert (await used.verify()).findings == ()


async def test_the_audit_goes_on_after_a_retention_and_another_one(used: Any, user: Any) -> None:
    await _run(used, await _plan(used))
    await used.open()
    await used.change(UserRow, user(1, "ann marie"), active=False)
    await used.seal()
    await _run(used, await _plan(used))
    await used.open()

    report = await used.verify()
    assert report.findings == ()
    assert report.rows < 12


async def test_where_nothing_is_old_enough_nothing_is_done(used: Any) -> None:
    assert (await _plan(used, 5)).finished


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET who = 'eve' WHERE seq = 4",
        "DELETE FROM audit_log WHERE seq = 4",
        "UPDATE audit_seal SET at = 5 WHERE number = 1",
        "DELETE FROM audit_seal WHERE number = 1",
    ],
)
async def test_segments_that_were_changed_are_not_dropped(used: Any, outside: Any, statement: str) -> None:
    outside(statement)

    with pytest.raises(Refused, match="nothing was dropped"):
        await _plan(used)


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("DELETE FROM audit_log WHERE seq = 6", "the audit row 6 is missing"),
        ("UPDATE audit_seal SET last_seq = 8 WHERE kind = 'retention'", "retention that cannot have been"),
        ("UPDATE audit_seal SET root = zeroblob(32) WHERE kind = 'retention'", "retention that cannot"),
        ("DELETE FROM audit_seal WHERE kind = 'retention'", "is missing|rows 1 to 5"),
    ],
)
async def test_no_more_is_missing_than_a_retention_states(
    used: Any, outside: Any, statement: str, finding: str
) -> None:
    await _run(used, await _plan(used, used.first_sealed + 1))
    outside(statement)

    report = await used.verify()
    assert not report.ok
    assert any(finding.rsplit("|", maxsplit=1)[-1] in each or finding in each for each in report.findings)


async def test_a_row_that_was_dropped_and_comes_back_is_found(used: Any, outside: Any) -> None:
    outside("CREATE TABLE kept AS SELECT * FROM audit_log WHERE seq < 3")
    await _run(used, await _plan(used))
    outside("INSERT INTO audit_log SELECT * FROM kept; DROP TABLE kept")

    findings = (await used.verify()).findings
    assert "there is an audit row 1, which cannot be" in findings
