"""Restoring: a database made anew from a backup, equal to what was backed up, row by row."""

from asyncio import to_thread
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.persistence import guard, schema
from actors.persistence.archive import Archive
from actors.persistence.blueprint import TablePlan, blueprint_of
from actors.persistence.disk import readable, sync_file
from actors.persistence.engine import make_engine
from actors.persistence.exchange import Aside, Heads, clear, exchange, fold, place_of_new, replace_head
from actors.persistence.head import Head
from actors.persistence.insertion import Prepared
from actors.persistence.keyring import DataKeys
from actors.persistence.lines import LineReader
from actors.persistence.lock import held
from actors.persistence.manifest import Manifest
from actors.persistence.offline import PATIENCE, sole_engine, told
from actors.persistence.pages import untyped
from actors.persistence.reads import record_offline
from actors.persistence.sequences import go_on_behind
from actors.persistence.shelf import stamp
from actors.persistence.snapshot import last_seal, seal_hash, sums
from actors.persistence.storage import Storage
from actors.persistence.troubles import where
from bus.clock import SystemClock
from lts.domain.units import RecordRead
from lts.refusal import Refused
from lts.security.node_key import NodeKeys

_NUMERIC = text(
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND data_type = 'numeric'"
)


class Restored(msgspec.Struct, frozen=True):
    """What a restore did."""

    place: str
    """The database: a path, or a URL without its password."""
    manifest: Manifest
    """Of the backup."""
    aside: tuple[Path, ...]
    """The files that were there before, under their new names."""
    unrecorded: str = ""
    """Why the audit of the restored database does not tell of it; empty if it does."""


async def restore_for(who: str, file: Path, storage: Storage, node_keys: NodeKeys) -> Restored:
    """Restore as `restore` does, and have the audit of the restored database tell of it.

    That comes last, so it is no reason not to restore: a backup whose audit is not whole can be restored.
    """
    done = await restore(file, storage, node_keys)
    read = RecordRead("backup", f"restored from {readable(file)}", (stamp(done.manifest.created_at),))
    try:
        await record_offline(storage, read, who, node_keys)
    except Refused as reason:
        return msgspec.structs.replace(done, unrecorded=str(reason))
    return done


async def restore(file: Path, storage: Storage, node_keys: NodeKeys) -> Restored:
    """Make the database of a storage from a backup, in the place of the one that is there.

    The backup is read to its end and proved before anything is touched. A file is made beside the old one
    and takes its place at the end. A PostgreSQL database has to be empty, and is filled in one transaction
    before the head file is replaced; if it holds just this backup already, only the latter is done.

    Args:
        file: the backup; it may come from the other engine, and from an older version of LTS.
        storage: where to; its state directory is made if need be.
        node_keys: of the node that made the backup.

    Raises:
        Refused: the backup cannot be used, a node works with the storage, or it cannot be written; what was
            there is there as it was.
    """
    with closing(Archive(file, node_keys)) as archive:
        source = _Source(archive, await _plans(archive), node_keys)
        await to_thread(source.prove)
        aside = Aside(stamp(SystemClock().now()))
        try:
            if storage.file:
                with held(storage.state_dir):
                    await _into_file(source, storage.file.resolve(), storage.head, aside)
            else:
                await _into_server(source, storage, aside)
        except OSError as error:
            reason = error.strerror or error
            raise Refused(f"{storage.place}: cannot be restored: {reason}") from None
        return Restored(storage.place, archive.manifest, aside.paths)


@dataclass(frozen=True, slots=True)
class _Source:
    """A backup, and what this version of LTS knows of its tables."""

    archive: Archive
    plans: Mapping[str, TablePlan]
    node_keys: NodeKeys

    @property
    def manifest(self) -> Manifest:
        return self.archive.manifest

    def prove(self) -> None:
        """Read all of it, and raise Refused unless it is whole and of this form."""
        for page in self.archive.pages():
            if page.columns != tuple(self.plans[page.table].columns):
                raise Refused(_another_form(self.archive))


async def _plans(archive: Archive) -> dict[str, TablePlan]:
    """Return the tables of a backup; raise Refused if this version of LTS does not know them."""
    manifest = archive.manifest
    if manifest.revision in schema.revisions():
        plans = {plan.name: plan for plan in await blueprint_of(manifest.revision)}
        if plans.keys() == manifest.tables.keys():
            return plans
        if manifest.tables.keys() < plans.keys():
            raise Refused(f"{archive.path}: is no backup but an archive; `lts db show` prints what is in it")
    raise Refused(_another_form(archive))


