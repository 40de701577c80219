"""Databases on demand, on both engines: a file, and a PostgreSQL that comes with the tests.

`LTS_TEST_PG_URL` names another server, whose user may make databases. Where neither can be had, the
PostgreSQL variants are skipped, saying why.
"""

import asyncio
import importlib
import os
import shutil
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from actors.persistence import guard, schema
from actors.persistence.actor import Persistence
from actors.persistence.engine import make_engine
from actors.persistence.rows import metadata
from actors.persistence.storage import Storage
from actors.persistence.verify import verify
from bus import SECOND, Actor, Bus, DeadLetter, LiveDriver, Supervision, on, pause
from lts.domain.audit import ListAudit, VerifyAudit
from lts.domain.billing import ListCharges
from lts.domain.book_listings import ListDeposits, ListLedger, ListPositions
from lts.domain.event_listings import ListEvents
from lts.domain.financing import FinancingCharged
from lts.domain.instrument_listings import ListInstruments
from lts.domain.journal import RecallDeposits, RecallOrders, RecallTradingStates
from lts.domain.loss_marks import LossesMarked, RecallLossMarks
from lts.domain.market import Instrument
from lts.domain.order_flow import (
    JournalOrder,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
)
from lts.domain.order_listings import GetOrder, ListFills, ListOrderEvents, ListOrders
from lts.domain.portfolio_settings import RecallPortfolios
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.request_mark import RecallMark
from lts.domain.risk import JournalTradingState, TradingStateJournalled, TradingStateNotJournalled
from lts.domain.statistics import ListSeries
from lts.domain.storage import GetStorage, RotateKeys, StorageRecovered, StorageTroubled
from lts.domain.units import Command, Perform, Performed, PutInstrument, PutPortfolio, PutUser
from lts.refusal import Refused

asyncpg: Any = importlib.import_module("asyncpg")  # which has no types

_STEP = Decimal("0.01")
REGISTRATION = (
    PutUser("ann"),
    PutUser("bob"),
    PutInstrument(Instrument("X", "USD", _STEP, _STEP)),
    PutInstrument(Instrument("Y", "USD", _STEP, _STEP, Decimal(3))),
    PutPortfolio("p", "ann", "USD", Decimal(10_000), "fixed_quantity", {"quantity": "1"}),
    PutPortfolio("q", "bob", "USD", Decimal(20_000), "fixed_quantity", {"quantity": "2"}),
)

LISTINGS = (
    GetOrder,
    ListAudit,
    ListCharges,
    ListDeposits,
    ListEvents,
    ListFills,
    ListInstruments,
    ListLedger,
    ListOrderEvents,
    ListOrders,
    ListPositions,
    ListSeries,
    VerifyAudit,
)

_numbers = count(1)
_EVERYTHING = ", ".join(metadata.tables)
_FINGERPRINT = """
    SELECT (SELECT array_agg(oid ORDER BY oid) FROM pg_class WHERE relkind IN ('r', 'i', 'v', 'S'))::text
        || (SELECT array_agg(oid ORDER BY oid) FROM pg_constraint)::text
        || (SELECT array_agg(oid ORDER BY oid) FROM pg_trigger)::text
        || (SELECT count(*) FROM pg_attribute)::text || (SELECT max(version_num) FROM alembic_version)
"""
_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server, in the form that libpq takes.

    It stands in a directory of its own: as root it runs as another user, whom pytest locks out of its own.
    """
    if given := os.environ.get("LTS_TEST_PG_URL"):
        yield make_url(given).set(drivername="postgresql").render_as_string(hide_password=False)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pgserver: Any = importlib.import_module("pgserver")
            server = pgserver.get_server(Path(directory := mkdtemp(prefix="lts-postgresql-")))
    except Exception as error:  # noqa: BLE001  # whatever keeps a server from starting here
        pytest.skip(f"there is no PostgreSQL: set LTS_TEST_PG_URL, or install pgserver ({error})")
    for setting in ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET synchronous_commit = off"):
        asyncio.run(_execute(server.get_uri(), setting))
    asyncio.run(_execute(server.get_uri(), "SELECT pg_reload_conf()"))
    yield server.get_uri()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables, to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_prepare(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def prepared(postgresql: str) -> Iterator[list[str]]:
    """The databases of the server with all tables: a template, and those that are empty and free."""
    spare = [_make(postgresql)]
    asyncio.run(_prepare(spare[0]))
    yield spare
    for url in spare:
        _drop(postgresql, url)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """The engine that a test runs on; it runs once on each."""
    return str(request.param)


@pytest.fixture
def empty_database(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'lts.db'}"
    else:
        server = request.getfixturevalue("postgresql")
        yield (url := _make(server))
        _drop(server, url)


@pytest.fixture
def database(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables, and nothing in them."""
    if backend == "sqlite":
        path = tmp_path / "lts.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        server, prepared = request.getfixturevalue("postgresql"), request.getfixturevalue("prepared")
        with _lent(server, prepared) as url:
            yield url


@pytest.fixture
async def engine_at() -> AsyncIterator[Callable[..., AsyncEngine]]:
    """Makes the engine of a URL, and disposes of it at the end."""
    made: list[AsyncEngine] = []

    def make(url: str, **options: Any) -> AsyncEngine:
        made.append(make_engine(url, **options))
        return made[-1]

    yield make
    for engine in made:
        await engine.dispose()


