"""What a live system has and a backtest has not: a storage that outlasts the process."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from actors.console import Console
from actors.door import PATIENCE, Door
from actors.persistence.actor import Persistence
from actors.persistence.entry import Tariff
from actors.persistence.storage import Storage
from bus import Bus, LiveDriver
from lts.config.schema import SystemPlan
from lts.domain.storage import RotateKeys
from lts.main import ONCE, Keeper
from lts.refusal import Refused


def storage_of(plan: SystemPlan, state_dir: Path | None = None) -> Storage:
    """Return where a live system keeps everything: as the plan says, or in another directory."""
    billing = plan.billing
    return Storage(
        state_dir or plan.node.state_dir,
        plan.database.url,
        plan.node.key_source,
        plan.node.key_file,
        plan.database.pool_size,
        plan.database.statement_timeout_s,
        None if billing is None else Tariff(billing.currency, billing.per_trade),
        plan.file.name,
    )


def keeper(storage: Storage) -> Keeper:
    """Return who keeps everything there."""
    return Keeper(Persistence, storage, Door, storage.state_dir)


async def rotated(storage: Storage, *, node_key: bool) -> dict[str, Any]:
    """Rotate the keys of a node that is not running; return what `RotateKeys` is answered.

    Raises:
        Refused: there is no database, or it cannot be opened.
    """
    if storage.file is not None and not await asyncio.to_thread(storage.file.exists):
        raise Refused(f"there is no database at {storage.file}; name the state directory of a node")
    bus = Bus(LiveDriver(), hopeless=(Refused,))
    cell = bus.spawn(Persistence, storage, name="persistence", supervision=ONCE)
    console: Any = bus.spawn(Console, None, name="console").actor
    try:
        await bus.started()
        if cell.reason:
            raise Refused(cell.reason)
        answer = await console.ask(RotateKeys(node_key), within=PATIENCE)
        return dict(msgspec.to_builtins(answer))
    finally:
        await bus.stop()
