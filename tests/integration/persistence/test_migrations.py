"""Each revision leads up and down again, and all of them together to what the rows say, on both engines."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from alembic import op
from sqlalchemy import Connection, Inspector, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import guard, schema
from actors.persistence.drift import drift
from actors.persistence.rows import metadata
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-009", "INT-008")

ONE = Decimal(1)


def details(connection: Connection) -> dict[str, Any]:
    """All that an engine says of its tables; all tables are asked for at once."""
    inspector: Inspector = inspect(connection)
    columns, keys = inspector.get_multi_columns(), inspector.get_multi_pk_constraint()
    references, checks = inspector.get_multi_foreign_keys(), inspector.get_multi_check_constraints()
    indexes, unique = inspector.get_multi_indexes(), inspector.get_multi_unique_constraints()
    return {
        table[1]: {
            "columns": [{**one, "type": repr(one["type"])} for one in columns[table]],
            "key": keys[table],
            "references": sorted(references[table], key=str),
            "indexes": sorted((worded(one) for one in indexes[table]), key=str),
            "unique": sorted(unique[table], key=str),
            "checks": sorted(checks[table], key=str),
        }
        for table in sorted(columns, key=lambda each: each[1])
        if table[1] != "alembic_version"
    }


def worded(index: Any) -> dict[str, Any]:
    """An index with its conditions as text."""
    options = {name: str(option) for name, option in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


async def shape(engine: AsyncEngine) -> dict[str, Any]:
    async with engine.connect() as connection:
        return await connection.run_sync(details)


async def test_up_and_down_and_up_again_is_the_same(
    empty_database: str, engine_at: Callable[..., AsyncEngine]
) -> None:
    engine = engine_at(empty_database)
    await schema.upgrade(engine)
    first = await shape(engine)
    assert first.keys() == metadata.tables.keys()
    await schema.downgrade(engine, "base")
    assert await shape(engine) == {}
    await schema.upgrade(engine)
    assert await shape(engine) == first


async def test_each_revision_leads_back_to_the_one_before(
    empty_database: str, engine_at: Callable[..., AsyncEngine]
) -> None:
    engine = engine_at(empty_database)
    steps = ("base", *schema.revisions())
    shapes = [await shape(engine)]
    for revision in steps[1:]:
        await schema.upgrade(engine, revision)
        shapes.append(await shape(engine))
        assert shapes[-1] != shapes[-2]
    for number in reversed(range(len(steps) - 1)):
        await schema.downgrade(engine, steps[number])
        assert await shape(engine) == shapes[number]


OWNER = {"id": 1, "name": "ann", "active": True, "created_at": 1}
PORTFOLIO = {
    "id": 1, "owner_id": 1, "name": "p", "currency": "USD", "plugin": "x", "params": b"", "opened_at": 1,
}  # fmt: skip
INSTRUMENT = {
    "symbol": "X", "currency": "USD", "tick_size": ONE, "lot_size": ONE, "multiplier": ONE,
    "min_notional": ONE,
}  # fmt: skip
WOULD_BE_LOST = {
    "0018": ("financing_charges", "financing was charged", {
        "broker": "v", "portfolio_id": 1, "charge_id": "1", "instrument": "X", "amount": ONE,
        "currency": "USD", "at": 1,
    }),
    "0019": ("loss_marks", "losses are measured", {
        "scope": "system", "peak": 1.0, "opening": 1.0, "since": 1, "fell": "", "at": 1,
    }),
    "0021": ("conversion_rates", "bookings were converted", {"portfolio_id": 1, "booking": "b", "rate": ONE}),
}  # fmt: skip


@pytest.mark.parametrize("revision", WOULD_BE_LOST)
async def test_a_revision_with_which_something_would_be_lost_stays(
    empty_database: str, engine_at: Callable[..., AsyncEngine], revision: str
) -> None:
    engine, before = engine_at(empty_database), f"{int(revision) - 1:04}"
    table, reason, row = WOULD_BE_LOST[revision]
    await schema.upgrade(engine, revision)
    async with engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                kept = {"users": OWNER, "portfolios": PORTFOLIO, "instruments": INSTRUMENT, table: row}
                for name, values in kept.items():
                    await connection.execute(metadata.tables[name].insert().values(values))
    with pytest.raises(Refused, match=reason):
        await schema.downgrade(engine, before)
    assert await schema.current(engine) == revision
    async with engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                await connection.execute(metadata.tables[table].delete())
    await schema.downgrade(engine, before)
    assert await schema.current(engine) == before


async def test_the_revisions_lead_to_what_the_rows_say(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        assert await connection.run_sync(drift) == []


async def test_a_migration_that_fails_leaves_nothing_of_the_steps_before(
    empty_database: str, engine_at: Callable[..., AsyncEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_at(empty_database)
    create = op.create_table

    def create_most(name: str, *rest: Any, **options: Any) -> Any:
        if name == "billing_records":
            raise OSError(5, "Input/output error")
        return create(name, *rest, **options)

    await schema.upgrade(engine, schema.revisions()[2])
    was = await shape(engine)
    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", create_most)
        with pytest.raises(Refused, match="Input/output error"):
            await schema.upgrade(engine)
    assert await shape(engine) == was
    assert await schema.current(engine) == schema.revisions()[2]
    await schema.upgrade(engine)
    await schema.check(engine)
