"""Each control passes what is at its limit and denies what is above, for each scope that sets it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.risk import RiskGate
from lts.config.schema import RiskPlan
from lts.domain.controls import CONTROLS
from lts.domain.financing import FinancingCharged
from lts.domain.guards import Guards
from lts.domain.journal import OrdersRecalled, RecallOrders
from lts.domain.loss_marks import LossesMarked, LossMarksRecalled, RecallLossMarks
from lts.domain.market import Quote, Trade
from lts.domain.order_flow import (
    ModificationApproved,
    ModificationDenied,
    ModificationProposed,
    ModifyOrder,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderProposed,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, Terms
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.register import Register
from lts.domain.risk import LimitBreached, TradingState, TradingStateChanged
from lts.domain.streams import DataResumed, DataStale
from lts.testing import TEST, Bench, WatchfulDesk, limit_order, market_order
from tests.hands import BY_ANN

pytestmark = pytest.mark.requirement("INT-4.6", "INT-018")

BUY, SELL = Side.BUY, Side.SELL
OTHER = msgspec.structs.replace(TEST, symbol="OTHER")
OWNERS = {"test": "tess", "second": "tess", "one": "olga"}
REGISTER = Register(
    {"TEST": TEST, "OTHER": OTHER},
    OWNERS,
    {("test", "TEST"): ("test", "second", "one")},
    dict.fromkeys(OWNERS, Decimal(1000)),
)
SCOPES = ("every portfolio", "portfolio", "user", "account", "system")


def plan(scope: str, **limits: Any) -> RiskPlan:
    """The limits as those of a scope that the order of "test" is in."""
    match scope:
        case "every portfolio":
            return RiskPlan.model_validate(limits)
        case "system":
            return RiskPlan.model_validate({"system": limits})
        case "user":
            return RiskPlan.model_validate({"user": [{"name": "tess", **limits}]})
        case _:
            return RiskPlan.model_validate({scope: [{"name": "test", **limits}]})


class Gate:
    """A gate that has seen both instruments at 100, and the desk behind it."""

    def __init__(self, bench: Bench[RiskGate]) -> None:
        self.bench = bench
        self.desk = WatchfulDesk()

    async def judge(self, order: Order) -> str:
        """Why an order is denied; empty if it passes, and is then at work."""
        before = len(self.bench.said)
        await self.bench.hear(OrderProposed(order.portfolio, order))
        said = next(
            each for each in self.bench.said[before:] if isinstance(each, OrderApproved | OrderDenied)
        )
        if isinstance(said, OrderDenied):
            return said.reason
        self.desk.place(order)
        await self.bench.hear(self.desk.close(order, OrderStatus.ACCEPTED))
        return ""

    async def fill(self, order: Order, price: Any = 100, **more: Any) -> None:
        await self.bench.hear(self.desk.fill(order, price=price, at=self.bench.now, **more))

    async def hold(self, order: Order, price: Any = 100) -> None:
        """Have an order pass, and trade."""
        assert await self.judge(order) == ""
        await self.fill(order, price)

    async def price(self, price: float, symbol: str = "TEST") -> None:
        await self.bench.hear(Trade(symbol, self.bench.now, price, 1))

    async def modify(self, order: Order, terms: Terms) -> str:
        answer = await self.bench.ask(ModifyOrder(order.client_order_id, terms))
        assert answer in self.bench.said
        return answer.reason if isinstance(answer, ModificationDenied) else ""

    def breaches(self) -> list[tuple[str, TradingState]]:
        return [(each.scope, each.state) for each in self.bench.published(LimitBreached)]

    async def enter(self, order: Order, terms: Terms) -> str:
        """Enter other terms by hand."""
        before = len(self.bench.said)
        await self.bench.hear(ModificationProposed("test", order.client_order_id, terms, BY_ANN))
        match self.bench.said[before:]:
            case [ModificationApproved(terms=approved, entered=entered)]:
                assert (approved, entered) == (terms, BY_ANN)
                return ""
            case [ModificationDenied(reason=reason, entered=entered)]:
                assert entered == BY_ANN
                return reason
        raise AssertionError(self.bench.said[before:])


@asynccontextmanager
async def gate(limits: RiskPlan, recalled: Mapping[Any, Any] | None = None) -> AsyncIterator[Gate]:
    async with Bench(RiskGate, limits, assignment=REGISTER, answers=recalled or {}) as bench:
        made = Gate(bench)
        for symbol in ("TEST", "OTHER"):
            await made.price(100, symbol)
        yield made


def buy(quantity: Any = 1, number: int = 1, **more: Any) -> Order:
    return market_order(BUY, quantity, number=number, **more)


def sell(quantity: Any = 1, number: int = 1, **more: Any) -> Order:
    return market_order(SELL, quantity, number=number, **more)


def changed(order: Order, **what: Any) -> Order:
    return msgspec.structs.replace(order, **what)


def stop_limit(trigger: str, limit: str, number: int = 1) -> Order:
    made = limit_order(BUY, 1, limit, number=number)
    return changed(made, type=OrderType.STOP_LIMIT, trigger_price=Decimal(trigger))


# At the limit and above it, for each scope


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    ("limits", "at_the_limit", "above"),
    [
        ({"price_collar_bps": "100"}, [limit_order(BUY, 1, 101)], [limit_order(BUY, 1, "101.01")]),
        ({"price_collar_bps": "100"}, [stop_limit("120", "121.2")], [stop_limit("120", "121.21")]),
        ({"max_order_quantity": "10"}, [buy(10)], [buy("10.01")]),
        ({"max_order_value": "1000"}, [buy(10), limit_order(BUY, 20, 50)], [buy("10.01")]),
        ({"max_position": "10"}, [buy(10), sell(10)], [buy("10.01"), sell("10.01")]),
        ({"max_exposure": "1000"}, [buy(10), sell(10)], [buy("10.01"), sell("10.01")]),
        ({"max_net_exposure": "1000"}, [buy(10), sell(10)], [buy("10.01"), sell("10.01")]),
        ({"credit_limit": "1000"}, [buy(10), limit_order(SELL, 20, 50)], [buy("10.01")]),
        ({"trading_permitted": True}, [buy(10)], []),
        ({"trading_permitted": False}, [], [buy(1)]),
        ({"permitted_instruments": ["TEST"]}, [buy()], [buy(instrument="OTHER")]),
        ({"restricted_instruments": ["OTHER"]}, [buy()], [buy(instrument="OTHER")]),
    ],
)
async def test_at_the_limit_passes_and_above_is_denied(
    scope: str, limits: dict[str, Any], at_the_limit: Sequence[Order], above: Sequence[Order]
) -> None:
    (name,) = limits
    for order in at_the_limit:
        async with gate(plan(scope, **limits)) as one:
            assert await one.judge(order) == ""
    for order in above:
        async with gate(plan(scope, **limits)) as one:
            said = await one.judge(order)
            assert said.startswith(f"{name}: ")
            assert said.endswith(f", for {scope}" if scope == "system" else "") or f"for {scope}:" in said


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_scope_bars_nobody_else(scope: str) -> None:
    async with gate(plan(scope, max_order_quantity="1")) as one:
        free = {"every portfolio": False, "portfolio": True, "user": True, "account": True, "system": False}
        stranger = buy(5, portfolio="one", broker="elsewhere")
        assert (await one.judge(stranger) == "") is free[scope]


def test_every_control_is_among_those_tested() -> None:
    assert set(CONTROLS) == {
        "trading_permitted", "permitted_instruments", "restricted_instruments", "max_price_age_s",
        "max_price_jump_bps", "price_collar_bps", "max_order_quantity", "max_order_value",
        "duplicate_window_s", "max_position", "max_exposure", "max_net_exposure", "credit_limit",
        "max_drawdown_pct", "max_daily_loss", "max_repeated_executions", "max_messages_per_s",
    }  # fmt: skip


async def test_a_portfolio_has_what_is_said_of_all_unless_it_is_said_of_itself() -> None:
    own = {"name": "test", "max_order_quantity": "8"}
    limits = plan("every portfolio", max_order_quantity="5", max_order_value="700", portfolio=[own])
    async with gate(limits) as one:
        assert await one.judge(buy(7, 1)) == ""
        assert (await one.judge(buy(8, 2))).startswith("max_order_value")
        assert (await one.judge(buy(9, 3))).startswith("max_order_quantity: 9 > 8")
        assert (await one.judge(buy(7, 1, portfolio="one"))).startswith("max_order_quantity: 7 > 5")


# Sums over what a scope is made of


@pytest.mark.parametrize("limit", ["max_exposure", "max_net_exposure", "max_position", "credit_limit"])
async def test_a_users_exposure_is_the_sum_over_the_users_portfolios(limit: str) -> None:
    most = "10" if limit == "max_position" else "1000"
    async with gate(plan("user", **{limit: most})) as one:
        await one.hold(buy(4))
        assert await one.judge(limit_order(BUY, 4, 100, portfolio="second")) == ""
        assert (await one.judge(buy(3, 2))).startswith(f"{limit}: ")
        assert await one.judge(buy(2, 3)) == ""
        assert await one.judge(buy(100, 1, portfolio="one")) == ""


async def test_an_accounts_exposure_is_the_sum_over_its_portfolios_and_no_other_accounts() -> None:
    async with gate(plan("account", max_exposure="1000")) as one:
        await one.hold(buy(4))
        await one.hold(sell(4, portfolio="one"))
        await one.hold(buy(50, broker="elsewhere", portfolio="second"))
        assert (await one.judge(buy(3, 2))).startswith("max_exposure: 1100 > 1000")


async def test_long_and_short_cancel_in_net_exposure_and_add_up_in_gross() -> None:
    both = plan("system", max_exposure="1500", max_net_exposure="600")
    async with gate(both) as one:
        await one.hold(buy(5))
        await one.hold(sell(6, portfolio="one"))
        assert await one.judge(buy(4, 2, portfolio="second")) == ""
        assert (await one.judge(sell(2, 3, portfolio="one"))).startswith("max_exposure: 1700")
    async with gate(plan("system", max_net_exposure="600")) as one:
        await one.hold(buy(5))
        await one.hold(sell(6, portfolio="one"))
        await one.hold(buy(7, 2))
        assert (await one.judge(buy(1, 3))).startswith("max_net_exposure: 700 > 600")


async def test_a_portfolio_that_trades_through_several_brokers_counts_whole_in_each_account() -> None:
    accounts = [{"name": name, "max_drawdown_pct": "10"} for name in ("one", "two", "three")]
    limits = RiskPlan.model_validate({"account": accounts})
    traders = {("one", "TEST"): ("both", "first"), ("two", "TEST"): ("both",), ("three", "TEST"): ()}
    capital = {"both": Decimal(1000), "first": Decimal(500), "none": Decimal(7)}
    register = Register({"TEST": TEST}, dict.fromkeys(capital, "ann"), traders, capital)
    guards = Guards(limits, register)
    for portfolio, brokers in {"both": ("one", "two"), "none": ("three",)}.items():
        for broker in brokers:
            guards.of(portfolio, broker)
    counted = {name: guards.guard(f"account:{name}") for name in ("one", "two", "three")}
    assert {name: guard and guard.capital for name, guard in counted.items()} == {
        "one": 1500,
        "two": 1000,
        "three": 0,
    }


# Exposure: what counts


async def test_what_only_reduces_adds_nothing_and_is_let_through() -> None:
    limits = plan("every portfolio", max_exposure="1000", max_position="10", credit_limit="1500")
    async with gate(limits) as one:
        await one.hold(buy(10))
        for number in (2, 3):
            assert await one.judge(changed(limit_order(SELL, 10, 101, number=number), reduce_only=True)) == ""
        assert (await one.judge(sell(21, 4))).startswith("max_position: 11 > 10")


def stop_loss(quantity: int, trigger: str, number: int) -> Order:
    made = changed(sell(quantity, number), type=OrderType.STOP, trigger_price=Decimal(trigger))
    return changed(made, reduce_only=True)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_order_value": "900"},
        {"max_order_quantity": "9"},
        {"price_collar_bps": "100"},
        {"duplicate_window_s": "60"},
        {"max_price_age_s": "0.001"},
        {"max_price_jump_bps": "1"},
        {"self_match_prevention": True},
        {"max_messages_per_s": "3"},
        {"trading_permitted": False},
        {"permitted_instruments": ["OTHER"]},
        {"restricted_instruments": ["TEST"]},
        {"max_position": "1"},
        {"max_exposure": "1"},
        {"max_net_exposure": "1"},
        {"credit_limit": "1"},
    ],
    ids=lambda limits: next(iter(limits)),
)
async def test_no_limit_stands_in_the_way_of_an_exit(limits: dict[str, Any]) -> None:
    async with gate(plan("user", **limits)) as one:
        await one.bench.hear(PositionAdjusted("test", "TEST", "test", Decimal(10), Decimal(100), "r", "x", 1))
        await one.judge(limit_order(BUY, 1, 100, number=90))
        await one.bench.advance(seconds=0.01)
        await one.price(80)
        exits = [
            stop_loss(10, "60", 1),
            stop_loss(10, "60", 2),
            changed(limit_order(SELL, 10, 200, number=3), reduce_only=True),
            *(changed(sell(10, number), reduce_only=True) for number in range(4, 9)),
        ]
        assert [await one.judge(each) for each in exits] == [""] * len(exits)
        assert await one.modify(exits[0], Terms(Decimal(10), trigger_price=Decimal(70))) == ""


async def test_what_closes_without_saying_so_is_an_exit_too_and_one_that_turns_is_none() -> None:
    async with gate(plan("user", max_order_value="500", max_order_quantity="5")) as one:
        await one.bench.hear(PositionAdjusted("test", "TEST", "test", Decimal(10), Decimal(100), "r", "x", 1))
        assert await one.judge(sell(10, 1)) == ""
        assert (await one.judge(sell(10, 2))).startswith("max_order_quantity")


async def test_an_exit_passes_where_no_price_is_known_or_none_that_can_be_used() -> None:
    limits = plan("every portfolio", max_order_value="1", max_exposure="1", credit_limit="1")
    async with Bench(RiskGate, limits, assignment=REGISTER) as bench:
        one = Gate(bench)
        await one.bench.hear(PositionAdjusted("test", "TEST", "test", Decimal(10), Decimal(100), "r", "x", 1))
        assert await one.judge(changed(sell(10, 1), reduce_only=True)) == ""
        await one.bench.hear(Quote("TEST", one.bench.now, 101, 100, 1, 1))
        assert await one.judge(changed(sell(10, 2), reduce_only=True)) == ""
        assert "crossed" in await one.judge(buy(1, 3))


async def test_a_new_price_for_an_entry_is_no_exit() -> None:
    async with gate(plan("user", price_collar_bps="100", max_messages_per_s="2")) as one:
        working = limit_order(BUY, 5, 99)
        assert await one.judge(working) == ""
        assert (await one.modify(working, Terms(Decimal(5), Decimal(80)))).startswith("price_collar_bps")
        assert await one.modify(working, Terms(Decimal(5), Decimal("99.5"))) == ""
        assert (await one.judge(buy(1, 2))).startswith("max_messages_per_s")


async def test_while_reducing_the_exits_of_an_entry_that_has_passed_before_pass() -> None:
    async with gate(RiskPlan()) as one:
        entry = limit_order(BUY, 5, 99)
        assert await one.judge(entry) == ""
        await one.bench.hear(TradingStateChanged("system", TradingState.REDUCING, "a test", 1))
        exit_order = stop_loss(5, "90", 2)
        assert (await one.judge(changed(exit_order, parent="test-TEST-000009"))).startswith("only orders")
        own = changed(exit_order, client_order_id="test-TEST-000003", parent=entry.client_order_id)
        assert await one.judge(own) == ""


async def test_an_adjustment_moves_what_is_held() -> None:
    async with gate(plan("user", max_exposure="1000")) as one:
        await one.bench.hear(PositionAdjusted("test", "TEST", "test", Decimal(7), Decimal(100), "r", "x", 1))
        assert (await one.judge(buy(4))).startswith("max_exposure: 1100")
        assert await one.judge(buy(3, 2)) == ""


# Modifications


async def test_other_terms_have_to_keep_to_the_limits_by_what_they_add() -> None:
    limits = plan("user", max_exposure="1000", price_collar_bps="500", max_order_quantity="9")
    async with gate(limits) as one:
        order = limit_order(BUY, 5, 99)
        assert await one.judge(order) == ""
        assert await one.judge(limit_order(BUY, 4, 99, number=2)) == ""
        assert (await one.modify(order, Terms(Decimal(7), Decimal(99)))).startswith(
            "max_exposure: 1100 > 1000"
        )
        assert (await one.modify(order, Terms(Decimal(10), Decimal(99)))).startswith("max_order_quantity")
        assert (await one.modify(order, Terms(Decimal(5), Decimal(110)))).startswith("price_collar_bps")
        assert await one.modify(order, Terms(Decimal(6), Decimal(99))) == ""
        assert one.bench.published(ModificationApproved)[0].terms == Terms(Decimal(6), Decimal(99))
        assert (await one.judge(limit_order(BUY, 1, 99, number=3))).startswith("max_exposure")


async def update(one: Gate, order: Order, *states: tuple[OrderStatus, Terms | None]) -> None:
    for status, terms in states:
        name = order.client_order_id
        await one.bench.hear(OrderChanged(order.portfolio, name, status, one.bench.now, terms=terms))


async def test_the_larger_of_both_quantities_counts_until_the_venue_has_answered() -> None:
    working, asked = OrderStatus.ACCEPTED, OrderStatus.PENDING_UPDATE
    async with gate(plan("user", max_exposure="1000")) as one:
        order, more, less = (
            limit_order(BUY, 5, 99),
            Terms(Decimal(8), Decimal(99)),
            Terms(Decimal(2), Decimal(99)),
        )
        assert await one.judge(order) == ""
        assert await one.modify(order, more) == ""
        assert "is being modified already" in await one.modify(order, less)
        assert (await one.judge(buy(3, 2))).startswith("max_exposure: 1100")
        await update(one, order, (asked, None), (working, None))
        assert await one.judge(limit_order(BUY, 5, 90, number=3)) == ""
        assert await one.modify(order, less) == ""
        assert (await one.judge(buy(1, 4))).startswith("max_exposure: 1100")
        await update(one, order, (asked, None), (working, less))
        assert await one.judge(buy(3, 5)) == ""


async def test_after_a_restart_the_larger_of_both_quantities_counts_until_the_venue_has_answered() -> None:
    order = ApprovedOrder.of(limit_order(BUY, 5, 99))
    record = OrderRecord(order)
    for status in (OrderStatus.SUBMITTED, OrderStatus.ACCEPTED, OrderStatus.PENDING_UPDATE):
        record.advance(status, order.created_at)
    record.wanted = Terms(Decimal(8), Decimal(99))
    recalled = {RecallOrders: OrdersRecalled((record,))}
    async with gate(plan("user", max_exposure="1000"), recalled) as one:
        assert (await one.judge(buy(3, 2))).startswith("max_exposure: 1100")
        await update(one, order, (OrderStatus.UNKNOWN, None))
        assert (await one.judge(buy(3, 3))).startswith("max_exposure: 1100")
        await update(one, order, (OrderStatus.ACCEPTED, None))
        assert await one.judge(buy(3, 4)) == ""


async def test_terms_that_make_no_sense_and_orders_that_do_not_work_are_not_modified() -> None:
    async with gate(RiskPlan()) as one:
        order = limit_order(BUY, 5, 99)
        assert await one.modify(order, order.terms) == f"there is no open order {order.client_order_id}"
        assert await one.judge(order) == ""
        assert "is not a positive number" in await one.modify(order, Terms(Decimal(0), Decimal(99)))
        assert "needs limit_price" in await one.modify(order, Terms(Decimal(5)))
        await one.fill(order, quantity=3)
        assert "3 of" in await one.modify(order, Terms(Decimal(3), Decimal(99)))
        assert await one.modify(order, Terms(Decimal(4), Decimal(99))) == ""


async def test_terms_that_are_entered_by_hand_are_judged_like_any_others() -> None:
    async with gate(plan("user", max_exposure="1000")) as one:
        order = limit_order(BUY, 5, 99)
        assert await one.enter(order, order.terms) == f"there is no open order {order.client_order_id}"
        assert await one.judge(order) == ""
        assert (await one.enter(order, Terms(Decimal(11), Decimal(99)))).startswith("max_exposure: 1100")
        assert await one.enter(order, Terms(Decimal(6), Decimal(99))) == ""


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
async def test_a_trading_state_bars_modifications_that_add(state: TradingState) -> None:
    async with gate(RiskPlan()) as one:
        order = limit_order(BUY, 5, 99)
        assert await one.judge(order) == ""
        await one.bench.hear(TradingStateChanged("user:tess", state, "why", 1))
        assert "user:tess is" in await one.modify(order, Terms(Decimal(6), Decimal(99)))
        less = await one.modify(order, Terms(Decimal(4), Decimal(99)))
        assert (less == "") is (state is TradingState.REDUCING)


# Market data


async def test_a_price_that_leaps_is_believed_when_the_next_one_is_near_it() -> None:
    async with gate(plan("user", max_price_jump_bps="500")) as one:
        await one.price(105)
        assert await one.judge(buy(1, 1)) == ""
        await one.price(111)
        assert (await one.judge(buy(1, 2))).startswith("max_price_jump_bps: the last price is 571.4 bps off")
        await one.price(112)
        assert await one.judge(buy(1, 3)) == ""


async def test_a_price_is_too_old_above_the_limit() -> None:
    async with gate(plan("account", max_price_age_s="60")) as one:
        await one.bench.advance(seconds=60)
        assert await one.judge(buy(1, 1)) == ""
        await one.bench.advance(seconds=1)
        assert (await one.judge(buy(1, 2))).startswith("max_price_age_s: the last price is 61 s old")


async def test_a_crossed_quote_is_no_price() -> None:
    async with gate(RiskPlan()) as one:
        await one.bench.hear(Quote("TEST", one.bench.now, 101, 100, 1, 1))
        assert await one.judge(buy()) == "the last quote of TEST is crossed: 101 is bid, and 100 asked"


async def test_while_market_data_is_stale_only_what_reduces_passes() -> None:
    async with gate(RiskPlan()) as one:
        await one.hold(buy(5, 1))
        await one.bench.hear(DataStale("TEST", one.bench.now, 5.0))
        assert await one.judge(buy(1, 2)) == "nothing has been heard of TEST for too long"
        assert await one.judge(buy(1, 1, instrument="OTHER")) == ""
        assert await one.judge(sell(5, 3)) == ""
        await one.bench.hear(DataResumed("TEST", one.bench.now))
        assert await one.judge(buy(1, 4)) == ""


# Orders that are like others


async def test_the_same_order_within_the_window_is_a_duplicate() -> None:
    async with gate(plan("user", duplicate_window_s="2")) as one:
        assert await one.judge(buy(3, 1)) == ""
        assert (await one.judge(buy(3, 2))).startswith(
            "duplicate_window_s: the same order was approved 0 s ago"
        )
        for unlike in (buy(4, 3), sell(3, 4), limit_order(BUY, 3, 100, number=5), buy(3, portfolio="second")):
            assert await one.judge(unlike) == ""
        await one.bench.advance(seconds=2)
        assert await one.judge(buy(3, 6)) == ""


@pytest.mark.parametrize("scope", SCOPES)
async def test_orders_of_one_owner_never_trade_with_each_other(scope: str) -> None:
    async with gate(plan(scope, self_match_prevention=True)) as one:
        resting = limit_order(SELL, 5, 101, portfolio="second")
        assert await one.judge(resting) == ""
        said = await one.judge(limit_order(BUY, 1, 101))
        assert (
            said == f"self_match_prevention: it could trade with {resting.client_order_id} of the same owner"
        )
        assert await one.judge(limit_order(BUY, 1, "100.99", number=2)) == ""
        assert await one.judge(buy(1, 3)) == "", "the market is at 100"
        await one.price(101)
        assert "self_match_prevention" in await one.judge(buy(1, 4))
        assert await one.judge(changed(buy(1, 5), broker="elsewhere")) == ""
        await one.bench.hear(one.desk.close(resting, OrderStatus.CANCELED))
        assert await one.judge(buy(1, 6)) == ""


async def test_orders_of_two_owners_may_trade_with_each_other() -> None:
    async with gate(plan("system", self_match_prevention=True)) as one:
        assert await one.judge(limit_order(SELL, 5, 101, portfolio="one")) == ""
        assert await one.judge(limit_order(BUY, 1, 101)) == ""


# Limits of which the breach is more than a denial


@pytest.mark.parametrize(("scope", "whose"), [("portfolio", "portfolio:test"), ("user", "user:tess")])
@pytest.mark.parametrize("on_breach", list(TradingState)[1:])
async def test_a_drawdown_beyond_the_limit_restricts_the_scope(
    scope: str, whose: str, on_breach: TradingState
) -> None:
    capital = 1000 if scope == "portfolio" else 2000
    limits = plan(scope, max_drawdown_pct="10", on_breach=on_breach.value)
    async with gate(limits) as one:
        await one.hold(buy(10))
        await one.price(100 + capital / 10)
        await one.price(100 + capital / 10 - (2 * capital) * 0.1 / 10)
        assert one.breaches() == []
        await one.price(100 + capital / 10 - (2 * capital) * 0.1 / 10 - 0.1)
        assert one.breaches() == [(whose, on_breach)]
        assert (await one.judge(buy(1, 2))).startswith("max_drawdown_pct: 10.0")
        assert await one.judge(sell(10, 3)) == ""
        await one.price(1)
        assert len(one.breaches()) == 1


async def test_a_reset_by_an_operator_begins_the_measurement_anew() -> None:
    async with gate(plan("user", max_daily_loss="100")) as one:
        await one.hold(buy(10))
        await one.price(89)
        assert one.breaches() == [("user:tess", TradingState.REDUCING)]
        reset = TradingStateChanged("user:tess", TradingState.ACTIVE, "seen", 1, "operator ada")
        await one.bench.hear(msgspec.structs.replace(reset, who=""))
        assert (await one.judge(buy(1, 2))).startswith("max_daily_loss")
        await one.bench.hear(reset)
        await one.price(88)
        assert await one.judge(buy(1, 3)) == ""
        await one.price(78)
        assert len(one.breaches()) == 1
        await one.price(77.8)
        assert len(one.breaches()) == 2


@pytest.mark.requirement("INT-025")
async def test_what_losses_are_measured_from_outlives_the_node() -> None:
    limits = plan("portfolio", max_drawdown_pct="10")
    async with gate(limits) as before:
        await before.hold(buy(10))
        await before.bench.advance(seconds=1)
        await before.price(110)
        (first, peak) = before.bench.published(LossesMarked)
        assert (first.scope, first.marks.peak, peak.marks.peak) == ("portfolio:test", 1000.0, 1100.0)
    recalled = {
        RecallLossMarks: LossMarksRecalled({peak.scope: peak.marks}),
        RecallOrders: before.desk.recall,
    }
    async with gate(limits, recalled) as after:
        await after.price(99)
        assert after.breaches() == []
        await after.price(98.9)
        assert after.breaches() == [("portfolio:test", TradingState.REDUCING)]
        marks = after.bench.published(LossesMarked)[-1].marks
    recalled[RecallLossMarks] = LossMarksRecalled({peak.scope: marks})
    async with gate(limits, recalled) as again:
        assert (await again.judge(buy(1, 2))).startswith("max_drawdown_pct: 10.09 % of 1100.00 is lost")
        reset = TradingStateChanged("portfolio:test", TradingState.ACTIVE, "seen", 1, "operator ada")
        await again.bench.hear(reset)
        assert again.bench.published(LossesMarked)[-1].marks.peak is None
        assert await again.judge(buy(1, 3)) == ""


async def test_a_peak_is_noted_once_a_second_and_a_breach_at_once() -> None:
    async with gate(plan("portfolio", max_drawdown_pct="10")) as one:
        await one.hold(buy(10))
        for price in (101, 102, 103):
            await one.price(price)
        noted = one.bench.published(LossesMarked)
        assert [each.marks.peak for each in noted] == [1000.0]
        await one.bench.advance(seconds=1)
        await one.price(102)
        await one.price(90)
        noted = one.bench.published(LossesMarked)
        assert [each.marks.peak for each in noted] == [1000.0, 1030.0, 1030.0]
        assert [bool(each.marks.fell) for each in noted] == [False, False, True]


async def test_a_daily_loss_is_counted_from_the_beginning_of_the_day_and_fees_count() -> None:
    async with gate(plan("portfolio", max_daily_loss="100")) as one:
        order = buy(10)
        assert await one.judge(order) == ""
        await one.fill(order, fee=20)
        await one.price(92)
        assert one.breaches() == []
        await one.bench.advance(seconds=24 * 3600)
        await one.price(91.9)
        assert one.breaches() == [], "another day has begun"
        await one.price(81.8)
        assert one.breaches() == [("portfolio:test", TradingState.REDUCING)]
        assert (await one.judge(buy(1, 2))).startswith("max_daily_loss: 101.00 is lost since the day began")


async def test_what_is_charged_over_night_is_lost_once_and_a_credit_won() -> None:
    def charged(amount: int, name: str) -> FinancingCharged:
        return FinancingCharged("test", "test", "TEST", Decimal(amount), "USD", name, 1)

    async with gate(plan("user", max_daily_loss="100")) as one:
        await one.hold(buy(10))
        await one.price(95)
        await one.bench.hear(charged(-60, "1"), charged(20, "2"))
        assert one.breaches() == [("user:tess", TradingState.REDUCING)], "110 were lost for a while"
    async with gate(plan("user", max_daily_loss="100")) as one:
        await one.bench.hear(charged(-100, "1"))
        await one.price(100)
        assert one.breaches() == [], "measured from its first price on"
        await one.bench.hear(charged(-100, "2"))
        assert one.breaches() == []
        await one.bench.hear(charged(-1, "3"))
        assert one.breaches() == [("user:tess", TradingState.REDUCING)]


async def test_credit_is_used_by_what_trades_and_is_free_again_the_next_day() -> None:
    async with gate(plan("user", credit_limit="1000")) as one:
        await one.hold(buy(5, 1))
        await one.hold(sell(5, 2))
        assert (await one.judge(buy(1, 3))).startswith("credit_limit: 1100 > 1000")
        await one.bench.advance(seconds=24 * 3600)
        await one.price(100)
        assert await one.judge(buy(10, 4)) == ""
        await one.bench.hear(one.desk.close(buy(10, 4), OrderStatus.CANCELED))
        assert await one.judge(buy(10, 5)) == ""


async def test_what_is_executed_again_and_again_is_stopped_until_somebody_has_looked() -> None:
    limits = plan("user", max_repeated_executions=3, repeated_executions_s="10", on_breach="halted")
    async with gate(limits) as one:
        for number in range(1, 4):
            await one.hold(buy(1, number))
        said = "max_repeated_executions: 3 orders have traded the same way within 10 s"
        assert await one.judge(sell(9, 1, portfolio="second")) == ""
        assert await one.judge(buy(1, 4)) == f"{said}, for user:tess"
        assert one.breaches() == [("user:tess", TradingState.HALTED)]
        assert (await one.judge(buy(1, 5))).startswith(said)
        assert len(one.breaches()) == 1
        await one.bench.hear(TradingStateChanged("user:tess", TradingState.ACTIVE, "seen", 1, "operator ada"))
        assert await one.judge(buy(1, 6)) == ""


async def test_executions_that_lie_further_apart_are_not_repeated() -> None:
    async with gate(plan("user", max_repeated_executions=2, repeated_executions_s="10")) as one:
        for number in range(1, 9):
            await one.hold(buy(1, number))
            await one.bench.advance(seconds=5)


@pytest.mark.parametrize("scope", SCOPES)
async def test_messages_are_counted_and_some_are_kept_for_what_reduces(scope: str) -> None:
    async with gate(plan(scope, max_messages_per_s="4", messages_kept_for_reducing="2")) as one:
        await one.hold(buy(5, 1))
        working = limit_order(BUY, 5, 99, number=2)
        assert await one.judge(working) == ""
        assert (await one.judge(buy(5, 3))).startswith("max_messages_per_s: more than 4 a second")
        assert await one.modify(working, Terms(Decimal(4), Decimal(99))) == ""
        assert await one.judge(sell(5, 4)) == ""
        assert (await one.judge(changed(sell(5, 5), reduce_only=True))).startswith("max_messages_per_s")


async def test_cancels_are_counted_and_never_held_up() -> None:
    async with gate(plan("user", max_messages_per_s="3")) as one:
        working = limit_order(BUY, 5, 99)
        assert await one.judge(working) == ""
        for _ in range(5):
            await one.bench.hear(OrderChanged("test", working.client_order_id, OrderStatus.PENDING_CANCEL, 1))
        assert (await one.judge(buy(1, 2))).startswith("max_messages_per_s")
