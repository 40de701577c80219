"""A node that has lived for a while: its files, with everything in them that a node leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.persistence import guard, schema
from actors.persistence.auditing import AuditTrail
from actors.persistence.engine import make_engine
from actors.persistence.journal import Journal
from actors.persistence.keyring import DataKeys
from actors.persistence.lease import Lease
from actors.persistence.one_hop import batch_on
from actors.persistence.page import Form, Page, table_of
from actors.persistence.resume import resume
from actors.persistence.retention import Retention
from actors.persistence.rotation import Rewrapping, Rotation
from actors.persistence.rows import AuditRow, DataKeyRow
from actors.persistence.units import Units
from actors.persistence.work import Batch, Scribe, Steps, Work
from lts.domain.fills import Fill
from lts.domain.market import Instrument
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType, Side, TimeInForce
from lts.domain.risk import TradingState, TradingStateChanged
from lts.domain.units import AssetSettings, PutInstrument, PutPortfolio, PutUser, RecordCharge
from lts.security.node_key import NodeKey, NodeKeys

SECOND = 1_000_000_000
NODE_KEYS = NodeKeys(NodeKey(b"the secret of a node in a test, "))
RENEWED = NodeKeys(NodeKey(b"another secret of the same node,"), NODE_KEYS.current)
AUDIT_LOG = table_of(AuditRow)


class Life:
    """A node that lives: every piece of work is a transaction, and now and then all is sealed."""

    def __init__(self, directory: Path) -> None:
        self.now = 1_700_000_000 * SECOND
        self.directory = directory
        self.head = directory / "audit.head"
        self.heads: list[bytes] = []
        """All head files that there were, one after the other."""
        self.node_keys = RENEWED
        self.journal = Journal(None, Lease(None))
        self.units = Units(lambda: self.keys.sealing)
        self.orders = 0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have the database open for a while."""
        self.engine = make_engine(f"sqlite:///{self.directory / 'lts.db'}")
        await schema.prepare(self.engine)
        async with self.engine.connect() as connection:
            self.keys = await DataKeys.load(connection, NODE_KEYS, self.now)
            self.sealer = await resume(connection, self.keys, self.head)
        self.trail = AuditTrail(self.keys, self.sealer)
        try:
            yield
        finally:
            await self.engine.dispose()

    async def write(self, scribe: Scribe, *contents: Any) -> None:
        """Write pieces of work in one transaction."""
        self.now += SECOND // 7
        async with self.engine.connect() as connection:
            batch = batch_on(connection, self.trail, self.now)
            self.trail.begin(self.now)
            with guard.unit(connection):
                async with batch.transaction():
                    await scribe.write(batch, [Work(content, scribe, "ann", 7) for content in contents])
                    await batch.insert(AUDIT_LOG, self.trail.rows)
        self.trail.commit()
        scribe.settle()
        await self.sealer.confirmed()

    async def finish(self, scribe: Any) -> None:
        """Write the steps of a rotation or a retention."""
        while not scribe.finished:
            await self.write(scribe, None)

    async def seal(self) -> None:
        """Seal what is not sealed."""
        self.now += SECOND
        await self.write(self.sealer, None)
        self.heads.append(self.head.read_bytes())

    async def begin(self) -> None:
        """Make the keys, and whatever is traded and trades."""
        await self.write(Steps(), self._keep_keys)
        step = Decimal("0.01")
        await self.write(self.units, [PutUser("ann"), PutUser("bob")])
        await self.write(
            self.units, [PutInstrument(Instrument(each, "USD", step, step)) for each in ("X", "Y")]
        )
        await self.seal()
        for name, owner in (("p", "ann"), ("q", "bob")):
            assets = tuple(AssetSettings(each, "paper", "cross", {"fast": 3}) for each in ("X", "Y"))
            opened = PutPortfolio(name, owner, "USD", Decimal(1000), "fixed", {"size": 1}, assets)
            charge = RecordCharge(owner, "subscription", "may", Decimal(5), "USD", self.now, name)
            await self.write(self.units, [opened, charge])
        await self.write(self.journal, TradingStateChanged("system", TradingState.ACTIVE, "begun", self.now))
        await self.seal()

    async def trade(self, random: Random, orders: int) -> None:
        """Journal orders: most are filled in two parts, some are denied, some cancelled."""
        for _ in range(orders):
            order = self.order(random)
            if self.orders % 7 == 0:
                await self.write(self.journal, OrderDenied(order.portfolio, order, "too large", self.now))
                continue
            await self.write(self.journal, order, self._changed(order, OrderStatus.SUBMITTED))
            if self.orders % 5 == 0:
                await self.write(self.journal, self._changed(order, OrderStatus.CANCELED))
                continue
            part = order.quantity / 4
            await self.write(
                self.journal, self._filled(order, "a", part, OrderStatus.PARTIALLY_FILLED, random)
            )
            rest = order.quantity - part
            await self.write(self.journal, self._filled(order, "b", rest, OrderStatus.FILLED, random))
            if self.orders % 3 == 0:
                await self.seal()

    def order(self, random: Random) -> Order:
        """Think of an order."""
        self.orders += 1
        return Order(
            f"o-{self.orders:06}",
            random.choice("pq"),
            random.choice("XY"),
            "paper",
            random.choice([Side.BUY, Side.SELL]),
            Decimal(random.randint(1, 40)) / 4,
            OrderType.MARKET,
            None,
            TimeInForce.GTC,
            self.now,
        )

    def _changed(self, order: Order, status: OrderStatus) -> OrderChanged:
        return OrderChanged(order.portfolio, order.client_order_id, status, self.now, "")

    def _filled(
        self, order: Order, part: str, quantity: Decimal, status: OrderStatus, random: Random
    ) -> OrderFilled:
        price = Decimal(random.randint(900, 1100)) / 10
        exec_id, fee = f"{order.client_order_id}-{part}", Decimal("0.05")
        of = (order.portfolio, order.instrument, order.broker, order.client_order_id, exec_id, order.side)
        return OrderFilled(order.portfolio, Fill(*of, quantity, price, fee, "USD", self.now), status)

    async def _keep_keys(self, batch: Batch, work: Work) -> None:
        page = Page(Form(DataKeyRow), batch)
        for row in self.keys.made:
            page.insert(row, work)
        await page.write()


async def _live(directory: Path) -> Life:
    life, random = Life(directory), Random(11)
    async with life.opened():
        await life.begin()
        await life.trade(random, 8)
        await life.finish(Rotation(life.keys))
        await life.trade(random, 6)
    async with life.opened():
        async with life.engine.connect() as connection:
            retention = await Retention.plan(connection, life.keys, life.sealer, life.now - 5 * SECOND)
        await life.finish(retention)
        life.heads.append(life.head.read_bytes())
        await life.trade(random, 6)
        await life.finish(Rotation(life.keys))
        await life.write(Rewrapping(life.keys, RENEWED), None)
        await life.trade(random, 9)
        await life.seal()
        await life.write(life.journal, life.order(random))
    return life


@pytest.fixture(scope="session")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    return asyncio.run(_live(tmp_path_factory.mktemp("life")))
