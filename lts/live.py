"""What a live system has and a backtest has not: a storage that outlasts the process."""

from pathlib import Path

from actors.persistence.actor import Persistence
from actors.persistence.entry import Tariff
from actors.persistence.storage import Storage
from lts.config.schema import SystemPlan
from lts.main import Keeper


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
    )


def keeper(storage: Storage) -> Keeper:
    """Return who keeps everything there."""
    return Keeper(Persistence, storage)
