"""Risk judges what is in another currency by what it is worth in the portfolio's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.risk import RiskGate
from lts.config.schema import RiskPlan
from lts.domain.conversion import Conversion, Conversions
from lts.domain.financing import FinancingCharged
from lts.domain.journal import BalanceSnapshot, OrdersRecalled, RecallOrders
from lts.domain.market import Quote, Trade
from lts.domain.order_flow import ModificationDenied, ModifyOrder, OrderDenied, OrderProposed
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, Side, Terms
from lts.domain.positions import Position
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.register import Register
from lts.domain.risk import LimitBreached
from lts.domain.streams import DataResumed, DataStale
from lts.testing import TEST, Bench, WatchfulDesk, limit_order, market_order

pytestmark = pytest.mark.requirement("INT-4.6", "INT-018")

DE = msgspec.structs.replace(TEST, symbol="DE", currency="EUR")
REGISTER = Register(
    {"TEST": TEST, "DE": DE},
    {"test": "tess"},
    {("test", "TEST"): ("test",), ("test", "DE"): ("test",)},
    {"test": Decimal(1000)},
    currencies={"test": "USD"},
    conversions=Conversions([Conversion("EUR", "USD", instrument="EURUSD")]),
)
HEDGES = msgspec.structs.replace(REGISTER, hedging=frozenset({"test"}))


class Gate:
    """A gate that has seen both instruments at 100, and the desk behind it."""

    def __init__(self, bench: Bench[RiskGate]) -> None:
        self.bench = bench
        self.desk = WatchfulDesk(currency="EUR")

    async def price(self, symbol: str, price: float) -> None:
        await self.bench.hear(Trade(symbol, self.bench.now, price, 1))

    async def judge(self, order: Order) -> str:
        before = len(self.bench.published(OrderDenied))
        await self.bench.hear(OrderProposed("test", order))
        return "".join(each.reason for each in self.bench.published(OrderDenied)[before:])

    async def hold(self, order: Order, rate: str = "2") -> None:
        assert await self.judge(order) == ""
        self.desk.place(order)
        await self.bench.hear(self.desk.close(order, OrderStatus.ACCEPTED))
        filled = self.desk.fill(order, price=100, at=self.bench.now)
        fill = msgspec.structs.replace(filled.fill, rate=Decimal(rate))
        await self.bench.hear(msgspec.structs.replace(filled, fill=fill))

    @property
    def breaches(self) -> list[str]:
        return [each.reason for each in self.bench.published(LimitBreached)]


@asynccontextmanager
async def gate(
    rate: float | None = 2.0,
    recalled: OrdersRecalled | None = None,
    register: Register = REGISTER,
    **limits: Any,
) -> AsyncIterator[Gate]:
    plan, answers = RiskPlan.model_validate(limits), {} if recalled is None else {RecallOrders: recalled}
    async with Bench(RiskGate, plan, assignment=register, answers=answers) as bench:
        made = Gate(bench)
        for symbol in ("TEST", "DE"):
            await made.price(symbol, 100)
        if rate is not None:
            await made.price("EURUSD", rate)
        yield made


def buy(quantity: int, number: int = 1, instrument: str = "DE") -> Order:
    return market_order(Side.BUY, quantity, number=number, instrument=instrument)


async def test_without_a_rate_nothing_is_ordered_in_another_currency() -> None:
    async with gate(None) as one:
        said = await one.judge(buy(1))
        assert said == "no rate from EUR to USD is known: no price of EURUSD has been seen"
        assert await one.judge(buy(1, 1, "TEST")) == ""
        await one.price("EURUSD", float("nan"))
        assert "is not a positive number" in await one.judge(buy(1, 2))
        await one.price("EURUSD", 1.1)
        assert await one.judge(buy(1, 3)) == ""


@pytest.mark.parametrize(
    ("bid", "ask", "why"), [(2.1, 2.0, "crossed"), (0.0, 2.0, "a side"), (2.0, -1.0, "")]
)
async def test_while_a_rate_cannot_be_used_there_are_no_entries_and_exits_pass(
    bid: float, ask: float, why: str
) -> None:
    async with gate() as one:
        await one.hold(buy(5))
        await one.bench.hear(Quote("EURUSD", one.bench.now, bid, ask, 1, 1))
        said = await one.judge(buy(1, 2))
        assert said.startswith("no rate from EUR to USD is known: the last quote")
        assert why in said
        assert await one.judge(market_order(Side.SELL, 5, number=3, instrument="DE")) == ""


async def test_while_a_rate_is_stale_there_are_no_entries_and_exits_pass() -> None:
    async with gate() as one:
        await one.hold(buy(5))
        await one.bench.hear(DataStale("EURUSD", one.bench.now, 5))
        assert (await one.judge(buy(1, 2))).startswith("the rate from EUR to USD is too old: nothing has")
        assert await one.judge(buy(1, 1, "TEST")) == ""
        assert await one.judge(market_order(Side.SELL, 5, number=3, instrument="DE")) == ""
        await one.bench.hear(DataResumed("EURUSD", one.bench.now))
        assert await one.judge(buy(1, 4)) == ""


async def test_the_age_of_a_price_is_that_of_its_rate_if_that_is_older() -> None:
    async with gate(max_price_age_s="10") as one:
        await one.bench.advance(seconds=11)
        await one.price("DE", 100)
        assert await one.judge(buy(1)) == "max_price_age_s: the last price is 11 s old"
        await one.price("EURUSD", 2)
        assert await one.judge(buy(1, 2)) == ""


async def test_a_rate_that_cannot_be_used_moves_no_losses() -> None:
    async with gate(max_drawdown_pct="10") as one:
        await one.hold(buy(5))
        await one.price("EURUSD", 2.0)
        for bid, ask in ((0.2, 0.1), (0.0, 0.2)):
            await one.bench.hear(Quote("EURUSD", one.bench.now, bid, ask, 1, 1))
        await one.price("DE", 0.0)
        assert one.breaches == []
        await one.price("EURUSD", 1.5)
        assert len(one.breaches) == 1


async def test_other_terms_need_a_rate_as_well() -> None:
    async with gate() as one:
        order = limit_order(Side.BUY, 1, 99, instrument="DE")
        assert await one.judge(order) == ""
        one.desk.place(order)
        await one.bench.hear(one.desk.close(order, OrderStatus.ACCEPTED))
        await one.price("EURUSD", -1.0)
        answer = await one.bench.ask(ModifyOrder(order.client_order_id, Terms(Decimal(2), Decimal(99))))
        assert isinstance(answer, ModificationDenied)
        assert answer.reason.startswith("no rate from EUR to USD is known")


@pytest.mark.parametrize("limit", ["max_order_value", "max_exposure", "max_net_exposure", "credit_limit"])
async def test_money_is_counted_in_the_portfolios_currency(limit: str) -> None:
    async with gate(2.0, None, REGISTER, **{limit: "1000"}) as one:
        assert await one.judge(buy(5)) == ""
    async with gate(2.0, None, REGISTER, **{limit: "1000"}) as one:
        assert await one.judge(buy(6)) == f"{limit}: 1200 > 1000"
        assert await one.judge(buy(6, 1, "TEST")) == ""


@pytest.mark.parametrize(("limit", "held"), [("max_exposure", 2000), ("max_net_exposure", 0)])
async def test_both_sides_of_a_hedge_count_in_the_portfolios_currency(limit: str, held: int) -> None:
    async with gate(2.0, None, HEDGES, **{limit: "2000"}) as one:
        await one.hold(msgspec.structs.replace(buy(5), position="a:long"))
        sold = market_order(Side.SELL, 5, number=2, instrument="DE")
        await one.hold(msgspec.structs.replace(sold, position="a:short"))
        said = await one.judge(msgspec.structs.replace(buy(15, 3), position="b:long"))
        assert said == f"{limit}: {held + 3000} > 2000"
        await one.price("EURUSD", 0.5)
        said = await one.judge(msgspec.structs.replace(buy(15, 4), position="b:long"))
        assert said == ""


async def test_what_is_held_counts_at_the_latest_rate() -> None:
    async with gate(max_exposure="1000") as one:
        await one.hold(buy(4))
        await one.price("EURUSD", 1.0)
        assert await one.judge(buy(6, 2)) == ""
        assert await one.judge(buy(1, 1, "TEST")) == "max_exposure: 1100 > 1000"


async def test_a_rate_that_falls_is_a_loss() -> None:
    async with gate(max_daily_loss="100") as one:
        await one.hold(buy(2))
        await one.price("EURUSD", 1.5)
        assert one.breaches == []
        await one.price("EURUSD", 1.49)
        assert one.breaches == ["max_daily_loss: 102.00 is lost since the day began, 100 may be"]


async def test_financing_and_fees_are_lost_at_their_rate() -> None:
    charged = FinancingCharged("test", "test", "DE", Decimal(-51), "EUR", "1", 1, Decimal(2))
    async with gate(max_daily_loss="100") as one:
        await one.hold(buy(1))
        await one.price("DE", 100)
        await one.bench.hear(charged)
        assert one.breaches == ["max_daily_loss: 102.00 is lost since the day began, 100 may be"]


async def test_what_was_archived_has_cost_what_was_converted() -> None:
    held = Position("test", "DE", quantity=Decimal(4), cost=Decimal(400))
    snapshot = BalanceSnapshot(held, "test", 1, 1, Decimal(-1000), Decimal("2.5"))
    async with gate(max_drawdown_pct="50", recalled=OrdersRecalled((), (snapshot,))) as one:
        await one.price("DE", 100)  # an equity of 1000 - 1000 + 800
        await one.price("DE", 51)
        assert one.breaches == []
        await one.price("DE", 49)
        assert one.breaches == ["max_drawdown_pct: 51.00 % of 800.00 is lost, 50 % may be"]


async def test_what_was_archived_of_each_position_has_cost_what_was_converted() -> None:
    snapshots = [
        BalanceSnapshot(
            Position("test", "DE", quantity=Decimal(quantity), cost=Decimal(100 * quantity), id=name),
            "test",
            0,
            1,
            Decimal(moved),
            Decimal("2.5"),
        )
        for name, quantity, moved in (("a:long", 6, -1500), ("a:short", -2, 500))
    ]
    recalled = OrdersRecalled((), (BalanceSnapshot(Position("test", "DE"), "test", 2, 1), *snapshots))
    async with gate(max_drawdown_pct="50", recalled=recalled, register=HEDGES) as one:
        await one.price("DE", 100)  # an equity of 1000 - 1000 + 800
        await one.price("DE", 51)
        assert one.breaches == []
        await one.price("DE", 49)
        assert one.breaches == ["max_drawdown_pct: 51.00 % of 800.00 is lost, 50 % may be"]


async def test_an_adjustment_is_taken_to_have_cost_what_it_is_worth() -> None:
    async with gate(max_drawdown_pct="50") as one:
        await one.bench.hear(PositionAdjusted("test", "DE", "test", Decimal(4), Decimal(100), "r", "x", 1))
        await one.price("DE", 100)
        await one.price("DE", 38)
        assert one.breaches == []
        await one.price("DE", 37)
        assert one.breaches == ["max_drawdown_pct: 50.40 % of 1000.00 is lost, 50 % may be"]