def _another_form(archive: Archive) -> str:
    said = archive.manifest
    return (
        f"{archive.path}: was made by LTS {said.lts}, and this version does not know its tables (revision "
        f"{said.revision}); restore it with that one"
    )


async def _into_file(source: _Source, database: Path, head: Path, aside: Aside) -> None:
    clear(database)
    new = place_of_new(database)
    engine = make_engine(f"sqlite:///{new}", pool_size=1, statement_timeout=PATIENCE)
    try:
        with told(engine):
            async with engine.connect() as connection:
                with guard.unit(connection):
                    async with connection.begin():
                        await _fill(connection, source)
                heads = await _heads(source, connection, database)
        await engine.dispose()
        await to_thread(sync_file, new)
        await to_thread(fold, database)
        exchange(database, new, head, heads, aside)  # not in a thread: nothing may come in between
    finally:
        await engine.dispose()
        clear(database)


async def _into_server(source: _Source, storage: Storage, aside: Aside) -> None:
    async with sole_engine(storage) as engine, engine.connect() as connection:
        revision = await schema.current(engine)
        if revision is None:
            with guard.unit(connection):
                async with connection.begin():
                    await _fill(connection, source)
        elif revision != source.manifest.revision or await _differences(connection, source):
            raise Refused(f"{where(engine.url)} is not empty: name an empty database")
        aside.keep(storage.head)
        replace_head(storage.head, source.manifest.head)


async def _fill(connection: AsyncConnection, source: _Source) -> None:
    """Make the tables, put in all rows, and compare what can be read then with what was backed up."""
    manifest = source.manifest
    await connection.run_sync(schema.build, manifest.revision)
    exact = await _exact_columns(connection)
    readers = {name: LineReader(plan, exact.get(name, ())) for name, plan in source.plans.items()}
    inserts = {
        name: Prepared(plan.clause().insert(), connection.dialect, list(plan.columns))
        for name, plan in source.plans.items()
    }
    pages = source.archive.pages()
    while (page := await to_thread(next, pages, None)) is not None:
        if page.lines:
            rows = await to_thread(readers[page.table].rows, page.lines)
            insert = inserts[page.table]
            await connection.exec_driver_sql(insert.text, insert.parameters(rows))
    await go_on_behind(connection, manifest.sequences)
    if wrong := await _differences(connection, source):
        raise Refused(
            f"{where(connection.engine.url)} does not give back what the backup has in {', '.join(wrong)}; "
            f"restore it into {manifest.database}, from which it was made"
        )


async def _exact_columns(connection: AsyncConnection) -> dict[str, set[str]]:
    """Return the columns that take decimals, by table."""
    found: dict[str, set[str]] = {}
    if connection.dialect.name == "postgresql":
        for table, column in await connection.execute(_NUMERIC):
            found.setdefault(table, set()).add(column)
    return found


async def _differences(connection: AsyncConnection, source: _Source) -> list[str]:
    """Return the tables whose rows are not those of the backup."""
    wanted = source.manifest.tables
    found = await sums(connection, [source.plans[name] for name in wanted])
    return [name for name in wanted if found[name] != wanted[name]]


async def _heads(source: _Source, connection: AsyncConnection, database: Path) -> Heads:
    final = source.manifest.head
    if final is None:
        return Heads(None, None)
    keys = await DataKeys.examine(connection, source.node_keys)
    return Heads(await _passing(final, keys, source.manifest, database) or final, final)


async def _passing(final: Head, keys: DataKeys, manifest: Manifest, database: Path) -> Head | None:
    """Return a head that fits the new audit, and announces where the old one ends.

    None if there is no old one that can be read, or no key that both know.
    """
    engine = make_engine(f"sqlite:///{database}", pool_size=1, create=False)
    try:
        async with engine.connect() as connection:
            known = set(await connection.scalars(untyped("data_keys", ["id"])))
            end = seal_hash(await last_seal(connection))
    except (Refused, SQLAlchemyError, ValueError):
        return None
    finally:
        await engine.dispose()
    if known.isdisjoint(keys.publics) or keys.signing.id not in known:
        return None
    head = Head(manifest.seal, manifest.seal_hash, final.last_seq, final.at, "", end)
    return head.signed(keys.signing)
