"""Sensitive reads: whoever is about to give something out has that recorded first, or does not."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence.auditing import AuditTrail
from actors.persistence.keyring import DataKeys
from actors.persistence.offline import sole_engine, told
from actors.persistence.page import table_of
from actors.persistence.resume import resume
from actors.persistence.rotation import keep_made
from actors.persistence.rows import AuditRow
from actors.persistence.storage import Storage
from actors.persistence.units import Units
from actors.persistence.work import Steps, Work
from actors.persistence.writer import Writer
from bus.clock import SystemClock
from lts.domain.units import RecordRead
from lts.refusal import Refused
from lts.security.node_key import NodeKeys

Record = Callable[[RecordRead], Awaitable[None]]
"""Has a read recorded, and returns when that is on disk; raises what ends a command if it cannot be."""

_AUDIT_LOG = table_of(AuditRow).name
_LAST_WRITE = 10.0
"""Seconds in which it has to be on disk."""


async def record_offline(storage: Storage, read: RecordRead, who: str, node_keys: NodeKeys) -> None:
    """Record a read in the audit of a database that no node works with.

    Raises:
        Refused: a node does, the audit is not as it was left, or it cannot be written.
    """
    async with sole_engine(storage) as engine:
        await record_alone(engine, storage, read, who, node_keys)


async def record_alone(
    engine: AsyncEngine, storage: Storage, read: RecordRead, who: str, node_keys: NodeKeys
) -> None:
    """Do the same with a database that this process holds already, of whatever revision it is.

    The audit has had its form since there is one; a database of the revision before that has none.
    """
    with told(engine):
        async with engine.connect() as connection:
            if not await connection.run_sync(_has_audit):
                return
            keys = await DataKeys.load(connection, node_keys, SystemClock().now())
            sealer = await resume(connection, keys, storage.head)
        writer = Writer(await engine.connect(), AuditTrail(keys, sealer), sealer, lambda _: None)
    if keys.made:
        writer.put(Work(partial(keep_made, keys), Steps(), "persistence", 0, fleeting=True))
    recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done, refused = partial(recorded.set_result, None), partial(_refuse, recorded)
    writer.put(Work((read,), Units(lambda: keys.sealing), who, 0, done, refused, fleeting=True))
    await writer.close(_LAST_WRITE)
    if not recorded.done():
        raise Refused(writer.trouble or f"{storage.place} took too long to answer")
    recorded.result()


def _has_audit(connection: Connection) -> bool:
    return inspect(connection).has_table(_AUDIT_LOG)


def _refuse(recorded: asyncio.Future[None], reason: str) -> None:
    recorded.set_exception(Refused(reason))
