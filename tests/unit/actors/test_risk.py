"""The risk gate denies what breaks a limit or makes no sense, and owns the trading state."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from actors.risk import RiskGate
from lts.config.schema import RiskPlan
from lts.domain.journal import RecallOrders
from lts.domain.market import Bar, Instrument, Quote, Trade
from lts.domain.order_flow import CancelOrder, OrderAlarmed, OrderApproved, OrderDenied, OrderProposed
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, Side
from lts.domain.register import Register
from lts.domain.risk import (
    ExposureReported,
    GetExposure,
    GetTradingStates,
    HaltVerified,
    Holding,
    TradingState,
    TradingStateChanged,
    TradingStatesReported,
)
from lts.testing import BEGIN, TEST, Bench, WatchfulDesk, bars, limit_order, market_order

pytestmark = pytest.mark.requirement("INT-4.6", "INT-018", "INT-026")

BUY, SELL = Side.BUY, Side.SELL
ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
FUTURE = Instrument("FUT", "USD", TEST.tick_size, TEST.lot_size, multiplier=Decimal(50))
SYMBOLS = {"TEST": TEST, "FUT": FUTURE}
OWNERS = {"test": "tess", "one": "olga", "other": "olga", "halted": "hank"}
KNOWN = Register(SYMBOLS, OWNERS, {}, dict.fromkeys(OWNERS, Decimal(10_000)))

Gate = Bench[RiskGate]


@asynccontextmanager
async def gate(
    limits: Mapping[str, Any] = MappingProxyType({}), *, price: float | None = 100, **how: Any
) -> AsyncIterator[Gate]:
    """A gate with these limits, which has seen a price of every instrument."""
    async with Bench(RiskGate, RiskPlan(**limits), assignment=KNOWN, **how) as bench:
        if price is not None:
            for symbol in SYMBOLS:
                await bench.hear(*bars([price], instrument=symbol, begin=BEGIN - 60 * 10**9))
        yield bench


def reducing(order: ApprovedOrder) -> ApprovedOrder:
    return msgspec.structs.replace(order, reduce_only=True)


async def judged(bench: Gate, order: Order) -> str:
    """Why the gate denies an order; empty if it lets it pass."""
    before = len(bench.said)
    await bench.hear(OrderProposed(order.portfolio, order))
    match bench.said[before:]:
        case [OrderApproved(portfolio=portfolio, order=ApprovedOrder() as approved)]:
            assert (portfolio, approved) == (order.portfolio, ApprovedOrder.of(order))
            return ""
        case [OrderDenied(order=denied, reason=reason, at=at)]:
            assert (denied, at) == (order, bench.now)
            return reason
        case strange:
            raise AssertionError(strange)


# Limits


@pytest.mark.parametrize(
    ("limits", "at_the_limit", "above", "said"),
    [
        (
            {"price_collar_bps": "100"},
            [limit_order(BUY, 1, 101), limit_order(SELL, 1, 99)],
            [limit_order(BUY, 1, "101.01"), limit_order(SELL, 1, "98.99"), limit_order(SELL, 1, "101.01")],
            "price_collar_bps: ",
        ),
        (
            {"max_order_quantity": "10"},
            [market_order(BUY, 10), market_order(SELL, 10)],
            [market_order(BUY, "10.00000001"), market_order(SELL, 11)],
            "max_order_quantity: ",
        ),
        (
            {"max_order_value": "1000"},
            [market_order(BUY, 10), market_order(SELL, 10), limit_order(BUY, 20, 50)],
            [market_order(BUY, "10.01"), limit_order(SELL, 10, "100.01")],
            "max_order_value: ",
        ),
        (
            {"max_order_value": "5000"},
            [market_order(BUY, 1, instrument="FUT")],
            [market_order(BUY, "1.0001", instrument="FUT")],
            "max_order_value: 5000.5 > 5000",
        ),
        (
            {"max_exposure": "1000"},
            [market_order(BUY, 10), market_order(SELL, 10)],
            [market_order(BUY, "10.01"), market_order(SELL, "10.01")],
            "max_exposure: 1001 > 1000",
        ),
    ],
    ids=["collar", "quantity", "value", "value of contracts", "exposure"],
)
async def test_a_limit_lets_pass_what_is_at_it_and_denies_what_is_above(
    limits: dict[str, str], at_the_limit: list[Order], above: list[Order], said: str
) -> None:
    for order in at_the_limit:
        async with gate(limits) as bench:
            assert await judged(bench, order) == ""
    for order in above:
        async with gate(limits) as bench:
            assert (await judged(bench, order)).startswith(said)


async def test_a_market_order_is_within_any_collar() -> None:
    async with gate({"price_collar_bps": "0.0001"}) as bench:
        assert await judged(bench, market_order()) == ""


async def test_a_price_may_be_as_old_as_the_limit_says() -> None:
    async with gate({"max_price_age_s": "60"}) as bench:
        await bench.advance(seconds=60)
        assert await judged(bench, market_order(number=1)) == ""
        await bench.advance(seconds=1e-9)
        assert (await judged(bench, market_order(number=2))).startswith(
            "max_price_age_s: the last price is 60"
        )
        await bench.hear(Trade("TEST", bench.now, 100, 1))
        assert await judged(bench, market_order(number=3)) == ""


async def test_so_many_messages_a_second_pass_and_a_second_later_as_many_again() -> None:
    async with gate({"max_messages_per_s": "2"}) as bench:
        numbers = iter(range(1, 100))

        async def passed(count: int) -> int:
            answers = [await judged(bench, market_order(number=next(numbers))) for _ in range(count)]
            assert all(each in {"", "max_messages_per_s: more than 2 a second"} for each in answers)
            return answers.count("")

        assert await passed(5) == 2
        await bench.advance(seconds=0.5)
        assert await passed(5) == 1
        await bench.advance(seconds=0.499)
        assert await passed(5) == 0
        await bench.advance(seconds=10)
        assert await passed(5) == 2


async def test_an_order_that_breaks_another_limit_does_not_use_up_the_throttle() -> None:
    async with gate({"max_messages_per_s": "1", "max_order_quantity": "10"}) as bench:
        assert (await judged(bench, market_order(BUY, 11, number=1))).startswith("max_order_quantity")
        assert await judged(bench, market_order(BUY, 10, number=2)) == ""
        assert (await judged(bench, market_order(BUY, 10, number=3))).startswith("max_messages_per_s")


async def test_limits_hold_for_each_portfolio_by_itself() -> None:
    async with gate({"max_exposure": "1000", "max_messages_per_s": "1"}) as bench:
        assert await judged(bench, market_order(BUY, 10, portfolio="one")) == ""
        assert await judged(bench, market_order(BUY, 10, portfolio="other")) == ""


async def test_without_limits_any_size_passes() -> None:
    async with gate() as bench:
        assert await judged(bench, market_order(BUY, "1e12")) == ""


# Exposure: positions, and what may still come


async def test_working_orders_reserve_and_ended_ones_release() -> None:
    desk = WatchfulDesk()
    async with gate({"max_exposure": "1000"}) as bench:
        first, second = market_order(BUY, 6, number=1), market_order(BUY, 5, number=2)
        assert await judged(bench, first) == ""
        assert await judged(bench, second) == "max_exposure: 1100 > 1000"
        await bench.hear(desk.close(first, OrderStatus.CANCELED))
        assert await judged(bench, market_order(BUY, 10, number=3)) == ""


async def test_an_order_in_doubt_still_reserves() -> None:
    desk = WatchfulDesk()
    async with gate({"max_exposure": "1000"}) as bench:
        order = market_order(BUY, 6, number=1)
        assert await judged(bench, order) == ""
        await bench.hear(desk.close(order, OrderStatus.UNKNOWN))
        assert await judged(bench, market_order(BUY, 5, number=2)) == "max_exposure: 1100 > 1000"


async def test_what_traded_is_a_position_and_what_is_left_still_reserves() -> None:
    desk = WatchfulDesk()
    async with gate({"max_exposure": "1000"}) as bench:
        order = market_order(BUY, 6, number=1)
        assert await judged(bench, order) == ""
        await bench.hear(desk.fill(order, 4))
        assert await judged(bench, market_order(BUY, 5, number=2)) == "max_exposure: 1100 > 1000"
        await bench.hear(desk.close(order, OrderStatus.CANCELED))
        assert await judged(bench, market_order(BUY, 7, number=3)) == "max_exposure: 1100 > 1000"
        assert await judged(bench, market_order(BUY, 6, number=4)) == ""


async def test_what_reduces_a_position_passes_however_large_that_is() -> None:
    desk = WatchfulDesk()
    async with gate({"max_exposure": "1000"}) as bench:
        order = market_order(BUY, 10, number=1)
        assert await judged(bench, order) == ""
        await bench.hear(desk.fill(order))
        await bench.hear(*bars([500], begin=bench.now))
        assert await judged(bench, market_order(BUY, 1, number=2)) == "max_exposure: 5500 > 1000"
        assert await judged(bench, market_order(SELL, 4, number=3)) == ""
        assert (await judged(bench, market_order(SELL, 7, number=4))).startswith("max_exposure")
        assert await judged(bench, market_order(SELL, 6, number=5)) == ""


# What makes no sense, whatever the limits


@pytest.mark.parametrize("limits", [{}, {"max_order_value": "1e9", "price_collar_bps": "10000"}])
@pytest.mark.parametrize(
    ("order", "said"),
    [
        (market_order(instrument="NO SUCH"), "unknown instrument NO SUCH"),
        (market_order(quantity=0), "the quantity 0 is not a positive number"),
        (market_order(quantity=-1), "the quantity -1 is not a positive number"),
        (market_order(quantity="NaN"), "the quantity NaN is not a positive number"),
        (market_order(quantity="sNaN"), "the quantity sNaN is not a positive number"),
        (market_order(quantity="Infinity"), "the quantity Infinity is not a positive number"),
        (limit_order(BUY, 1, 0), "the limit price 0 is not a positive number"),
        (limit_order(BUY, 1, "-0.01"), "the limit price -0.01 is not a positive number"),
        (limit_order(BUY, 1, "NaN"), "the limit price NaN is not a positive number"),
    ],
)
async def test_what_makes_no_sense_is_denied(limits: dict[str, str], order: Order, said: str) -> None:
    async with gate(limits) as bench:
        assert await judged(bench, order) == said


async def test_no_order_passes_before_a_price_was_seen() -> None:
    async with gate(price=None) as bench:
        assert await judged(bench, market_order(number=1)) == "no price of TEST has been seen"
        await bench.hear(*bars([100], instrument="FUT"))
        assert await judged(bench, market_order(number=2)) == "no price of TEST has been seen"
        await bench.hear(*bars([100]))
        assert await judged(bench, market_order(number=3)) == ""


async def test_an_order_passes_once() -> None:
    async with gate() as bench:
        assert await judged(bench, market_order()) == ""
        assert await judged(bench, market_order()) == "duplicate of test-TEST-000001"
        assert await judged(bench, market_order(SELL, 2)) == "duplicate of test-TEST-000001"


@pytest.mark.parametrize(
    ("news", "reference"),
    [
        (lambda at: Quote("TEST", at, 199, 201, 1, 1), "200"),
        (lambda at: Trade("TEST", at, 200, 1), "200"),
        (lambda at: Bar("TEST", at - 1, at, 100, 300, 50, 200, 1), "200"),
    ],
)
async def test_orders_are_judged_by_the_last_that_was_seen(
    news: Callable[[int], Bar | Quote | Trade], reference: str
) -> None:
    async with gate({"price_collar_bps": "1"}) as bench:
        await bench.hear(news(bench.now))
        said = await judged(bench, limit_order(BUY, 1, 210))
        assert said == f"price_collar_bps: 210 is 500.0 bps off {reference}"


@pytest.mark.parametrize("price", [float("nan"), float("inf"), 0.0, -1.0])
@pytest.mark.parametrize("limits", [{}, {"max_order_value": "1000", "price_collar_bps": "100"}])
async def test_a_price_that_is_none_denies(limits: dict[str, str], price: float) -> None:
    async with gate(limits) as bench:
        await bench.hear(Trade("TEST", bench.now, price, 1))
        assert "price" in await judged(bench, market_order(number=1))
        await bench.hear(Quote("TEST", bench.now, price, price, 1, 1))
        assert "price" in await judged(bench, limit_order(BUY, 1, 100, number=2))


# The trading state


async def put(bench: Gate, scope: str, state: TradingState, **more: Any) -> None:
    await bench.hear(TradingStateChanged(scope, state, "the test", bench.now, **more))


@pytest.mark.parametrize("scope", ["system", "user:tess", "portfolio:test", "account:test"])
async def test_nothing_passes_a_halt_of_any_scope_that_an_order_is_in(scope: str) -> None:
    async with gate() as bench:
        await put(bench, scope, HALTED)
        assert await judged(bench, market_order(number=1)) == f"{scope} is halted: the test"
        await put(bench, scope, ACTIVE)
        assert await judged(bench, market_order(number=2)) == ""


@pytest.mark.parametrize("scope", ["user:olga", "portfolio:one", "account:another"])
async def test_a_halt_leaves_alone_whoever_is_not_in_its_scope(scope: str) -> None:
    async with gate() as bench:
        await put(bench, scope, HALTED)
        assert await judged(bench, market_order()) == ""


@pytest.mark.parametrize(("system", "portfolio"), [(ACTIVE, HALTED), (HALTED, ACTIVE), (HALTED, REDUCING)])
async def test_the_strictest_state_holds(system: TradingState, portfolio: TradingState) -> None:
    async with gate() as bench:
        await put(bench, "system", system)
        await put(bench, "portfolio:test", portfolio)
        assert "is halted: the test" in await judged(bench, market_order())


async def test_while_reducing_only_what_brings_a_position_closer_to_zero_passes() -> None:
    desk = WatchfulDesk()
    async with gate() as bench:
        order = market_order(BUY, 10, number=1)
        assert await judged(bench, order) == ""
        await bench.hear(desk.fill(order))
        await put(bench, "portfolio:test", REDUCING)
        barred = "only orders that reduce a position may pass, portfolio:test is reducing: the test"
        assert await judged(bench, market_order(BUY, 1, number=2)) == barred
        assert await judged(bench, market_order(SELL, 11, number=3)) == barred
        assert await judged(bench, market_order(SELL, 6, number=4)) == ""
        assert await judged(bench, market_order(SELL, 5, number=5)) == barred
        assert await judged(bench, market_order(SELL, 4, number=6)) == ""
        assert await judged(bench, market_order(SELL, 1, instrument="FUT", number=7)) == barred


async def test_while_flattening_only_orders_that_close_pass_and_no_limit_keeps_them() -> None:
    desk = WatchfulDesk()
    async with gate({"max_order_quantity": "10", "max_price_age_s": "1"}) as bench:
        await bench.hear(Trade("TEST", bench.now, 100, 1))
        order = market_order(BUY, 10, number=1)
        assert await judged(bench, order) == ""
        await bench.hear(desk.fill(order), desk.fill(limit_order(BUY, 10, 90, number=2), 10))
        await put(bench, "system", REDUCING, flattening=True)
        await bench.advance(seconds=60)
        barred = "system is halted: the test"
        assert await judged(bench, market_order(SELL, 20, number=3)) == barred
        assert await judged(bench, reducing(limit_order(SELL, 20, 90, number=4))) == barred
        assert await judged(bench, reducing(market_order(BUY, 20, number=5))) == barred
        assert await judged(bench, reducing(market_order(SELL, 20, number=6))) == ""


async def test_no_order_closes_what_is_halted_for_another_reason() -> None:
    desk = WatchfulDesk()
    async with gate() as bench:
        order = market_order(BUY, 10, number=1)
        assert await judged(bench, order) == ""
        await bench.hear(desk.fill(order))
        await put(bench, "portfolio:test", REDUCING, flattening=True)
        await put(bench, "account:test", HALTED)
        closing = reducing(market_order(SELL, 10, number=2))
        assert await judged(bench, closing) == "account:test is halted: the test"


async def test_what_lives_on_in_a_halt_that_was_verified_is_alarmed_and_cancelled() -> None:
    desk = WatchfulDesk()
    async with gate() as bench:
        order, late = limit_order(BUY, 10, 99, number=1), limit_order(BUY, 10, 98, number=2)
        assert [await judged(bench, each) for each in (order, late)] == ["", ""]
        await put(bench, "user:tess", HALTED)
        await bench.hear(desk.close(order, OrderStatus.ACCEPTED), desk.fill(order, 1))
        assert not bench.published(OrderAlarmed)
        await bench.hear(HaltVerified("user:tess", bench.now))
        await bench.hear(desk.fill(order, 1), desk.close(late, OrderStatus.ACCEPTED))
        said = [(alarm.client_order_id, alarm.alarm) for alarm in bench.published(OrderAlarmed)]
        assert said == [
            (order.client_order_id, "user:tess is halted, and it traded"),
            (late.client_order_id, "user:tess is halted, and it is accepted"),
        ]
        assert bench.asked(CancelOrder) == [CancelOrder(each.client_order_id) for each in (order, late)]
        await put(bench, "user:tess", ACTIVE)
        await bench.hear(desk.fill(order, 1))
        assert len(bench.published(OrderAlarmed)) == 2


async def test_risk_tells_what_is_held_in_a_scope() -> None:
    desk = WatchfulDesk()
    async with gate() as bench:
        await bench.hear(desk.fill(market_order(SELL, 3, portfolio="one")))
        await bench.hear(desk.fill(market_order(BUY, 2, portfolio="other", broker="elsewhere")))
        one = Holding("one", "test", "TEST", Decimal(-3))
        other = Holding("other", "elsewhere", "TEST", Decimal(2))
        for scope, held in [
            ("system", (one, other)),
            ("user:olga", (one, other)),
            ("portfolio:one", (one,)),
            ("account:elsewhere", (other,)),
            ("user:tess", ()),
        ]:
            assert await bench.ask(GetExposure(scope)) == ExposureReported(scope, held)


# Born again


async def test_a_restart_rebuilds_all_from_the_journal() -> None:
    desk = WatchfulDesk()
    halted = TradingStatesReported((TradingStateChanged("portfolio:halted", HALTED, "before", BEGIN),))
    answers = {RecallOrders: desk.recall, GetTradingStates: halted}
    async with gate({"max_exposure": "1000"}, answers=answers) as bench:
        filled, working, gone = (market_order(BUY, 3, number=number) for number in (1, 2, 3))
        for order in (filled, working, gone):
            assert await judged(bench, order) == ""
        await bench.hear(desk.fill(filled), desk.fill(working, 1), desk.close(gone, OrderStatus.CANCELED))
        await bench.restart()
        assert await judged(bench, market_order(number=4)) == "no price of TEST has been seen"
        await bench.hear(*bars([100], begin=bench.now))
        for order in (filled, working, gone):
            assert await judged(bench, order) == f"duplicate of {order.client_order_id}"
        assert await judged(bench, market_order(BUY, 5, number=5)) == "max_exposure: 1100 > 1000"
        assert "is halted: before" in await judged(bench, market_order(portfolio="halted"))
        assert await judged(bench, market_order(BUY, 4, number=6)) == ""


async def test_an_order_that_was_approved_is_another_type() -> None:
    async with gate() as bench:
        await bench.hear(OrderProposed("test", Order(*msgspec.structs.astuple(market_order()))))
        (approved,) = bench.published(OrderApproved)
        assert type(approved.order) is ApprovedOrder
