"""In an account that hedges, risk counts each position by itself, and all of them against limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.risk import RiskGate
from lts.config.schema import RiskPlan
from lts.domain.journal import RecallOrders
from lts.domain.order_flow import (
    ModificationApproved,
    ModificationDenied,
    ModifyOrder,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderProposed,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, Side, Terms
from lts.domain.register import Register
from lts.domain.risk import GetExposure, TradingState, TradingStateChanged
from lts.testing import BEGIN, TEST, Bench, WatchfulDesk, bars, limit_order, market_order

pytestmark = pytest.mark.requirement("INT-4.6", "INT-018")

BUY, SELL = Side.BUY, Side.SELL
OWNERS = {"test": "tess"}
CAPITAL = {"test": Decimal(10_000)}
HEDGES = Register({"TEST": TEST}, OWNERS, {}, CAPITAL, frozenset({"test"}))
NETS = Register({"TEST": TEST}, OWNERS, {}, CAPITAL)


class Scene:
    """A gate, a desk, and numbers for orders."""

    def __init__(self, bench: Bench[RiskGate], desk: WatchfulDesk) -> None:
        self.bench, self.desk, self.number = bench, desk, 0

    async def propose(self, side: Side, quantity: int, position: str = "", **fields: Any) -> Order | str:
        """The order as it is let pass, or why it is not."""
        self.number += 1
        order = market_order(side, quantity, number=self.number)
        order = msgspec.structs.replace(order, position=position, **fields)
        before = len(self.bench.said)
        await self.bench.hear(OrderProposed("test", order))
        match self.bench.said[before:]:
            case [OrderApproved(order=approved)]:
                return approved
            case [OrderDenied(reason=reason)]:
                return reason
        raise AssertionError(self.bench.said[before:])

    async def trade(self, side: Side, quantity: int, position: str) -> None:
        order = await self.propose(side, quantity, position)
        assert isinstance(order, ApprovedOrder), order
        await self.bench.hear(self.desk.fill(order))

    async def held(self) -> dict[str, int]:
        report = await self.bench.ask(GetExposure("system"))
        return {each.position: int(each.quantity) for each in report.held}


@asynccontextmanager
async def gate(register: Register = HEDGES, **limits: Any) -> AsyncIterator[Scene]:
    desk = WatchfulDesk()
    plan, answers = RiskPlan(**limits), {RecallOrders: desk.recall}
    async with Bench(RiskGate, plan, assignment=register, answers=answers) as bench:
        await bench.hear(*bars([100], begin=BEGIN - 60 * 10**9))
        yield Scene(bench, desk)


async def test_where_positions_are_netted_no_order_names_one() -> None:
    async with gate(NETS) as it:
        said = await it.propose(BUY, 1, "p")
        assert said == "positions are netted in account:test, and an order there names none"
        order = await it.propose(BUY, 1)
        assert isinstance(order, ApprovedOrder)
        assert order.position == ""


async def test_an_order_without_a_position_opens_one_under_its_own_id() -> None:
    async with gate() as it:
        order = await it.propose(BUY, 1)
        assert isinstance(order, ApprovedOrder)
        assert order.position == order.client_order_id


async def test_an_order_closes_a_position_and_never_turns_it() -> None:
    async with gate() as it:
        await it.trade(BUY, 10, "p")
        await it.trade(SELL, 4, "q")
        assert await it.held() == {"p": 10, "q": -4}
        assert await it.propose(SELL, 11, "p") == "it goes beyond flat: position p holds 10"
        order = await it.propose(SELL, 10, "p")
        assert isinstance(order, ApprovedOrder)
        assert order.reduce_only
        await it.bench.hear(it.desk.fill(order))
        assert await it.held() == {"q": -4}


async def test_a_modification_does_not_turn_a_position_either() -> None:
    async with gate() as it:
        await it.trade(BUY, 5, "q")  # so that there is a price, and something beside
        order = msgspec.structs.replace(limit_order(SELL, 3, 101, number=50), position="p")
        await it.bench.hear(OrderProposed("test", order))
        await it.bench.hear(OrderChanged("test", order.client_order_id, OrderStatus.ACCEPTED, BEGIN))
        more = Terms(Decimal(9), Decimal(101))
        answer = await it.bench.ask(ModifyOrder(order.client_order_id, more))
        assert isinstance(answer, ModificationApproved)
        other = msgspec.structs.replace(limit_order(BUY, 3, 99, number=51), position="p")
        await it.bench.hear(OrderProposed("test", other))
        assert it.bench.published(OrderDenied)[-1].reason == (
            "orders on the other side of position p are under way"
        )
        answer = await it.bench.ask(ModifyOrder("nobody", more))
        assert isinstance(answer, ModificationDenied)


async def test_the_gross_limit_counts_both_sides_and_the_net_limit_what_is_left() -> None:
    async with gate(max_exposure="1500", max_net_exposure="600", max_position="6") as it:
        await it.trade(BUY, 5, "p")
        await it.trade(SELL, 5, "q")
        assert await it.propose(BUY, 6, "r") == "max_exposure: 1600 > 1500"
        await it.trade(BUY, 5, "r")
        assert await it.propose(BUY, 2, "r") == "max_position: 7 > 6"
        assert isinstance(await it.propose(SELL, 5, "r", reduce_only=True), ApprovedOrder)
        assert await it.propose(SELL, 2, "q") == "max_exposure: 1700 > 1500"


async def test_what_is_held_against_another_position_counts_alone_while_that_one_is_closed() -> None:
    async with gate(max_position="10") as it:
        await it.trade(BUY, 10, "long")
        closing = await it.propose(SELL, 10, "long", reduce_only=True)
        assert isinstance(closing, ApprovedOrder)
        assert await it.propose(SELL, 12, "short") == "max_position: 12 > 10"
        assert isinstance(await it.propose(SELL, 10, "short"), ApprovedOrder)


async def test_who_may_only_reduce_may_reduce_each_side() -> None:
    async with gate() as it:
        await it.trade(BUY, 5, "p")
        await it.trade(SELL, 5, "q")
        reducing = TradingStateChanged("system", TradingState.REDUCING, "the test", BEGIN)
        await it.bench.hear(reducing)
        assert "is reducing" in str(await it.propose(BUY, 1, "r"))
        assert "is reducing" in str(await it.propose(SELL, 1, "q"))
        assert isinstance(await it.propose(SELL, 5, "p"), ApprovedOrder)
        assert isinstance(await it.propose(BUY, 5, "q"), ApprovedOrder)


async def test_two_strategies_that_want_the_same_are_no_duplicates() -> None:
    async with gate(duplicate_window_s="60") as it:
        assert isinstance(await it.propose(BUY, 1, "p"), ApprovedOrder)
        assert isinstance(await it.propose(BUY, 1, "q"), ApprovedOrder)
        assert "the same order was approved" in str(await it.propose(BUY, 1, "q"))
        assert isinstance(await it.propose(BUY, 1), ApprovedOrder)
        assert "the same order was approved" in str(await it.propose(BUY, 1))


async def test_a_restart_finds_every_position() -> None:
    async with gate() as it:
        await it.trade(BUY, 10, "p")
        await it.trade(SELL, 4, "q")
        await it.bench.restart()
        await it.bench.hear(*bars([100], begin=it.bench.now))
        assert await it.held() == {"p": 10, "q": -4}
        assert await it.propose(BUY, 5, "q") == "it goes beyond flat: position q holds 4"
