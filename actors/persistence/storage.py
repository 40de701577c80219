"""The storage of a node, opened: engine, keys, audit, and the lock that makes them this process's own."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from actors.persistence import lock, schema
from actors.persistence.auditing import AuditTrail
from actors.persistence.engine import make_engine, parse
from actors.persistence.entry import Tariff
from actors.persistence.keyring import DataKeys
from actors.persistence.resume import resume
from actors.persistence.seals import Sealer
from actors.persistence.troubles import sentence
from bus import SystemClock
from lts.refusal import Refused
from lts.security.key_sources import FoundKeys, Source, find_node_keys
from lts.security.node_key import NodeKeys
from lts.security.tokens import TokenKeys

DATABASE = "lts.db"
HEAD = "audit.head"
OWNER = "system"


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a node keeps everything, and how it gets at it."""

    state_dir: Path
    url: str = ""
    """The database; empty: the file `lts.db` in the state directory."""
    key_source: Source = "auto"
    key_file: Path | None = None
    pool_size: int = 5
    statement_timeout: float = 10.0
    tariff: Tariff | None = None
    system: str = ""
    """The name of the file that describes the system; a state directory belongs to one of them."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    slow_after_s: float | None = None
    """Seconds of a transaction after which the storage is said to be in trouble; None waits for an error."""
    tokens: TokenKeys = field(default_factory=TokenKeys, compare=False, repr=False)
    """What signs access tokens, as soon as the storage is open."""

    @property
    def address(self) -> str:
        """The URL of the database."""
        return self.url or f"sqlite:///{self.state_dir.absolute() / DATABASE}"

    @property
    def file(self) -> Path | None:
        """The file that holds the database, None if a server keeps it."""
        url = parse(self.address)
        return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None

    @property
    def place(self) -> str:
        """Where the database is, without a password: a path, or a URL."""
        return str(self.file or parse(self.address).render_as_string())

    @property
    def head(self) -> Path:
        """The file that holds the end of the audit's chain, outside the database."""
        return self.state_dir / HEAD

    def engine(self, *, create: bool = True) -> AsyncEngine:
        """Return an engine for the database."""
        return make_engine(
            self.address,
            pool_size=self.pool_size,
            statement_timeout=self.statement_timeout,
            create=create,
        )

    def renewed_node_keys(self) -> NodeKeys:
        """Return the node's keys with a new one in front, when they are on disk; it blocks.

        Raises:
            Refused: they are kept where LTS cannot write.
        """
        found = self.node_keys(create=False)
        if found.store is None:
            raise Refused(
                f"{found.source}: the node key is not LTS's to replace; put a new one in front there"
            )
        renewed = found.keys.rotated()
        found.store(renewed)
        return renewed

    def node_keys(self, *, create: bool) -> FoundKeys:
        """Find the node's keys, or make one."""
        return find_node_keys(
            self.state_dir,
            key_file=self.key_file,
            source=self.key_source,
            create=create,
            environ=self.environ,
        )


@dataclass(slots=True)
class Opened:
    """A storage that is this process's own."""

    engine: AsyncEngine
    keys: DataKeys
    trail: AuditTrail
    sealer: Sealer
    connection: AsyncConnection
    """The one that holds the lock, for the writer."""


@asynccontextmanager
async def opened(storage: Storage) -> AsyncIterator[Opened]:
    """Open a storage, make what a new one needs, and check what is there.

    Raises:
        Refused: it cannot be used, for a reason that says what to do; nothing was altered.
    """
    try:
        async with AsyncExitStack() as stack:
            yield await _open(storage, stack)
    except SQLAlchemyError as error:
        raise Refused(sentence(error, storage.address)) from None


async def _open(storage: Storage, stack: AsyncExitStack) -> Opened:
    stack.enter_context(lock.held(storage.state_dir))
    _claim(storage.state_dir, storage.system)
    engine = storage.engine()
    stack.push_async_callback(engine.dispose)
    file = storage.file
    new = await schema.current(engine) is None if file is None else not os.path.exists(file)  # noqa: ASYNC240, PTH110 - as quick
    found = storage.node_keys(create=new)
    writing = await stack.enter_async_context(engine.connect())
    await lock.hold(writing)
    await schema.prepare(engine)
    async with engine.connect() as connection:
        keys = await DataKeys.load(connection, found.keys, SystemClock().now())
        sealer = await resume(connection, keys, storage.head)
    return Opened(engine, keys, AuditTrail(keys, sealer), sealer, writing)


def _claim(directory: Path, system: str) -> None:
    """Make a state directory that of a system, or refuse one that is another's."""
    note = directory / OWNER
    if not system:
        return
    try:
        if not note.exists():
            _write_whole(note, f"{system}\n")
        owner = note.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise Refused(f"{note}: cannot be read or written: {error.strerror}; see to the disk") from None
    if owner != system:
        raise Refused(
            f"{directory}: holds the state of {owner}, and this is {system}; give each a state directory of "
            f"its own, or, if {owner} was renamed, write its new name into {note}"
        )


def _write_whole(path: Path, content: str) -> None:
    """Write a file so that it is never there in part, whenever the process ends."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(content, encoding="utf-8")
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
