"""A user trades by hand beside a strategy: once for each key, across restarts, and in a replay as well."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bus import Actor, ReplayDriver, on, pause
from lts.cli.replay import difference
from lts.config.file import plan_from_json, read_system
from lts.domain.digest import lines
from lts.domain.market import Bar
from lts.domain.order_entry import (
    EntryCode,
    OrderNotTaken,
    OrderTaken,
    RetractAll,
    RetractionTaken,
    RetractOrder,
    ReviseOrder,
    RevisionTaken,
    SubmitOrder,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.order_ticket import OrderTicket
from lts.domain.orders import OrderType, Side, Terms
from lts.domain.recording import OrderLine, read_recording
from lts.domain.request_mark import RequestMark
from lts.live import keeper, storage_of
from lts.main import Extras, System
from tests.systems import bitcoin

pytestmark = pytest.mark.requirement("INT-011", "INT-4.5", "LTS-003")

SYSTEM = f"""\
{bitcoin("scalp", "ann", cash="10000", quantity="0.5", lot_size="0.01", slow=20, repeat=False)}
[risk]
max_order_value = "100000"
"""
BUY, SELL = Side.BUY, Side.SELL


class Trader(Actor[None]):
    """Somebody with an idea of his own, who watches the bars."""

    asks = (SubmitOrder, ReviseOrder, RetractOrder, RetractAll)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        self.bars = 0
        self.news = asyncio.Event()
        yield

    @on
    def watch(self, _: Bar) -> None:
        self.bars += 1
        self.news.set()

    async def wait(self, bars: int) -> None:
        goal = self.bars + bars
        while self.bars < goal:
            self.news.clear()
            await self.news.wait()


class Trading:
    """A system that runs, and somebody who trades in it by hand."""

    def __init__(self, system: System, trader: Trader) -> None:
        self.system, self.trader = system, trader

    async def submit(self, ticket: OrderTicket, key: str = "", digest: str = "d") -> Any:
        mark = RequestMark("ann", key, digest) if key else None
        return await self.trader.ask(SubmitOrder("scalp", ticket, "ann", mark))

    async def record(self, name: str) -> OrderRecord:
        return next(each for each in await self.system.records() if each.order.client_order_id == name)

    async def reaches(self, name: str, status: OrderStatus) -> OrderRecord:
        while (record := await self.record(name)).status is not status:
            await self.trader.wait(1)
        return record


@asynccontextmanager
async def trading(directory: Path, record: Path | None = None) -> AsyncIterator[Trading]:
    file = directory / "system.toml"
    file.write_text(SYSTEM, encoding="utf-8")
    plan = read_system(file)
    storage = storage_of(plan, directory / "state")
    storage.state_dir.mkdir(exist_ok=True)
    storage.node_keys(create=True)
    system = System(plan, ReplayDriver(speed=60 * 400), Extras(record=record, keeper=keeper(plan, storage)))
    await system.start()
    trader: Any = system.bus.spawn(Trader, None, name="trader").actor
    await system.bus.started()
    running = asyncio.ensure_future(system.run())
    try:
        await trader.wait(5)
        yield Trading(system, trader)
        system.bus.driver.stop()
        await running
        while not system.bus.dispatcher.quiet:  # a recording ends when what its last input led to is over
            await pause(0.01)
        assert system.trouble() is None
    finally:
        running.cancel()
        await system.stop()


def limit(price: str, quantity: str = "1", side: Side = BUY, **more: Any) -> OrderTicket:
    return OrderTicket(
        "BTC/USD", side, Decimal(quantity), OrderType.LIMIT, limit_price=Decimal(price), **more
    )


async def test_an_order_by_hand_is_taken_once_whatever_happens_and_replayed(tmp_path: Path) -> None:
    recording = tmp_path / "session.jsonl"
    async with trading(tmp_path, recording) as it:
        taken = await it.submit(limit("5000"), "first")
        assert isinstance(taken, OrderTaken)
        first = taken.client_order_id
        await it.reaches(first, OrderStatus.ACCEPTED)
        again = await asyncio.gather(*(it.submit(limit("5000"), "first") for _ in range(3)))
        assert {each.client_order_id for each in again} == {first}
        other = await it.submit(limit("6000"), "first", "another digest")
        assert (other.code, other.client_order_id) == (EntryCode.KEY_REUSED, "")

        terms = Terms(Decimal("0.7"), Decimal("5100.5"))
        assert isinstance(await it.trader.ask(ReviseOrder("scalp", first, terms, "ann")), RevisionTaken)
        assert (await it.reaches(first, OrderStatus.ACCEPTED)).terms == terms

        market = await it.submit(OrderTicket("BTC/USD", BUY, Decimal("0.02")), "market")
        assert (await it.reaches(market.client_order_id, OrderStatus.FILLED)).filled == Decimal("0.02")

        denied = await it.submit(limit("5000", "101"), "too much")
        assert isinstance(denied, OrderNotTaken)
        assert denied.code is EntryCode.DENIED
        assert "max_order_value" in denied.reason

        ended = await it.trader.ask(RetractOrder("scalp", first, "ann"))
        assert isinstance(ended, RetractionTaken)
        await it.reaches(first, OrderStatus.CANCELED)
        closed = await it.trader.ask(RetractOrder("scalp", first, "ann"))
        assert isinstance(closed, OrderNotTaken)
        assert closed.code is EntryCode.CLOSED_ORDER
        for price in ("4000", "4100"):
            await it.submit(limit(price))
        all_of_them = await it.trader.ask(RetractAll("scalp", "ann"))
        assert isinstance(all_of_them, RetractionTaken)
        assert all_of_them.orders >= 2
        await it.trader.wait(30)

    async with trading(tmp_path) as it:
        known = await it.submit(limit("5000"), "first")
        assert known == OrderTaken(first, OrderStatus.CANCELED, repeated=True)
        still = await it.submit(limit("5000", "101"), "too much")
        assert (still.code, still.client_order_id, still.reason) == (
            EntryCode.DENIED,
            denied.client_order_id,
            denied.reason,
        )
        other = await it.submit(limit("6000"), "first", "another digest")
        assert other.code is EntryCode.KEY_REUSED
    check_audit(tmp_path / "state", first, denied.client_order_id)
    await check_replay(recording)


async def check_replay(recording: Path) -> None:
    """Check that a recorded session leads to the same orders once more."""
    recorded = read_recording(recording)
    assert recorded.ending is not None
    assert {each.source for each in recorded.inputs} == {"feed/csv/BTC/USD", "order-entry"}
    plan = plan_from_json(recorded.plan, "the recording")
    replayed = System(plan, ReplayDriver(), Extras(tape=recorded.tape))
    await replayed.start()
    try:
        await replayed.run()
        orders = [msgspec.json.decode(line, type=OrderLine) for line in lines(await replayed.records())]
        digest = (await replayed.outcome()).digest
        assert difference(recorded.ending, orders, digest) is None
        assert digest == recorded.ending.digest
    finally:
        await replayed.stop()


def check_audit(state: Path, *names: str) -> None:
    """Check that orders, and what leads to them by their keys, are audited in the name of their user."""
    with closing(sqlite3.connect(state / "lts.db")) as connection:
        for name in names:
            query = "SELECT who FROM audit_log WHERE entity = 'orders' AND action = 'insert' AND row_key = ?"
            assert connection.execute(query, (f'["{name}"]',)).fetchall() == [("ann",)]
        query = "SELECT resource FROM idempotency_keys WHERE request_key IN ('first', 'too much')"
        assert {row[0] for row in connection.execute(query)} == set(names)
        [reason] = connection.execute(
            "SELECT reason FROM order_events WHERE status = 'pending_cancel' AND client_order_id = ?",
            names[:1],
        ).fetchone()
        assert reason == "cancel entered by ann"
