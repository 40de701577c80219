"""A database is brought up to date, compared with the rows, and refused in one sentence, on both engines."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence import guard, migrate, schema
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-009")

MakeEngine = Callable[..., AsyncEngine]


async def change(engine: AsyncEngine, *statements: str) -> None:
    """Do what somebody could do who has the database in hands."""
    async with engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                for statement in statements:
                    await connection.execute(text(statement))


def test_the_revisions_are_those_that_follow_on_each_other() -> None:
    scripts = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    assert schema.revisions() == tuple(each.revision for each in scripts.walk_revisions())[::-1]


def test_a_start_does_without_what_only_migrates() -> None:
    look = "import sys, lts.cli.run; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


async def test_an_empty_database_is_prepared(empty_database: str, engine_at: MakeEngine) -> None:
    engine = engine_at(empty_database)
    assert await schema.current(engine) is None
    with pytest.raises(Refused, match="is empty: make its tables with `lts db upgrade`"):
        await schema.check(engine)
    await schema.prepare(engine)
    assert await schema.current(engine) == schema.head()
    await schema.prepare(engine)
    await schema.check(engine)


async def test_an_older_database_is_refused_until_it_is_upgraded(engine: AsyncEngine) -> None:
    await schema.downgrade(engine, "0003")
    for look in (schema.check, schema.prepare):
        with pytest.raises(
            Refused, match=f"is at revision 0003, .* with {schema.head()}: run `lts db upgrade`"
        ):
            await look(engine)
    await schema.upgrade(engine)
    await schema.prepare(engine)


async def test_what_was_taken_back_to_nothing_is_empty_again(engine: AsyncEngine) -> None:
    await schema.downgrade(engine, "base")
    assert await schema.current(engine) is None
    await schema.prepare(engine)
    assert await schema.current(engine) == schema.head()


async def test_a_database_of_another_version_is_refused(engine: AsyncEngine) -> None:
    await change(engine, "UPDATE alembic_version SET version_num = '9999'")
    for look in (schema.check, schema.prepare, schema.upgrade):
        with pytest.raises(Refused, match="made by another version of LTS, which has a revision 9999"):
            await look(engine)


async def test_a_database_of_something_else_is_refused_and_left_alone(
    empty_database: str, engine_at: MakeEngine
) -> None:
    engine = engine_at(empty_database)
    await change(engine, "CREATE TABLE users (login VARCHAR(8))")
    for look in (schema.check, schema.prepare, schema.upgrade):
        with pytest.raises(Refused, match="holds tables of something else"):
            await look(engine)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT login FROM users"))).all() == []


async def test_a_database_that_lost_its_revision_is_refused(engine: AsyncEngine) -> None:
    await change(engine, "DELETE FROM alembic_version")
    with pytest.raises(Refused, match="holds tables and no revision"):
        await schema.prepare(engine)


async def test_a_revision_that_does_not_exist_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(Refused, match=r"cannot be migrated: .*'nonsense'"):
        await schema.upgrade(engine, "nonsense")


async def test_a_database_that_somebody_changed_is_refused(engine: AsyncEngine) -> None:
    await change(engine, "DROP INDEX ix_orders_broker_created_at", "CREATE TABLE extra (x INTEGER)")
    for look in (schema.check, schema.prepare):
        with pytest.raises(Refused, match=r"was changed since revision .* table extra") as refusal:
            await look(engine)
        assert str(refusal.value).endswith(
            "index ix_orders_broker_created_at is missing): undo that, or restore a backup"
        )


async def test_of_many_changes_a_few_are_told(engine: AsyncEngine) -> None:
    await change(engine, *(f"CREATE TABLE extra_{number} (x INTEGER)" for number in range(9)))
    with pytest.raises(Refused, match=r"extra_\d; there is an unknown table extra_\d; and more\)"):
        await schema.check(engine)


async def test_the_revisions_are_found_from_any_directory(
    engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await schema.check(engine)
