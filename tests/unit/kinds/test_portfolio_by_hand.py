"""A portfolio proposes what its owner enters by hand, counts on it like on its own, and protects it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from lts.config.schema import ProtectionPlan
from lts.domain.journal import RecallOrders
from lts.domain.market import Instrument
from lts.domain.order_entry import EntryAnswered, EntryCode
from lts.domain.order_flow import OrderDenied, OrderProposed
from lts.domain.order_ticket import OrderTicket
from lts.domain.orders import Order, OrderType, Side
from lts.kinds.portfolio import PortfolioAssignment
from lts.sdk import SignalRaised, TimeInForce
from lts.testing import Bench, WatchfulDesk, bars
from plugins.portfolio.fixed_quantity.plugin import FixedQuantity
from tests.hands import BY_ANN, entered, ticket

pytestmark = pytest.mark.requirement("INT-011", "INT-4.6", "LTS-003")

BUY, SELL = Side.BUY, Side.SELL
STOP, LIMIT = OrderType.STOP, OrderType.LIMIT
STEP = Decimal("0.5")
CONTRACT = Instrument("TEST", "USD", STEP, STEP, min_notional=Decimal(40))
PLAIN = PortfolioAssignment("test", "ann", "USD", Decimal(100_000), {"TEST": CONTRACT}, {"TEST": "test"})
PLAN = ProtectionPlan(stop_loss_bps=Decimal(200), take_profit_bps=Decimal(400))
PROTECTED = PortfolioAssignment(
    "test", "ann", "USD", Decimal(100_000), {"TEST": CONTRACT}, {"TEST": "test"}, {"TEST": PLAN}
)
HEDGED = PortfolioAssignment(
    "test",
    "ann",
    "USD",
    Decimal(100_000),
    {"TEST": CONTRACT},
    {"TEST": "test"},
    {"trend": PLAN},
    {"trend": "TEST"},
)


class Scene:
    """A portfolio of ten, its owner, and the desk."""

    def __init__(self, bench: Bench[FixedQuantity], desk: WatchfulDesk) -> None:
        self.bench, self.desk = bench, desk

    @property
    def orders(self) -> list[Order]:
        return [proposed.order for proposed in self.bench.published(OrderProposed)]

    async def enter(self, wanted: OrderTicket) -> list[Order]:
        return await self._new(entered(wanted))

    async def wish(self, target: float, asset: str = "") -> list[Order]:
        return await self._new(SignalRaised("test", "TEST", target, "the test", asset=asset))

    async def refusal(self, wanted: OrderTicket) -> tuple[EntryCode | None, str]:
        assert await self.enter(wanted) == []
        answer = self.bench.published(EntryAnswered)[-1]
        assert (answer.portfolio, answer.number, answer.client_order_id) == ("test", BY_ANN.number, "")
        return answer.code, answer.reason

    async def fill(self, order: Order, quantity: int | None = None) -> None:
        await self.bench.hear(self.desk.fill(order, quantity))

    async def _new(self, message: Any) -> list[Order]:
        before = len(self.orders)
        await self.bench.hear(message)
        await self.bench.advance(0)
        for order in self.orders[before:]:
            self.desk.place(order)
        return self.orders[before:]


@asynccontextmanager
async def portfolio(
    assignment: PortfolioAssignment = PLAIN, closes: tuple[float, ...] = (100,)
) -> AsyncIterator[Scene]:
    desk = WatchfulDesk()
    answers: dict[Any, Any] = {RecallOrders: desk.recall}
    async with Bench(FixedQuantity, {"quantity": "10"}, assignment=assignment, answers=answers) as bench:
        await bench.hear(*bars(closes))
        yield Scene(bench, desk)


async def test_what_is_entered_is_proposed_as_it_was_said_under_the_next_id() -> None:
    async with portfolio() as it:
        await it.wish(1.0)
        wanted = ticket(
            "2.5", "99.5", side=SELL, time_in_force=TimeInForce.GTD, expires_at=2**62, post_only=True
        )
        [order] = await it.enter(wanted)
        assert order.client_order_id == "test-TEST-000002"
        assert (order.portfolio, order.broker, order.created_at) == ("test", "test", it.bench.now)
        assert (order.terms, order.side, order.expires_at) == (wanted.terms, SELL, 2**62)
        assert order.post_only
        assert order.entered is BY_ANN


async def test_a_signal_brings_about_what_it_wants_beside_what_was_entered() -> None:
    async with portfolio() as it:
        [resting] = await it.enter(ticket(4, 90))
        [own] = await it.wish(1.0)
        assert (own.side, own.quantity) == (BUY, Decimal(6))
        await it.fill(own)
        await it.fill(resting)
        assert await it.wish(1.0) == []
        [sold] = await it.enter(ticket(3, side=SELL))
        await it.fill(sold)
        [back] = await it.wish(1.0)
        assert (back.side, back.quantity) == (BUY, Decimal(3))


async def test_what_was_entered_and_denied_is_counted_on_no_longer() -> None:
    async with portfolio() as it:
        [order] = await it.enter(ticket(4))
        await it.bench.hear(OrderDenied("test", order, "no", it.bench.now))
        [own] = await it.wish(1.0)
        assert own.quantity == 10


@pytest.mark.parametrize(
    ("wanted", "code", "reason"),
    [
        (ticket(instrument="GOLD"), EntryCode.UNKNOWN_INSTRUMENT, "does not trade GOLD"),
        (ticket(0), EntryCode.INVALID, "not a positive number"),
        (ticket("1.2"), EntryCode.INVALID, "no whole number of lots"),
        (ticket(1, "99.7"), EntryCode.INVALID, "no whole number of ticks"),
        (ticket("0.5", 50), EntryCode.INVALID, "less than the minimum of 40"),
        (ticket(limit_price=Decimal(5)), EntryCode.INVALID, "takes no limit_price"),
        (ticket(time_in_force=TimeInForce.GTD), EntryCode.INVALID, "needs expires_at"),
        (ticket(post_only=True), EntryCode.INVALID, "post-only"),
        (ticket(position="mine"), EntryCode.INVALID, "netted"),
        (ticket(asset="trend"), EntryCode.INVALID, "netted"),
        (ticket(1, 100, stop_loss=Decimal(101)), EntryCode.INVALID, "has to be below 100"),
        (ticket(1, 100, take_profit=Decimal(100)), EntryCode.INVALID, "has to be above 100"),
        (ticket(1, 100, side=SELL, stop_loss=Decimal(99)), EntryCode.INVALID, "has to be above 100"),
        (ticket(1, 100, stop_loss=Decimal("98.7")), EntryCode.INVALID, "whole number of ticks"),
        (ticket(1, 100, stop_loss=Decimal(98), reduce_only=True), EntryCode.INVALID, "opens nothing"),
    ],
)
async def test_what_contradicts_itself_or_the_contract_is_not_even_proposed(
    wanted: OrderTicket, code: EntryCode, reason: str
) -> None:
    async with portfolio() as it:
        refused, said = await it.refusal(wanted)
        assert refused is code
        assert reason in said
        [order] = await it.enter(ticket())
        assert order.client_order_id == "test-TEST-000001"  # a refusal takes no number


async def test_an_entry_into_a_protected_place_is_protected_from_its_own_price() -> None:
    async with portfolio(PROTECTED) as it:
        entry, stop, profit = await it.enter(ticket(4, 50))
        assert (stop.type, stop.trigger_price, profit.type, profit.limit_price) == (
            STOP,
            Decimal(49),
            LIMIT,
            Decimal(52),
        )
        assert {stop.quantity, profit.quantity} == {Decimal(4)}
        assert stop.parent == profit.group == entry.client_order_id
        assert stop.entered is None


async def test_only_what_it_opens_is_protected() -> None:
    async with portfolio(PROTECTED) as it:
        await it.fill((await it.wish(1.0))[0])
        assert len(await it.enter(ticket(10, side=SELL, reduce_only=True))) == 1
        turned = await it.enter(ticket(4, side=SELL))
        assert [each.quantity for each in turned] == [Decimal(4)] * 3


async def test_nothing_is_entered_that_could_not_be_protected() -> None:
    async with portfolio(PROTECTED, ()) as it:
        code, reason = await it.refusal(ticket())
        assert (code, "no price of TEST" in reason) == (EntryCode.INVALID, True)


async def test_exits_of_the_ticket_take_the_place_of_those_of_the_plan() -> None:
    async with portfolio(PROTECTED) as it:
        _, stop, profit = await it.enter(ticket(4, 100, stop_loss=Decimal(90)))
        assert (stop.trigger_price, profit.limit_price) == (Decimal(90), Decimal(104))
        _, profit, stop = await it.enter(ticket(4, 100, take_profit=Decimal(120)))
        assert (stop.trigger_price, profit.limit_price) == (Decimal(98), Decimal(120))


async def test_a_ticket_can_have_exits_where_nothing_else_is_protected() -> None:
    async with portfolio() as it:
        entry, stop, profit = await it.enter(ticket(4, stop_loss=Decimal(90), take_profit=Decimal(120)))
        await it.fill(entry)
        assert (stop.reduce_only, profit.reduce_only, stop.group) == (True, True, profit.group)
        [own] = await it.wish(1.0)
        assert own.quantity == 6


@pytest.mark.parametrize(
    ("wanted", "place", "exits"),
    [
        (ticket(asset="trend"), "trend:long", 2),
        (ticket(asset="trend", side=SELL), "trend:short", 2),
        (ticket(asset="trend", side=SELL, reduce_only=True), "trend:long", 0),
        (ticket(asset="trend", reduce_only=True), "trend:short", 0),
        (ticket(position="mine"), "mine", 0),
        (ticket(), "test-TEST-000001", 0),
    ],
)
async def test_in_an_account_that_hedges_it_has_a_place(wanted: OrderTicket, place: str, exits: int) -> None:
    async with portfolio(HEDGED) as it:
        orders = await it.enter(wanted)
        assert len(orders) == 1 + exits
        assert {order.position for order in orders} == {place}


async def test_a_leg_that_was_opened_by_hand_counts_for_its_asset() -> None:
    async with portfolio(HEDGED) as it:
        entry, *_ = await it.enter(ticket(4, asset="trend"))
        await it.fill(entry)
        own, *_ = await it.wish(1.0, "trend")
        assert (own.position, own.quantity) == ("trend:long", Decimal(6))


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (ticket(asset="other"), "no asset other"),
        (ticket(asset="trend", position="mine"), "not both"),
    ],
)
async def test_there_has_to_be_such_a_place(wanted: OrderTicket, reason: str) -> None:
    async with portfolio(HEDGED) as it:
        code, said = await it.refusal(wanted)
        assert (code, reason in said) == (EntryCode.INVALID, True)


async def test_a_portfolio_that_is_born_again_counts_on_what_was_entered_before() -> None:
    async with portfolio() as it:
        await it.enter(ticket(4, 90))
        await it.bench.restart()
        [own] = await it.wish(1.0)
        assert (own.client_order_id, own.quantity) == ("test-TEST-000002", Decimal(6))
        assert msgspec.structs.asdict(own)["entered"] is None
