"""The audit is listed by number, found by what it is about, and proved on demand while the node goes on."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, text

from actors.persistence import guard, upkeep
from actors.persistence.listings import audit
from bus import pause
from lts.domain.audit import AuditListed, AuditNotVerified, AuditVerified, ListAudit, VerifyAudit
from lts.domain.event_listings import EventsGone, EventsListed, ListEvents
from lts.domain.listings import NotListed, mark
from lts.domain.order_flow import JournalOrder, OrderChanged
from lts.domain.order_listings import ListOrders
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, OrderType, Side, TimeInForce
from lts.domain.units import Perform, Performed, PutUser, RecordRead

pytestmark = pytest.mark.requirement("INT-010", "INT-5.3", "LTS-003")

BEGIN = 1_700_000_000_000_000_000
FOREVER = BEGIN * 2


def order(number: int) -> ApprovedOrder:
    market = OrderType.MARKET, None, TimeInForce.GTC
    return ApprovedOrder(f"p-X-{number:06}", "p", "X", "venue", Side.BUY, Decimal(1), *market, BEGIN + number)


async def trade(node: Any, numbers: range) -> None:
    for number in numbers:
        name = order(number).client_order_id
        node.client.send(JournalOrder(order(number)))
        node.client.publish(OrderChanged("p", name, OrderStatus.SUBMITTED, BEGIN))
        node.client.publish(OrderChanged("p", name, OrderStatus.REJECTED, BEGIN + 1, "no"))
    await node.settled()


async def listed(node: Any, wanted: ListAudit) -> list[Any]:
    """Go through the audit to its beginning."""
    found: list[Any] = []
    while True:
        answer = await node.client.ask(wanted)
        assert isinstance(answer, AuditListed)
        found += answer.entries
        if not answer.next:
            return found
        wanted = msgspec.structs.replace(wanted, after=answer.next)


async def record(node: Any, *commands: Any, who: str = "ann") -> None:
    assert await node.client.ask(Perform(commands, who)) == Performed()


async def test_the_audit_is_listed_latest_first_and_filtered(node: Any, monkeypatch: Any) -> None:
    await record(node, RecordRead("audit_log", "to look at it"), PutUser("eve"))
    await trade(node, range(10))
    whole = await listed(node, ListAudit(limit=500))
    numbers = [each.seq for each in whole]
    assert numbers == [*range(numbers[0], 0, -1)]
    filters: tuple[tuple[ListAudit, Callable[[Any], bool]], ...] = (
        (ListAudit(entity="users"), lambda e: e.entity == "users"),
        (ListAudit(entity="users", who="ann"), lambda e: (e.entity, e.who) == ("users", "ann")),
        (ListAudit(who="ann"), lambda e: e.who == "ann"),
        (ListAudit(action="read"), lambda e: e.action == "read"),
        (ListAudit("orders", "desk", "update"), lambda e: (e.entity, e.action) == ("orders", "update")),
        (ListAudit(since=whole[9].at, until=whole[0].at + 1), lambda e: e.at >= whole[9].at),
        (ListAudit(entity="nothing"), lambda _: False),
    )  # fmt: skip
    for looked_at in (audit.LOOKED_AT, 13):
        monkeypatch.setattr(audit, "LOOKED_AT", looked_at)
        for wanted, holds in filters:
            for limit in (3, 500):
                found = await listed(node, msgspec.structs.replace(wanted, limit=limit))
                assert found == [each for each in whole if holds(each)], wanted
    read = next(each for each in whole if each.action == "read")
    assert (read.who, read.entity, read.after) == ("ann", "audit_log", '{"why":"to look at it"}')
    assert isinstance(await node.client.ask(ListAudit(after=mark(("x",)))), NotListed)


async def test_what_is_not_about_orders_is_found_by_an_index(node: Any, backend: str) -> None:
    sent: list[tuple[str, Any]] = []
    engine = node.keeper.engine

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    indexes = {
        ListAudit(entity="users"): "ix_audit_log_entity",
        ListAudit(who="ann"): "ix_audit_log_who",
    }
    for wanted, index in indexes.items():
        sent.clear()
        event.listen(engine.sync_engine, "before_cursor_execute", note)
        await node.client.ask(wanted)
        event.remove(engine.sync_engine, "before_cursor_execute", note)
        [asked] = [each for each in sent if each[0].startswith("SELECT audit_log.seq, audit_log.at")]
        async with engine.connect() as connection:
            if backend == "sqlite":
                explain = "EXPLAIN QUERY PLAN "
            else:
                explain = "EXPLAIN "
                await connection.execute(text("SELECT set_config('enable_seqscan', 'off', true)"))
                await connection.execute(text("SELECT set_config('enable_bitmapscan', 'off', true)"))
            plan = str((await connection.exec_driver_sql(explain + asked[0], tuple(asked[1]))).all())
        assert index in plan or (backend != "sqlite" and "pk_audit_log" in plan)


async def test_all_is_proved_while_orders_are_kept(node: Any) -> None:
    await trade(node, range(5))
    proving = asyncio.ensure_future(node.client.ask(VerifyAudit(), within=60))
    await pause(0)
    second = await node.client.ask(VerifyAudit())
    await trade(node, range(5, 25))
    report = await proving
    assert isinstance(second, AuditNotVerified)
    assert isinstance(report, AuditVerified)
    assert (report.ok, report.findings) == (True, ())
    assert report.rows > 20
    assert len((await node.client.ask(ListOrders())).orders) == 25


async def test_what_was_altered_is_found(node: Any) -> None:
    await trade(node, range(3))
    async with node.keeper.engine.connect() as connection:
        with guard.unit(connection):
            async with connection.begin():
                await connection.execute(text("UPDATE audit_log SET who = 'nobody' WHERE seq = 3"))
    report = await node.client.ask(VerifyAudit(), within=60)
    assert not report.ok
    assert report.found == len(report.findings) > 0


async def test_events_that_a_retention_dropped_are_gone_and_the_others_are_not(
    node_at: Callable[[str], AbstractAsyncContextManager[Any]], database: str, registration: Any
) -> None:
    async with node_at(database) as node:
        assert await node.client.ask(Perform(registration, "system")) == Performed()
        await trade(node, range(5))
        end = (await node.client.ask(ListEvents())).last
        storage = node.storage
    await upkeep.retain(storage, FOREVER, "operator")
    async with node_at(database) as node:
        await trade(node, range(5, 7))
        gone = await node.client.ask(ListEvents(0))
        assert isinstance(gone, EventsGone)
        assert gone.begin >= end
        left = await node.client.ask(ListEvents(gone.begin))
        assert isinstance(left, EventsListed)
        assert [each.type for each in left.events] == [
            "OrderJournalled/1",
            "OrderChanged/1",
            "OrderChanged/1",
        ] * 2
        assert left.through == left.last


async def test_events_of_orders_that_were_archived_are_told_all_the_same(
    node_at: Callable[[str], AbstractAsyncContextManager[Any]], database: str, registration: Any
) -> None:
    async with node_at(database) as node:
        assert await node.client.ask(Perform(registration, "system")) == Performed()
        await trade(node, range(4))
        before = await node.client.ask(ListEvents(0))
        storage = node.storage
    await upkeep.archive(storage, FOREVER, "operator")
    async with node_at(database) as node:
        assert (await node.client.ask(ListOrders())).orders == ()
        after = await node.client.ask(ListEvents(0))
        assert after.events == before.events
        assert after.through == after.last > before.last
