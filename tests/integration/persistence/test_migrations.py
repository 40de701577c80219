"""Each revision leads up and down again, and all of them together to what the rows say, on both engines."""

from collections.abc import Callable
from typing import Any

import pytest
from alembic import op
from sqlalchemy import Connection, Inspector, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import schema
from actors.persistence.drift import drift
from actors.persistence.rows import metadata
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-009", "INT-008")


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
