"""The journal keeps every fact about orders, and folds them into records when asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from actors.journal import MemoryJournal
from lts.domain.financing import FinancingCharged
from lts.domain.journal import (
    DepositsRecalled,
    ProgressRecalled,
    RecallDeposits,
    RecallOrders,
    RecallProgress,
    RecallTradingStates,
)
from lts.domain.order_flow import JournalOrder, OrderChanged, OrderDenied, OrderJournalled
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Terms
from lts.domain.reconciliation import CursorMoved, CursorRecalled, PositionAdjusted, RecallCursor
from lts.domain.risk import (
    JournalTradingState,
    TradingState,
    TradingStateChanged,
    TradingStateJournalled,
)
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
        for state in (halted, reducing, active):
            assert await bench.ask(JournalTradingState(state)) == TradingStateJournalled(state)
        assert set((await bench.ask(RecallTradingStates())).states) == {active, reducing}


async def test_terms_and_ids_of_the_venue_are_kept() -> None:
    terms = Terms(Decimal(12), Decimal(99))
    async with journal() as bench:
        await keep(bench, ORDER)
        await bench.hear(
            changed(S.SUBMITTED, BEGIN),
            OrderChanged("test", ORDER.client_order_id, S.ACCEPTED, BEGIN, venue_order_id="v1"),
            changed(S.PENDING_UPDATE, BEGIN),
            OrderChanged("test", ORDER.client_order_id, S.ACCEPTED, BEGIN, "", "v2", terms),
            OrderChanged("test", ORDER.client_order_id, S.ACCEPTED, BEGIN, "", "v3"),
        )
        (record,) = await recalled(bench)
        assert (record.terms, record.venue_ids) == (terms, ("v1", "v2", "v3"))
        assert [status for status, _ in record.history] == [
            S.INITIALIZED,
            S.SUBMITTED,
            S.ACCEPTED,
            S.PENDING_UPDATE,
            S.ACCEPTED,
        ]


async def test_a_late_fill_is_kept_and_the_order_stays_closed() -> None:
    desk = WatchfulDesk()
    async with journal() as bench:
        await keep(bench, ORDER)
        late = desk.fill(ORDER, 4)
        await bench.hear(changed(S.SUBMITTED, BEGIN), changed(S.CANCELED, BEGIN), late, late)
        (record,) = await recalled(bench)
        assert (record.status, record.filled) == (S.CANCELED, Decimal(4))


async def test_what_was_booked_comes_back_in_the_order_in_which_it_was_journalled() -> None:
    desk = WatchfulDesk()
    other = market_order(number=2, broker="b")
    adjusted = PositionAdjusted("test", "TEST", "b", Decimal(3), Decimal(100), "1: r", "why", BEGIN)
    async with journal() as bench:
        await keep(bench, ORDER, other)
        one, two = desk.fill(other, 4), desk.fill(ORDER, 4)
        await bench.hear(changed(S.SUBMITTED, BEGIN), changed(S.SUBMITTED, BEGIN, other), one, adjusted, two)
        assert (await bench.ask(RecallOrders())).booked == (one.fill, adjusted, two.fill)
        assert (await bench.ask(RecallOrders(broker="b"))).booked == (one.fill, adjusted)
        assert (await bench.ask(RecallOrders(portfolio="none"))).booked == ()


async def test_what_was_charged_comes_back_to_whom_it_concerns() -> None:
    charged = [
        FinancingCharged(portfolio, broker, "TEST", Decimal(-1), "USD", "1", BEGIN)
        for portfolio, broker in (("test", "b"), ("other", "b"), ("test", "c"))
    ]
    async with journal() as bench:
        await bench.hear(*charged)
        assert (await bench.ask(RecallOrders())).financing == tuple(charged)
        assert (await bench.ask(RecallOrders(broker="b"))).financing == tuple(charged[:2])
        assert (await bench.ask(RecallOrders("test", "c"))).financing == (charged[2],)
        assert (await bench.ask(RecallOrders())).booked == ()


async def test_the_last_cursor_of_each_venue_is_kept() -> None:
    async with journal() as bench:
        assert await bench.ask(RecallCursor("test")) == CursorRecalled("")
        await bench.hear(CursorMoved("test", "7", 1), CursorMoved("b", "3", 1), CursorMoved("test", "8", 2))
        assert await bench.ask(RecallCursor("test")) == CursorRecalled("8")
        assert await bench.ask(RecallCursor("b")) == CursorRecalled("3")


async def test_a_memory_has_nothing_of_before() -> None:
    async with journal() as bench:
        assert await bench.ask(RecallDeposits("test")) == DepositsRecalled()
        assert await bench.ask(RecallProgress("feed")) == ProgressRecalled()
