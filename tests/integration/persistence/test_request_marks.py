"""A mark leads to one order, in the transaction that keeps it: on disk as in memory, whatever is repeated."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pytest

from actors.journal import MemoryJournal
from actors.persistence.marks import KEPT_S, forget_marks
from actors.persistence.work import Steps, Work
from bus import SECOND, Bus, LiveDriver
from lts.domain.order_flow import JournalOrder, OrderChanged, OrderDenied, OrderJournalled, OrderNotJournalled
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Entered, Order, OrderType, Side, TimeInForce
from lts.domain.request_mark import Marked, RecallMark, RequestMark
from lts.domain.units import Perform
from tests.integration.persistence.conftest import Client, Node

ON_DISK = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)

pytestmark = pytest.mark.requirement("INT-008", "INT-021", "INT-5.2")

S = OrderStatus
MARK = RequestMark("ann", "key", "digest")


def order(number: int = 1, mark: RequestMark | None = MARK, who: str = "ann") -> ApprovedOrder:
    name, market, gtc = f"p-X-{number:06}", OrderType.MARKET, TimeInForce.GTC
    entered = Entered(number, who, mark)
    return ApprovedOrder(
        name, "p", "X", "paper", Side.BUY, Decimal(1), market, None, gtc, number, entered=entered
    )


def denial(of: ApprovedOrder, reason: str = "too much") -> OrderDenied:
    bare = Order(*msgspec.structs.astuple(of))
    return OrderDenied("p", bare, reason, 9)


@asynccontextmanager
async def in_memory() -> AsyncIterator[Client]:
    bus = Bus(LiveDriver())
    bus.spawn(MemoryJournal, None, name="journal")
    client: Any = bus.spawn(Client, None, name="client", asks=(JournalOrder, RecallMark)).actor
    try:
        await bus.started()
        yield client
    finally:
        await bus.stop()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Where a journal is kept."""
    return str(request.param)


@pytest.fixture
def place(backend: str, request: pytest.FixtureRequest) -> str:
    """The database in which it is kept; empty for memory."""
    return "" if backend == "memory" else str(request.getfixturevalue("database"))


@pytest.fixture
async def client(
    place: str, node_at: Callable[[str], AbstractAsyncContextManager[Node]], registration: Any
) -> AsyncIterator[Client]:
    """Somebody who talks to it."""
    if not place:
        async with in_memory() as client:
            yield client
        return
    async with node_at(place) as node:
        await node.client.ask(Perform(registration, "system"))
        yield node.client


async def forget_after(seconds: int, batch: Any, work: Work) -> None:
    batch.at += seconds * SECOND
    await forget_marks(batch, work)


async def led_to(client: Client, mark: RequestMark = MARK) -> Marked | None:
    recalled = await client.ask(RecallMark(mark))
    assert recalled.mark == mark
    return recalled.found


async def test_a_mark_leads_to_its_order_and_where_that_stands(client: Client) -> None:
    assert await led_to(client) is None
    assert isinstance(await client.ask(JournalOrder(order())), OrderJournalled)
    assert await led_to(client) == Marked(MARK, "p-X-000001", S.INITIALIZED)
    client.publish(OrderChanged("p", "p-X-000001", S.SUBMITTED, 2))
    client.publish(OrderChanged("p", "p-X-000001", S.ACCEPTED, 3))
    assert await led_to(client) == Marked(MARK, "p-X-000001", S.ACCEPTED)
    assert await led_to(client, RequestMark("ann", "key", "other")) == Marked(MARK, "p-X-000001", S.ACCEPTED)
    assert await led_to(client, RequestMark("bob", "key", "digest")) is None


async def test_a_second_order_with_a_mark_is_not_journalled(client: Client) -> None:
    await client.ask(JournalOrder(order()))
    for number, digest in ((2, "digest"), (3, "other")):
        twice = order(number, RequestMark("ann", "key", digest))
        refused = await client.ask(JournalOrder(twice))
        assert isinstance(refused, OrderNotJournalled)
        assert refused.reason == "its mark has led to another order"
        client.publish(OrderChanged("p", twice.client_order_id, S.DENIED, 4, refused.reason))
    assert await led_to(client) == Marked(MARK, "p-X-000001", S.INITIALIZED)


async def test_a_denied_order_keeps_its_mark_with_the_reason(client: Client) -> None:
    client.publish(denial(order()))
    assert await led_to(client) == Marked(MARK, "p-X-000001", S.DENIED, "too much")
    assert isinstance(await client.ask(JournalOrder(order(2))), OrderNotJournalled)
    client.publish(denial(order(3), "again"))
    assert await led_to(client) == Marked(MARK, "p-X-000001", S.DENIED, "too much")


async def test_orders_without_a_mark_have_nothing_to_do_with_each_other(client: Client) -> None:
    for number in (1, 2):
        assert isinstance(await client.ask(JournalOrder(order(number, None))), OrderJournalled)
    assert await led_to(client) is None


@ON_DISK
async def test_two_with_one_mark_in_one_transaction_are_told_apart(node: Node) -> None:
    for number in range(1, 9):
        node.client.send(JournalOrder(order(number, RequestMark("ann", f"{number % 2}", "d"))))
    await node.settled()
    assert len(node.client.heard_of(OrderJournalled)) == 2
    assert len(node.client.heard_of(OrderNotJournalled)) == 6
    kept = await node.rows("SELECT resource FROM idempotency_keys ORDER BY resource")
    assert [row[0] for row in kept] == ["p-X-000001", "p-X-000002"]


@ON_DISK
async def test_a_mark_outlives_the_node_and_all_is_audited_in_the_name_of_its_user(
    node_at: Callable[[str], AbstractAsyncContextManager[Node]], database: str, registration: Any
) -> None:
    async with node_at(database) as node:
        await node.client.ask(Perform(registration, "system"))
        await node.client.ask(JournalOrder(order(1, who="ann")))
        await node.client.ask(JournalOrder(order(2, None, who="bob")))
        node.client.publish(denial(order(3, RequestMark("eve", "k", "d"), who="eve")))
        await node.settled()
    async with node_at(database) as node:
        assert await led_to(node.client) == Marked(MARK, "p-X-000001", S.INITIALIZED)
        assert isinstance(await node.client.ask(JournalOrder(order(4))), OrderNotJournalled)
        audited = await node.rows(
            "SELECT entity, who, row_key FROM audit_log WHERE action = 'insert' AND entity IN"
            " ('orders', 'idempotency_keys', 'order_events') ORDER BY seq"
        )
        assert [(row[0], row[1], json.loads(row[2])[-1]) for row in audited] == [
            ("idempotency_keys", "ann", "key"),
            ("orders", "ann", "p-X-000001"),
            ("orders", "bob", "p-X-000002"),
            ("idempotency_keys", "eve", "k"),
            ("orders", "eve", "p-X-000003"),
            ("order_events", "risk", 1),
        ]
        assert await node.verify() == ()


@ON_DISK
async def test_marks_are_forgotten_when_they_are_old_and_not_before(node: Node) -> None:
    await node.client.ask(JournalOrder(order()))

    for seconds, left in ((KEPT_S - 60, 1), (KEPT_S + 60, 0)):
        node.keeper.writer.put(Work(partial(forget_after, seconds), Steps(), "persistence", 0))
        await node.keeper.writer.flushed()
        assert [row[0] for row in await node.rows("SELECT count(*) FROM idempotency_keys")] == [left]
    assert await node.verify() == ()
    assert await led_to(node.client) is None
