"""The audit on SQLite and on PostgreSQL: the same images, seals, rotations, retentions and findings."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from actors.persistence import guard
from actors.persistence.auditing import AuditTrail
from actors.persistence.flushes import audit_flushes
from actors.persistence.keyring import DataKeys
from actors.persistence.one_hop import batch_on
from actors.persistence.page import Form, Page, table_of
from actors.persistence.resume import resume
from actors.persistence.retention import Retention
from actors.persistence.rotation import Rotation
from actors.persistence.rows import AssetRow, AuditRow, DataKeyRow, InstrumentRow, PortfolioRow, UserRow
from actors.persistence.verify import Report, verify
from actors.persistence.work import Batch, Scribe, Steps, Work
from lts.domain.money import ONE, ZERO
from lts.security.node_key import NodeKey, NodeKeys

pytestmark = pytest.mark.requirement("INT-010", "INT-024", "INT-025", "INT-5.3")

AUDIT_LOG = table_of(AuditRow)
SECOND = 1_000_000_000
TICKS = ("0.01", "100", "1E+30", "123456789012345678901234567890.000000000000000000000000000001")


class Node:
    """Writes each piece of work in a transaction of its own."""

    def __init__(self, engine: AsyncEngine, directory: Path) -> None:
        self.engine = engine
        self.head = directory / "audit.head"
        self.node_keys = NodeKeys(NodeKey(b"the secret of a node in a test, "))
        self.now = 1_700_000_000 * SECOND

    async def open(self) -> None:
        async with self.engine.connect() as connection:
            self.keys = await DataKeys.load(connection, self.node_keys, self.now)
            self.sealer = await resume(connection, self.keys, self.head)
        self.trail = AuditTrail(self.keys, self.sealer)
        if self.keys.made:
            await self.write(Steps(), self._keep_keys)

    async def write(self, scribe: Scribe, content: Any = None) -> None:
        self.now += SECOND
        async with self.engine.connect() as connection:
            batch = batch_on(connection, self.trail, self.now)
            self.trail.begin(self.now)
            with guard.unit(connection):
                async with batch.transaction():
                    await scribe.write(batch, [Work(content, scribe, "ann", 7)])
                    await batch.insert(AUDIT_LOG, self.trail.rows)
        self.trail.commit()
        scribe.settle()
        await self.sealer.confirmed()

    async def add(self, *rows: Any) -> None:
        async def add(batch: Batch, work: Work) -> None:
            async with AsyncSession(await batch.sent()) as session:
                audit_flushes(session.sync_session, batch.trail, work.who, work.cause)
                session.add_all(rows)
                await session.flush()

        await self.write(Steps(), add)

    async def verify(self) -> Report:
        return await verify(self.engine, self.node_keys, self.head)

    async def execute(self, statement: str) -> None:
        """Do something from outside."""
        async with self.engine.connect() as connection:
            with guard.unit(connection):
                async with connection.begin():
                    await connection.execute(text(statement))

    async def _keep_keys(self, batch: Batch, work: Work) -> None:
        page = Page(Form(DataKeyRow), batch)
        for row in self.keys.made:
            page.insert(row, work)
        await page.write()


@pytest.fixture
async def node(engine: AsyncEngine, tmp_path: Path) -> Node:
    """A node whose database has users, instruments of all sizes, a portfolio and its assets."""
    node = Node(engine, tmp_path)
    await node.open()
    await node.add(*(UserRow(name=name, active=name == "ann", created_at=5) for name in ("ann", "böb")))
    rules: dict[str, Any] = {"currency": "USD", "lot_size": ONE, "multiplier": ONE, "min_notional": ZERO}
    symbols = [f"I{number}" for number in range(len(TICKS))]
    await node.add(
        *(
            InstrumentRow(symbol=symbol, tick_size=Decimal(tick), **rules)
            for symbol, tick in zip(symbols, TICKS, strict=True)
        )
    )
    params = node.keys.sealing.seal(b"{}", b"portfolios.params")
    opened: dict[str, Any] = {"currency": "USD", "plugin": "fixed", "opened_at": 6}
    await node.add(PortfolioRow(name="p", owner_id=1, params=params, **opened))
    await node.write(node.sealer)
    assets = ((symbol, node.keys.sealing.seal(b"{}", b"assets.params")) for symbol in symbols)
    run: dict[str, Any] = {"portfolio_id": 1, "broker": "paper", "strategy": "cross"}
    await node.add(*(AssetRow(instrument=symbol, params=params, **run) for symbol, params in assets))
    return node


async def test_what_was_written_is_proved(node: Node) -> None:
    report = await node.verify()

    assert report.findings == ()
    assert (report.seals, report.unsealed) == (1, 5)
    await node.open()
    await node.write(node.sealer)
    assert (await node.verify()).unsealed == 0


async def test_keys_are_rotated_and_the_old_audit_is_dropped(node: Node) -> None:
    rotation = Rotation(node.keys)
    while not rotation.finished:
        await node.write(rotation)
    await node.write(node.sealer)
    async with node.engine.connect() as connection:
        retention = await Retention.plan(connection, node.keys, node.sealer, node.now + 1)
    while not retention.finished:
        await node.write(retention)

    report = await node.verify()
    assert report.findings == ()
    assert report.dropped_through == retention.through > 20
    await node.open()
    async with node.engine.connect() as connection:
        params: Sequence[bytes] = (await connection.scalars(select(AssetRow.params))).all()
    assert {node.keys.sealing.open(each, b"assets.params") for each in params} == {b"{}"}


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE users SET name = 'eve' WHERE id = 2", "users [2] is not as the audit says"),
        ("UPDATE users SET active = NOT active WHERE id = 2", "users [2] is not as the audit says"),
        (
            "UPDATE assets SET broker = 'eve' WHERE instrument = 'I2'",
            'assets [1,"I2"] is not as the audit says',
        ),
        ("DELETE FROM assets WHERE instrument = 'I2'", 'assets [1,"I2"] is missing, and the audit says'),
        (
            "UPDATE instruments SET tick_size = '7' WHERE symbol = 'I3'",
            'instruments ["I3"] is not as the audit',
        ),
        ("UPDATE audit_log SET who = 'eve' WHERE seq = 2", "the audit row 2 is not as this node wrote it"),
        ("DELETE FROM audit_log WHERE seq = 2", "the audit row 2 is missing"),
        ("DELETE FROM audit_log", "are missing, although sealed"),
        ("DELETE FROM audit_seal", "the seal 1, which the head file names, is not there"),
    ],
)
async def test_what_was_changed_from_outside_is_found(node: Node, statement: str, finding: str) -> None:
    if node.engine.dialect.name == "postgresql":
        statement = statement.replace("tick_size = '7'", "tick_size = 7")
    await node.execute(statement)

    report = await node.verify()
    assert any(finding in each for each in report.findings), report.findings
