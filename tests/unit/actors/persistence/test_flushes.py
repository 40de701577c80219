"""Flushes: whatever the ORM writes is in the audit as it is stored, by whom and why."""

import json
from typing import Any

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from actors.persistence.flushes import audit_flushes
from actors.persistence.guard import Unaudited
from actors.persistence.rows import AssetRow, FeedProgressRow, InstrumentRow, PortfolioRow, UserRow
from actors.persistence.work import Batch, Work
from lts.domain.money import ONE, ZERO

pytestmark = pytest.mark.requirement("INT-010", "INT-024", "INT-007")


class InSession:
    """A scribe that gives what it is given a session."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str, str]] = []
        self.rows: list[dict[str, Any]] = []

    async def write(self, batch: Batch, works: Any) -> None:
        [work] = works
        assert isinstance(work, Work)
        async with AsyncSession(await batch.sent(), expire_on_commit=False) as session:
            audit_flushes(session.sync_session, batch.trail, work.who, work.cause)
            await work.content(session)
            await session.flush()
        self.rows = [row for row in batch.trail.rows if row["entity"] != "audit_seal"]
        self.noted = [(row["action"], row["entity"], row["row_key"]) for row in self.rows]

    def settle(self) -> None: ...

    def forget(self) -> None: ...


@pytest.fixture
def scribe() -> InSession:
    return InSession()


async def _open(session: AsyncSession) -> None:
    """A user with a portfolio that trades one instrument."""
    session.add(UserRow(name="ann", active=True, created_at=5))
    session.add(_instrument("X"))
    await session.flush()
    session.add(
        PortfolioRow(name="p", owner_id=1, currency="USD", plugin="fixed", params=b"sealed", opened_at=6)
    )
    await session.flush()
    session.add(
        AssetRow(portfolio_id=1, instrument="X", broker="paper", strategy="sma", params=b"sealed too")
    )


def _instrument(symbol: str) -> InstrumentRow:
    rules = {"tick_size": ONE, "lot_size": ONE, "multiplier": ONE, "min_notional": ZERO}
    return InstrumentRow(symbol=symbol, currency="USD", **rules)


async def test_new_rows_are_noted_with_the_keys_that_the_database_gave_them(
    lane: Any, scribe: InSession
) -> None:
    await lane.write(scribe, _open)

    assert sorted(scribe.noted) == [
        ("insert", "assets", '[1,"X"]'),
        ("insert", "instruments", '["X"]'),
        ("insert", "portfolios", "[1]"),
        ("insert", "users", "[1]"),
    ]
    user = next(row for row in scribe.rows if row["entity"] == "users")
    assert user["before"] is None
    assert json.loads(user["after"]) == {"id": 1, "name": "ann", "active": True, "created_at": 5}
    assert (user["who"], user["cause"]) == ("ann", 7)
    assert (await lane.verify()).findings == ()


async def test_a_changed_row_is_noted_from_what_to_what_once_a_flush(lane: Any, scribe: InSession) -> None:
    await lane.write(scribe, _open)

    async def change(session: AsyncSession) -> None:
        user = await session.get_one(UserRow, 1)
        user.name = "bob"
        await session.flush()
        user.active, user.name = False, "cyd"

    await lane.write(scribe, change)

    assert scribe.noted == [("update", "users", "[1]")] * 2
    images = [[json.loads(row[side]) for side in ("before", "after")] for row in scribe.rows]
    assert [(before["name"], after["name"]) for before, after in images] == [("ann", "bob"), ("bob", "cyd")]
    assert (await lane.verify()).findings == ()


async def test_what_did_not_change_is_not_noted(lane: Any, scribe: InSession) -> None:
    await lane.write(scribe, _open)

    async def change(session: AsyncSession) -> None:
        user = await session.get_one(UserRow, 1)
        user.name = "bob"
        user.name = "ann"

    await lane.write(scribe, change)

    assert scribe.noted == []


async def test_a_deleted_row_is_noted_and_so_is_what_the_database_deletes_with_it(
    lane: Any, scribe: InSession
) -> None:
    await lane.write(scribe, _open)

    async def drop(session: AsyncSession) -> None:
        await session.delete(await session.get_one(PortfolioRow, 1))

    await lane.write(scribe, drop)

    assert sorted(scribe.noted) == [("delete", "assets", '[1,"X"]'), ("delete", "portfolios", "[1]")]
    assert all(row["after"] is None and row["before"] for row in scribe.rows)
    assert (await lane.verify()).findings == ()


async def test_hundreds_of_rows_in_one_flush_are_noted(lane: Any, scribe: InSession) -> None:
    async def add(session: AsyncSession) -> None:
        session.add_all(UserRow(name=f"user {number}", active=True, created_at=5) for number in range(450))

    await lane.write(scribe, add)

    assert len(scribe.noted) == 450
    assert (await lane.verify()).findings == ()


async def test_exempt_rows_are_not_noted(lane: Any, scribe: InSession) -> None:
    async def add(session: AsyncSession) -> None:
        session.add(FeedProgressRow(source="csv", moments=3, at=5))
        await session.flush()
        await session.execute(update(FeedProgressRow).values(moments=4))

    await lane.write(scribe, add)

    assert scribe.noted == []


@pytest.mark.parametrize(
    "statement",
    [
        update(UserRow).values(active=False),
        delete(UserRow).where(UserRow.id == 1),
        insert(UserRow).values(name="bob", active=True, created_at=5),
        update(UserRow.__table__).values(active=False),
    ],
    ids=["update", "delete", "insert", "core"],
)
async def test_statements_that_change_rows_unseen_are_refused(
    lane: Any, scribe: InSession, statement: Any
) -> None:
    async def change(session: AsyncSession) -> None:
        await session.execute(statement)

    with pytest.raises(Unaudited, match="one by one"):
        await lane.write(scribe, change)


async def test_a_primary_key_that_changes_is_refused(lane: Any, scribe: InSession) -> None:
    await lane.write(scribe, _open)

    async def change(session: AsyncSession) -> None:
        session.add(_instrument("Y"))
        await session.flush()
        (await session.get_one(InstrumentRow, "Y")).symbol = "Z"

    with pytest.raises(Unaudited, match="primary key"):
        await lane.write(scribe, change)
