"""Keys are rotated and a backup is taken while 500 orders a second are written and read."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.persistence.backup import back_up
from actors.persistence.restore import restore
from actors.persistence.rows import metadata
from actors.persistence.storage import Storage
from actors.persistence.verify import verify
from bus import SECOND, pause
from lts.domain.journal import RecallOrders
from lts.domain.order_flow import JournalOrder, OrderJournalled, OrderNotJournalled
from lts.domain.orders import ApprovedOrder, OrderType, Side, TimeInForce
from lts.domain.storage import KeysRotated, RotateKeys

pytestmark = pytest.mark.requirement("INT-025", "INT-5.3", "INT-8.1")

PACE = 500
"""Orders a second."""


def order(number: int) -> ApprovedOrder:
    name, one = f"p-X-{number:06}", Decimal(1)
    return ApprovedOrder(
        name, "p", "X", "paper", Side.BUY, one, OrderType.MARKET, None, TimeInForce.GTC, number
    )


async def contents(engine: AsyncEngine) -> dict[str, set[tuple[Any, ...]]]:
    async with engine.connect() as connection:
        return {
            table.name: {tuple(row) for row in await connection.execute(select(table))}
            for table in metadata.sorted_tables
        }


async def test_nothing_is_lost_and_no_read_fails_meanwhile(
    node: Any, tmp_path: Path, engine_at: Callable[[str], AsyncEngine]
) -> None:
    placed = read = 0
    finished = asyncio.Event()

    async def write() -> None:
        nonlocal placed
        begun = node.bus.system.monotonic()
        while not finished.is_set():
            due = (node.bus.system.monotonic() - begun) * PACE // SECOND
            while placed < due:
                placed += 1
                node.client.send(JournalOrder(order(placed)))
            await pause(0.002)

    async def recall() -> None:
        nonlocal read
        while not finished.is_set():
            before = len(node.client.heard_of(OrderJournalled))
            recalled = await node.client.ask(RecallOrders(portfolio="p"), within=20.0)
            assert len(recalled.records) >= before
            read += 1
            await pause(0.05)

    load = asyncio.gather(write(), recall())
    await pause(0.3)
    rotated = [await node.client.ask(RotateKeys(node_key=renew), within=20.0) for renew in (False, True)]
    made = await back_up(node.storage, tmp_path / "under load.backup", record=AsyncMock())
    assert await node.client.ask(RotateKeys(), within=20.0)
    finished.set()
    await load
    await node.settled()

    assert all(isinstance(each, KeysRotated) for each in rotated)
    assert read > 1
    assert node.client.heard_of(OrderNotJournalled) == []
    assert len(node.client.heard_of(OrderJournalled)) == placed > PACE // 2
    [(kept,)] = await node.rows("SELECT count(*) FROM orders")
    assert kept == placed
    assert await node.verify() == ()

    keys = node.storage.node_keys(create=False).keys
    again = await back_up(node.storage, tmp_path / "at rest.backup", record=AsyncMock())
    for backup in (made, again):
        copy = Storage(tmp_path / backup.path.stem, environ={})
        await restore(backup.path, copy, keys)
        engine = engine_at(copy.address)
        assert (await verify(engine, keys, copy.head)).findings == ()
        if backup is again:
            source, restored = await contents(node.keeper.engine), await contents(engine)
            assert source.pop("audit_seal") >= restored.pop("audit_seal")  # one may have come since
            assert restored == source