@pytest.fixture
def engine(database: str, engine_at: Callable[..., AsyncEngine]) -> AsyncEngine:
    """The engine of a database with all tables."""
    return engine_at(database)


@pytest.fixture
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of that engine, with a unit open."""
    async with engine.connect() as connection:
        with guard.unit(connection):
            yield connection


async def _prepare(url: str) -> None:
    engine = make_engine(url)
    await schema.prepare(engine)
    await engine.dispose()


@contextmanager
def _lent(server: str, prepared: list[str]) -> Iterator[str]:
    """Lend a database, for making one takes ten times as long as emptying it."""
    template, *spare = prepared
    url = prepared.pop() if spare else _make(server, make_url(template).database)
    was = asyncio.run(_execute(url, _FINGERPRINT))
    yield url
    asyncio.run(_execute(url, _OTHERS))
    if _is_as_it_was(url, was):
        asyncio.run(_execute(url, f"TRUNCATE {_EVERYTHING} RESTART IDENTITY"))
        prepared.append(url)
    else:
        _drop(server, url)


def _is_as_it_was(url: str, was: Any) -> bool:
    try:
        return bool(asyncio.run(_execute(url, _FINGERPRINT)) == was)
    except asyncpg.PostgresError:
        return False


def _make(server: str, template: str | None = "template1") -> str:
    name = f"lts_{os.getpid()}_{next(_numbers)}"
    asyncio.run(_execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _drop(server: str, url: str) -> None:
    asyncio.run(_execute(server, f"DROP DATABASE {make_url(url).database} WITH (FORCE)"))


async def _execute(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


class Client(Actor[None]):
    """Says and asks what a test wants, and keeps what it hears."""

    publishes = (
        FinancingCharged,
        LossesMarked,
        OrderChanged,
        OrderDenied,
        OrderFilled,
        PositionAdjusted,
    )
    asks = (
        *LISTINGS,
        GetStorage,
        JournalOrder,
        JournalTradingState,
        Perform,
        RecallDeposits,
        RecallLossMarks,
        RecallMark,
        RecallOrders,
        RecallPortfolios,
        RecallTradingStates,
        RotateKeys,
    )

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.heard: list[Any] = []
        yield

    @on
    def hear(
        self,
        said: DeadLetter
        | OrderJournalled
        | OrderNotJournalled
        | StorageTroubled
        | StorageRecovered
        | TradingStateJournalled
        | TradingStateNotJournalled,
    ) -> None:
        self.heard.append(said)

    def heard_of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.heard if isinstance(each, kind)]


@dataclass
class Node:
    """A persistence actor that is up, and somebody who talks to it."""

    bus: Bus
    keeper: Persistence
    client: Client
    storage: Storage

    async def settled(self, within: float = 10.0) -> None:
        """Wait until all that was said is on disk, and all answers are there."""
        until = self.bus.system.monotonic() + round(within * SECOND)
        while await self._busy():
            assert self.bus.system.monotonic() < until, f"{len(self.keeper.writer)} pieces of work wait"
            await pause(0.005)

    async def rows(self, statement: str, **values: Any) -> list[Any]:
        """Return what a query finds."""
        async with self.keeper.engine.connect() as connection:
            return list((await connection.execute(text(statement), values)).all())

    async def verify(self) -> tuple[str, ...]:
        """Return what a verification finds amiss: of the audit, the positions and the ledger."""
        await self.keeper.writer.flushed()
        report = await verify(
            self.keeper.engine, self.storage.node_keys(create=False).keys, self.storage.head
        )
        return tuple(str(finding) for finding in report.findings)

    async def _busy(self) -> bool:
        await pause(0)
        return bool(len(self.keeper.writer) or self.bus.dispatcher.waiting)


@pytest.fixture
def node_at(short_logs: None, tmp_path: Path) -> Callable[[str], AbstractAsyncContextManager[Node]]:  # noqa: ARG001
    """Brings up the persistence of a database; each time with the same state directory."""

    @asynccontextmanager
    async def node_at(url: str) -> AsyncIterator[Node]:
        storage = Storage(tmp_path / "state", url, environ={})
        storage.state_dir.mkdir(exist_ok=True)
        storage.node_keys(create=True)
        bus = Bus(LiveDriver(), hopeless=(Refused,))
        cell = bus.spawn(Persistence, storage, name="persistence", supervision=Supervision(restarts=0))
        client = bus.spawn(Client, None, name="client").actor
        try:
            await bus.started()
            assert not cell.reason
            assert isinstance(cell.actor, Persistence)
            assert isinstance(client, Client)
            yield Node(bus, cell.actor, client, storage)
            assert not cell.reason
        finally:
            await bus.stop()

    return node_at


@pytest.fixture
def registration() -> tuple[Command, ...]:
    """What makes two owners, two instruments and two portfolios known."""
    return REGISTRATION


@pytest.fixture
async def node(
    node_at: Callable[[str], AbstractAsyncContextManager[Node]], database: str
) -> AsyncIterator[Node]:
    """A persistence actor to which the registration is known."""
    async with node_at(database) as node:
        assert await node.client.ask(Perform(REGISTRATION, "system")) == Performed()
        yield node
