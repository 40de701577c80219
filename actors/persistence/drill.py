"""The drill: whether what is stored could be restored, by doing it, into a database that is thrown away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

import msgspec

from actors.persistence.backup import back_up
from actors.persistence.disk import is_abandoned, marked
from actors.persistence.engine import make_engine
from actors.persistence.offline import PATIENCE, told
from actors.persistence.restore import restore
from actors.persistence.storage import Storage
from actors.persistence.verify import verify
from bus.clock import SECOND, SystemClock
from lts.domain.units import RecordRead
from lts.refusal import Refused

_PREFIX = ".drill-"


class DrillReport(msgspec.Struct, frozen=True):
    """What a drill found."""

    rows: int
    """That were backed up and restored, and were the same."""
    audited: int
    """Audit rows that were proved in the restored database."""
    size: int
    """Bytes in the backup."""
    seconds: float
    findings: tuple[str, ...]
    """What is wrong with the restored database."""


async def drill(storage: Storage) -> DrillReport:
    """Back up what is stored, restore it into a SQLite database, verify that, and delete both.

    A node may go on working with the storage. All of it is in the state directory: what is restored there is
    as secret as what is stored.

    Raises:
        Refused: it cannot be backed up or restored.
    """
    begun = SystemClock().monotonic()
    node_keys = storage.node_keys(create=False).keys
    with _scratch(storage.state_dir) as scratch:
        backup = await back_up(storage, scratch, record=_give_nothing_out)
        copy = Storage(scratch / "copy")
        await restore(backup.path, copy, node_keys)
        engine = make_engine(copy.address, statement_timeout=PATIENCE, create=False)
        try:
            with told(engine):
                report = await verify(engine, node_keys, copy.head)
        finally:
            await engine.dispose()
    seconds = (SystemClock().monotonic() - begun) / SECOND
    return DrillReport(backup.manifest.rows, report.rows, backup.size, seconds, report.findings)


async def _give_nothing_out(_: RecordRead) -> None:
    """Record nothing: both copies stay in the state directory, for its user alone, and go with the drill."""


@contextmanager
def _scratch(state_dir: Path) -> Iterator[Path]:
    """A directory for nobody else, which is gone afterwards; those of drills that were killed go before."""
    try:
        for left in filter(is_abandoned, state_dir.glob(f"{_PREFIX}*")):
            rmtree(left)
        scratch = TemporaryDirectory(prefix=_PREFIX, dir=state_dir)
    except OSError as error:
        raise Refused(f"{state_dir}: a drill needs to write there: {error.strerror}") from None
    with scratch, marked(Path(scratch.name)):
        yield Path(scratch.name)
