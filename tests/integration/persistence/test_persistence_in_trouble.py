"""The persistence actor in trouble: facts wait, intents are refused, nothing is doubled."""

import asyncio
import importlib
import shutil
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, MissingGreenlet
from structlog.testing import capture_logs

from actors.desk import Desk
from actors.persistence import engine as engines
from actors.persistence import one_hop
from actors.persistence import writer as lane
from actors.persistence.engine import make_engine
from actors.persistence.storage import opened
from actors.persistence.work import Work
from bus import Actor, Bus, DeadLetter, on, pause
from lts.domain.fills import Fill
from lts.domain.journal import RecallOrders
from lts.domain.market import Instrument
from lts.domain.order_flow import (
    JournalOrder,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
    PlaceOrder,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, TimeInForce
from lts.domain.register import Register
from lts.domain.risk import JournalTradingState, TradingState, TradingStateChanged
from lts.domain.storage import GetStorage, StorageRecovered, StorageTroubled
from lts.domain.units import NotPerformed, Perform, Performed, PutUser
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-006", "INT-5.3")

S = OrderStatus
BEGIN = 1_700_000_000_000_000_000
STEP = Decimal("0.01")
LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


def order(number: int, portfolio: str = "p") -> ApprovedOrder:
    market, gtc = OrderType.MARKET, TimeInForce.GTC
    name = f"{portfolio}-X-{number:06}"
    at = BEGIN + number
    return ApprovedOrder(name, portfolio, "X", "paper", Side.BUY, Decimal(10), market, None, gtc, at)


def changed(of: Order, status: OrderStatus) -> OrderChanged:
    return OrderChanged(of.portfolio, of.client_order_id, status, BEGIN)


def filled(of: Order, exec_id: str) -> OrderFilled:
    whose = (of.portfolio, of.instrument, of.broker, of.client_order_id, exec_id, of.side)
    return OrderFilled(
        of.portfolio, Fill(*whose, of.quantity, Decimal(7), Decimal(1), "USD", BEGIN), S.FILLED
    )


def live(node: Any, numbers: range) -> None:
    """Publish whole lives of orders: denied ones need nobody's answer, and take some room."""
    for number in numbers:
        each = order(number)
        node.client.publish(OrderDenied("p", Order(*_fields(each)), "a reason " * 60, BEGIN))


def _fields(of: Order) -> tuple[Any, ...]:
    return tuple(getattr(of, name) for name in of.__struct_fields__)


async def until(what: Callable[[], Any], node: Any, within: float = 15.0) -> None:
    """Wait until something is so."""
    end = node.bus.system.monotonic() + within * 1e9
    while not what():
        assert node.bus.system.monotonic() < end, "it did not come about in time"
        await pause(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has seconds to wait here."""
    monkeypatch.setattr(lane, "FIRST_REST", 0.01)
    monkeypatch.setattr(lane, "LONGEST_REST", 0.1)
    monkeypatch.setattr(lane, "CONTENTION", 0.2)
    settings = tuple(each for each in engines._SETTINGS if "busy" not in each)
    monkeypatch.setattr(engines, "_SETTINGS", ("busy_timeout = 50", *settings))


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> str:
    path = tmp_path / "lts.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
async def on_sqlite(node_at: Any, registration: Any, sqlite_database: str) -> AsyncIterator[Any]:
    async with node_at(sqlite_database) as node:
        assert await node.client.ask(Perform(registration, "system")) == Performed()
        await node.settled()
        yield node


class Disk:
    """Limits the pages that a SQLite database may have, at the beginning of each transaction."""

    pages = 2**30
    execute: Callable[..., None] = staticmethod(one_hop._execute)

    def limit(self, connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        cursor = driver.cursor()
        cursor.execute(f"PRAGMA max_page_count = {self.pages}")
        cursor.close()

    def limit_hop(self, connection: sqlite3.Connection, sql: str, *rows: Any) -> None:
        """Do the same where a whole transaction goes to the driver's thread at once."""
        if sql == "BEGIN IMMEDIATE":
            connection.execute(f"PRAGMA max_page_count = {self.pages}")
        self.execute(connection, sql, *rows)

    def fill(self) -> None:
        self.pages = 1  # which means: no more than there are

    def clear(self) -> None:
        self.pages = 2**30


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk, begin = Disk(), engines._SQLite._begin

    def limited(sqlite: Any, connection: Connection) -> None:
        disk.limit(connection)
        begin(sqlite, connection)

    monkeypatch.setattr(engines._SQLite, "_begin", limited)
    monkeypatch.setattr(one_hop, "_execute", disk.limit_hop)
    return disk


async def check_refused_at_once(node: Any) -> None:
    """Ask for what must not be kept waiting, twice."""
    for _ in range(2):
        answer = await node.client.ask(JournalOrder(order(999)), within=1.0)
        assert isinstance(answer, OrderNotJournalled)
        assert answer.reason == node.keeper.writer.trouble
        unit = await node.client.ask(Perform((PutUser("late"),), "ann"), within=1.0)
        assert isinstance(unit, NotPerformed)


async def check_whole(node: Any, orders: int) -> None:
    """All is on disk, each once, and it was said once what the matter was, and that it is over."""
    await node.settled(within=20)
    kept = await node.rows("SELECT client_order_id AS id FROM orders WHERE status = 'denied'")
    assert sorted(row.id for row in kept) == [
        order(number).client_order_id for number in range(1, orders + 1)
    ]
    events = await node.rows("SELECT seq FROM order_events ORDER BY seq")
    assert [row.seq for row in events] == list(range(1, orders + 1))
    assert len(node.client.heard_of(StorageTroubled)) == 1
    assert len(node.client.heard_of(StorageRecovered)) == 1
    assert node.client.heard_of(DeadLetter) == []
    assert node.keeper.writer.trouble == ""
    assert await node.client.ask(Perform((PutUser("in time"),), "ann")) == Performed()
    assert await node.rows("SELECT 1 FROM users WHERE name = 'late'") == []
    assert await node.verify() == ()


async def test_on_a_full_disk_facts_wait_and_intents_are_refused_at_once(disk: Disk, on_sqlite: Any) -> None:
    node = on_sqlite
    disk.fill()
    live(node, range(1, 201))
    await until(lambda: node.client.heard_of(StorageTroubled), node)
    (troubled,) = node.client.heard_of(StorageTroubled)
    assert "no room left on the disk" in troubled.reason
    assert (await node.client.ask(GetStorage())).trouble == troubled.reason
    await check_refused_at_once(node)
    live(node, range(201, 251))
    await pause(0.5)
    await check_refused_at_once(node)
    assert (await node.client.ask(GetStorage())).waiting >= 250
    disk.clear()
    await check_whole(node, 250)


async def test_what_another_process_locks_for_too_long_waits(on_sqlite: Any) -> None:
    node = on_sqlite
    pipe = subprocess.PIPE
    words = [sys.executable, "-c", LOCKER, str(node.storage.file)]
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as locker:  # noqa: ASYNC220 - it answers at once
        assert locker.stdout is not None
        assert locker.stdin is not None
        locker.stdout.readline()
        live(node, range(1, 51))
        await until(lambda: node.client.heard_of(StorageTroubled), node)
        assert "locked by another process" in node.client.heard_of(StorageTroubled)[0].reason
        await check_refused_at_once(node)
        live(node, range(51, 101))
        locker.stdin.close()
        locker.wait()
    await check_whole(node, 100)


async def test_a_short_lock_is_no_trouble(on_sqlite: Any) -> None:
    node = on_sqlite
    pipe = subprocess.PIPE
    words = [sys.executable, "-c", LOCKER, str(node.storage.file)]
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as locker:  # noqa: ASYNC220 - it answers at once
        assert locker.stdout is not None
        assert locker.stdin is not None
        locker.stdout.readline()
        node.client.send(JournalOrder(order(1)))
        await pause(0.1)
        locker.stdin.close()
        locker.wait()
    await until(lambda: node.client.heard_of(OrderJournalled), node)
    assert node.client.heard_of(StorageTroubled) == []


class Server:
    """A PostgreSQL of this test's own, which can be killed."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri()

    def kill(self) -> None:
        """Have it stop without a word to anybody, as in a crash."""
        self._ctl("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again."""
        socket = self.url.partition("host=")[2]
        self._ctl("-o", '-h ""', "-o", f"-k {socket}", "-l", str(self._server.log), "start")

    def _ctl(self, *words: str) -> None:
        commands: Any = importlib.import_module("pgserver._commands")
        commands.pg_ctl(["-w", *words], pgdata=self._server.pgdata, user=self._server.system_user, timeout=20)


@pytest.fixture
def server() -> Iterator[Server]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pgserver: Any = importlib.import_module("pgserver")
            server = pgserver.get_server(Path(directory := mkdtemp(prefix="lts-postgresql-")))
    except Exception as error:  # noqa: BLE001  # whatever keeps a server from starting here
        pytest.skip(f"there is no PostgreSQL to be killed: install pgserver ({error})")
    yield Server(server)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


async def check_second_node_refused(node: Any) -> None:
    """The lock of the database was taken anew with the connection."""
    second = replace(node.storage, state_dir=node.storage.state_dir.with_name("second"))
    await asyncio.to_thread(shutil.copytree, node.storage.state_dir, second.state_dir)
    with pytest.raises(Refused, match="another node works with this PostgreSQL database"):
        async with opened(second):
            pytest.fail("two nodes work with one database")


async def test_a_postgresql_that_is_killed_in_a_flood_and_started_again_has_everything_once(
    node_at: Any, registration: Any, server: Server
) -> None:
    async with node_at(server.url) as node:
        assert await node.client.ask(Perform(registration, "system")) == Performed()
        killing = asyncio.ensure_future(asyncio.to_thread(server.kill))
        for first in range(1, 300, 50):
            live(node, range(first, first + 50))
            await pause(0.01)
        await killing
        await until(lambda: node.client.heard_of(StorageTroubled), node)
        await until(lambda: not node.keeper.writer._taken or node.keeper.writer.trouble, node)
        await check_refused_at_once(node)
        live(node, range(301, 401))
        await pause(0.3)
        await asyncio.to_thread(server.start)
        await check_whole(node, 400)
        await check_second_node_refused(node)


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_connection_that_the_server_cuts_in_a_flood_costs_nothing(
    node: Any, database: str, engine_at: Any, backend: str
) -> None:
    assert backend == "postgresql"
    outside = engine_at(database)
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'lts'"
    )
    for first in range(1, 401, 100):
        live(node, range(first, first + 100))
        await pause(0.01)
        async with outside.connect() as connection:
            await connection.execute(cut)
    await node.settled(within=20)
    kept = await node.rows("SELECT count(*) FROM orders")
    assert kept[0][0] == 400
    assert node.client.heard_of(DeadLetter) == []
    assert len(node.client.heard_of(StorageTroubled)) == len(node.client.heard_of(StorageRecovered))
    assert await node.verify() == ()


class Faults:
    """Has attempts of the writer fail: before they begin, or after they are committed."""

    def __init__(self, node: Any) -> None:
        self._attempt = node.keeper.writer._attempt
        self.before: list[Exception] = []
        self.after: list[Exception] = []
        self.attempts = 0
        node.keeper.writer._attempt = self._fail

    async def _fail(self, group: list[Work]) -> None:
        self.attempts += 1
        if self.before:
            raise self.before.pop()
        await self._attempt(group)
        if self.after:
            raise self.after.pop()


class Torn:
    """Has so many attempts of the writer hang, and say something of their own when they are broken off."""

    def __init__(self, node: Any, times: int) -> None:
        self.left = times
        self._attempt = node.keeper.writer._attempt
        node.keeper.writer._attempt = self._hang

    async def _hang(self, group: list[Work]) -> None:
        if not self.left:
            await self._attempt(group)
            return
        self.left -= 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise MissingGreenlet("as the library says where it is broken off") from None


async def test_an_attempt_that_takes_too_long_is_no_defect_of_what_it_wrote(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.settled()
    monkeypatch.setattr(lane, "PATIENCE", 0.2)
    torn = Torn(node, 1)
    live(node, range(1, 3))
    await until(lambda: not torn.left, node)
    await node.settled(within=20)
    assert len(await node.rows("SELECT 1 FROM orders")) == 2
    (troubled,) = node.client.heard_of(StorageTroubled)
    assert "took too long to answer" in troubled.reason
    assert node.client.heard_of(DeadLetter) == []


async def test_what_a_stop_breaks_off_is_not_stored_whatever_the_library_says(
    node_at: Any, registration: Any, sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "LAST_WORD", 0.2)
    monkeypatch.setattr("actors.persistence.actor.LAST_WRITE", 0.2)
    with capture_logs() as logs:
        async with node_at(sqlite_database) as node:
            assert await node.client.ask(Perform(registration, "system")) == Performed()
            torn = Torn(node, 1_000)
            live(node, range(1, 3))
            await until(lambda: torn.left < 1_000, node)
    (said,) = [each for each in logs if each["log_level"] in {"critical", "error"}]
    assert said["event"] == "not everything was stored"
    assert said["lost"] >= 2


class ConflictError(Exception):
    sqlstate = "40001"


def conflict() -> DBAPIError:
    return DBAPIError("INSERT", None, ConflictError("could not serialize access"))


async def test_a_commit_whose_answer_was_lost_is_recognised_and_not_written_twice(node: Any) -> None:
    await node.settled()
    faults = Faults(node)
    faults.after = [ConnectionResetError("lost")]
    intent = order(1)
    answer = await node.client.ask(JournalOrder(intent))
    assert answer == OrderJournalled(intent)
    for status in (S.SUBMITTED, S.ACCEPTED):
        faults.after = [ConnectionResetError("lost")]
        node.client.publish(changed(intent, status))
        await node.settled()
    faults.after = [ConnectionResetError("lost")]
    node.client.publish(filled(intent, "e1"))
    await node.settled()
    assert len(await node.rows("SELECT 1 FROM fills")) == 1
    (record,) = (await node.client.ask(RecallOrders())).records
    assert (record.status, record.filled, len(record.history)) == (S.FILLED, 10, 4)
    assert node.client.heard_of(DeadLetter) == []
    assert len(node.client.heard_of(StorageTroubled)) == len(node.client.heard_of(StorageRecovered)) == 4
    assert await node.verify() == ()


async def test_a_unit_whose_answer_was_lost_is_answered_as_it_ended(node: Any) -> None:
    await node.settled()
    faults = Faults(node)
    faults.after = [ConnectionResetError("lost")]
    assert await node.client.ask(Perform((PutUser("dora"),), "ann")) == Performed()
    assert len(await node.rows("SELECT 1 FROM users WHERE name = 'dora'")) == 1
    assert await node.verify() == ()


async def test_a_seal_whose_answer_was_lost_is_not_made_twice(node: Any) -> None:
    live(node, range(1, 2))
    await node.settled()
    await node.keeper.writer.flushed()
    faults = Faults(node)
    faults.after = [ConnectionResetError("lost")]
    await until(lambda: not node.keeper.writer._sealer.unsealed and not faults.after, node)
    await pause(0.2)
    live(node, range(2, 3))
    await node.settled()
    seals = await node.rows("SELECT number FROM audit_seal ORDER BY number")
    assert [row.number for row in seals] == list(range(1, len(seals) + 1))
    assert await node.verify() == ()


async def test_conflicts_with_other_transactions_are_tried_again_without_a_word(node: Any) -> None:
    await node.settled()
    faults = Faults(node)
    faults.before = [conflict() for _ in range(3)]
    intent = order(1)
    assert await node.client.ask(JournalOrder(intent)) == OrderJournalled(intent)
    assert faults.attempts >= 4
    assert node.client.heard_of(StorageTroubled) == []


async def test_conflicts_without_end_are_trouble(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await node.settled()
    faults = Faults(node)
    faults.before = [conflict() for _ in range(2000)]
    answer = await node.client.ask(JournalOrder(order(1)))
    assert isinstance(answer, OrderNotJournalled)
    assert "could not keep two transactions apart" in answer.reason
    live(node, range(2, 5))
    monkeypatch.setattr(lane, "FIRST_REST", 0.0)  # hundreds of attempts are like hours of trouble
    await until(lambda: len(faults.before) < 600, node)
    faults.before.clear()
    await node.settled()
    assert len(await node.rows("SELECT 1 FROM orders")) == 3
    assert len(node.client.heard_of(StorageTroubled)) == len(node.client.heard_of(StorageRecovered)) == 1


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_row_that_somebody_else_changes_meanwhile_is_written_after_all(
    node: Any, database: str, backend: str
) -> None:
    assert backend == "postgresql"
    begun = TradingStateChanged("system", TradingState.ACTIVE, "begun", BEGIN)
    node.client.send(JournalTradingState(begun))
    await node.settled()
    asyncpg: Any = importlib.import_module("asyncpg")
    other = await asyncpg.connect(database)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE trading_states SET reason = reason")
    slower = TradingStateChanged("system", TradingState.REDUCING, "why not", BEGIN + 1)
    node.client.send(JournalTradingState(slower))
    blocked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'lts'"
    while not await other.fetchval(blocked):
        await pause(0.01)
    await transaction.commit()
    await other.close()
    await node.settled()
    (row,) = await node.rows("SELECT state FROM trading_states")
    assert row.state == "reducing"
    assert node.client.heard_of(DeadLetter) == []
    assert node.client.heard_of(StorageTroubled) == []
    assert await node.verify() == ()


async def test_a_fact_waits_for_a_database_that_has_no_fault_of_the_fact_to_report(
    node: Any,
) -> None:
    """An answer that takes too long is no reason to lose a fill."""
    await node.settled()
    faults = Faults(node)

    class TooSlowError(Exception):
        sqlstate = "57014"

    faults.before = [DBAPIError("INSERT", None, TooSlowError("canceling statement")) for _ in range(20)]
    live(node, range(1, 5))
    await node.settled()
    assert node.client.heard_of(DeadLetter) == []
    assert len(await node.rows("SELECT 1 FROM orders")) == 4
    faults.before = [DBAPIError("INSERT", None, TooSlowError("canceling statement"))]
    answer = await node.client.ask(JournalOrder(order(9)))
    assert isinstance(answer, OrderNotJournalled)
    assert "took too long" in answer.reason


async def test_trouble_that_only_intents_and_units_meet_ends_as_well(on_sqlite: Any) -> None:
    node = on_sqlite
    faults = Faults(node)
    faults.before = [conflict() for _ in range(15)]
    assert isinstance(await node.client.ask(Perform((PutUser("late"),), "ann")), NotPerformed)
    await until(lambda: node.client.heard_of(StorageRecovered), node)
    assert len(node.client.heard_of(StorageTroubled)) == 1
    notes = await node.rows("SELECT after FROM audit_log WHERE action = 'note' AND entity = 'storage'")
    assert len(notes) == 1
    assert "could not keep two transactions apart" in notes[0].after
    assert await node.verify() == ()


class Broker(Actor[None]):
    """A venue that gets no order as long as nothing can be stored."""

    async def lifespan(self) -> Any:
        self.placed: list[PlaceOrder] = []
        yield

    @on
    def place(self, placed: PlaceOrder) -> None:
        self.placed.append(placed)


class Risk(Actor[None]):
    """Approves whatever a test wants, and hears what becomes of it."""

    publishes = (OrderApproved,)

    async def lifespan(self) -> Any:
        self.heard: list[OrderChanged] = []
        yield

    @on
    def hear(self, said: OrderChanged) -> None:
        self.heard.append(said)


async def test_the_desk_ends_an_order_as_denied_whose_intent_cannot_be_stored(
    disk: Disk, on_sqlite: Any
) -> None:
    node = on_sqlite
    bus: Bus = node.bus
    bus.spawn(Desk, None, name="desk", assignment=Register({"X": Instrument("X", "USD", STEP, STEP)}))
    broker: Any = bus.spawn(Broker, None, name="broker").actor
    risk: Any = bus.spawn(Risk, None, name="risk").actor
    await bus.started()
    disk.fill()
    live(node, range(1, 201))
    await until(lambda: node.client.heard_of(StorageTroubled), node)
    for number in (201, 202):
        risk.publish(OrderApproved("p", order(number)))
    await until(lambda: len(risk.heard) == 2, node)
    assert {said.status for said in risk.heard} == {S.DENIED}
    assert all("no room left" in said.reason for said in risk.heard)
    assert broker.placed == []
    disk.clear()
    await node.settled()
    risk.publish(OrderApproved("p", order(203)))
    await until(lambda: broker.placed, node)
    assert [placed.order for placed in broker.placed] == [order(203)]
    await node.settled()
    records = {each.order.client_order_id: each for each in (await node.client.ask(RecallOrders())).records}
    assert len(records) == 203
    for number in (201, 202):
        assert records[order(number).client_order_id].status is S.DENIED
    assert records[order(203).client_order_id].status is S.SUBMITTED
    assert await node.verify() == ()


async def test_what_cannot_be_stored_when_the_node_stops_is_said(
    node_at: Any, registration: Any, sqlite_database: str, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "LAST_WORD", 0.2)
    monkeypatch.setattr("actors.persistence.actor.LAST_WRITE", 0.2)
    with capture_logs() as logs:
        async with node_at(sqlite_database) as node:
            assert await node.client.ask(Perform(registration, "system")) == Performed()
            disk.fill()
            live(node, range(1, 101))
            await until(lambda: node.client.heard_of(StorageTroubled), node)
    (said,) = [each for each in logs if each["log_level"] == "critical"]
    assert said["event"] == "not everything was stored"
    assert said["lost"] >= 100  # a seal is another piece of work
    assert "no room left" in said["reason"]
    engine = make_engine(sqlite_database)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM orders")) == 0
    await engine.dispose()
