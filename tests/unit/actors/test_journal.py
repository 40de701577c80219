"""The journal keeps every fact about orders, and folds them into records when asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actors.journal import MemoryJournal
from lts.domain.journal import RecallOrders, RecallTradingStates
from lts.domain.order_flow import JournalOrder, OrderChanged, OrderDenied, OrderJournalled
from lts.domain.orders import ApprovedOrder, OrderRecord, OrderStatus
from lts.domain.risk import TradingState, TradingStateChanged
from lts.testing import BEGIN, Bench, WatchfulDesk, market_order

pytestmark = pytest.mark.requirement("INT-001", "INT-5.1", "LTS-003")

S = OrderStatus
ORDER = market_order(quantity=10)

Journal = Bench[MemoryJournal]


@asynccontextmanager
async def journal() -> AsyncIterator[Journal]:
    async with Bench(MemoryJournal) as bench:
        yield bench


async def keep(bench: Journal, *orders: ApprovedOrder) -> None:
    for order in orders:
        assert await bench.ask(JournalOrder(order)) == OrderJournalled(order)


async def recalled(bench: Journal, wanted: RecallOrders | None = None) -> list[OrderRecord]:
    return list((await bench.ask(wanted or RecallOrders())).records)


def changed(status: OrderStatus, at: int, order: ApprovedOrder = ORDER) -> OrderChanged:
    return OrderChanged(order.portfolio, order.client_order_id, status, at)


async def test_what_is_kept_is_recalled_with_all_that_became_of_it() -> None:
    desk = WatchfulDesk()
    async with journal() as bench:
        await keep(bench, ORDER)
        await bench.hear(changed(S.SUBMITTED, BEGIN + 1), changed(S.ACCEPTED, BEGIN + 2))
        fills = [desk.fill(ORDER, 4, at=BEGIN + 3), desk.fill(ORDER, 6, at=BEGIN + 4)]
        await bench.hear(*fills)
        (record,) = await recalled(bench)
        assert record.order == ORDER
        assert record.history == [
            (S.INITIALIZED, BEGIN),
            (S.SUBMITTED, BEGIN + 1),
            (S.ACCEPTED, BEGIN + 2),
            (S.PARTIALLY_FILLED, BEGIN + 3),
            (S.FILLED, BEGIN + 4),
        ]
        assert record.fills == tuple(each.fill for each in fills)


async def test_orders_come_back_oldest_first_by_portfolio_or_broker_or_all() -> None:
    one, two = market_order(number=2, portfolio="one"), market_order(number=1, portfolio="two", broker="b")
    three = market_order(number=1, portfolio="one", broker="b")
    async with journal() as bench:
        await keep(bench, one, two, three)
        wanted = {
            RecallOrders(): [one, two, three],
            RecallOrders(portfolio="one"): [one, three],
            RecallOrders(broker="b"): [two, three],
            RecallOrders(portfolio="one", broker="b"): [three],
            RecallOrders(portfolio="none"): [],
        }
        for request, orders in wanted.items():
            assert [record.order for record in await recalled(bench, request)] == orders


async def test_records_belong_to_whoever_asked() -> None:
    async with journal() as bench:
        await keep(bench, ORDER)
        (record,) = await recalled(bench)
        record.advance(S.SUBMITTED, BEGIN)
        (again,) = await recalled(bench)
        assert again.status is S.INITIALIZED


async def test_a_denied_order_is_kept_although_it_was_never_journalled() -> None:
    async with journal() as bench:
        await bench.hear(OrderDenied("test", ORDER, "too large", BEGIN + 1))
        (record,) = await recalled(bench)
        assert (record.status, record.history[-1]) == (S.DENIED, (S.DENIED, BEGIN + 1))


async def test_the_denial_of_a_duplicate_leaves_the_order_itself_alone() -> None:
    async with journal() as bench:
        await keep(bench, ORDER)
        await bench.hear(changed(S.SUBMITTED, BEGIN))
        await bench.hear(OrderDenied("test", ORDER, f"duplicate of {ORDER.client_order_id}", BEGIN + 1))
        (record,) = await recalled(bench)
        assert record.status is S.SUBMITTED


async def test_the_last_trading_state_of_each_scope_is_kept() -> None:
    halted = TradingStateChanged("system", TradingState.HALTED, "why", 1)
    active = TradingStateChanged("system", TradingState.ACTIVE, "why not", 2)
    reducing = TradingStateChanged("portfolio:one", TradingState.REDUCING, "slowly", 3)
    async with journal() as bench:
        assert (await bench.ask(RecallTradingStates())).states == ()
        await bench.hear(halted, reducing, active)
        assert set((await bench.ask(RecallTradingStates())).states) == {active, reducing}
