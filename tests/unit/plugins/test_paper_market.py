"""On what the paper broker matches: volume, quotes, trades and their queue; and how long news takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from math import nan
from typing import Any

import msgspec
import pytest

from lts.sdk import (
    SECOND,
    ApprovedOrder,
    Bar,
    BarOpened,
    BrokerAssignment,
    ExecType,
    Instrument,
    OrderStatus,
    OrderType,
    Quote,
    RecallOrders,
    Side,
    Terms,
    TimeInForce,
    Trade,
    WithdrawOrder,
)
from lts.testing import BEGIN, Bench, WatchfulDesk, limit_order, market_order
from lts.testing.session import Session, order_of
from plugins.broker.paper.plugin import PaperBroker

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

MINUTE = 60 * SECOND
BUY, SELL = Side.BUY, Side.SELL
FLAT = (100.0, 100.0, 100.0, 100.0)

Prices = tuple[float, float, float, float]
Fills = list[tuple[str, Decimal | None, Decimal | None]]


@asynccontextmanager
async def trading(**params: Any) -> AsyncIterator[Session]:
    desk = WatchfulDesk()
    async with Bench(PaperBroker, params, answers={RecallOrders: desk.recall}) as bench:
        yield Session(bench, desk)


async def whole(it: Session, number: int, prices: Prices, volume: float) -> None:
    begin = BEGIN + number * MINUTE
    await it.hear(BarOpened("TEST", begin, prices[0]))
    await it.hear(Bar("TEST", begin, begin + MINUTE, *prices, volume))


def quote(bid: float, ask: float, bid_size: float = 9, ask_size: float = 9, second: int = 0) -> Quote:
    return Quote("TEST", BEGIN + second * SECOND, bid, ask, bid_size, ask_size)


def trade(price: float, size: float, second: int = 0) -> Trade:
    return Trade("TEST", BEGIN + second * SECOND, price, size)


def fills(it: Session) -> Fills:
    """Which order, how many, at what price."""
    filled = [each for each in it.reports if each.kind is ExecType.FILLED]
    return [(each.client_order_id[-1], each.quantity, each.price) for each in filled]


def exactly(*expected: tuple[str, int, float]) -> Fills:
    return [(number, Decimal(quantity), Decimal(str(price))) for number, quantity, price in expected]


def lasting(order: ApprovedOrder, time_in_force: TimeInForce) -> ApprovedOrder:
    return msgspec.structs.replace(order, time_in_force=time_in_force)


# Volume


async def test_all_orders_together_trade_their_share_of_a_bars_volume() -> None:
    async with trading(participation="0.1") as it:
        await it.place(market_order(BUY, 7))
        await it.place(market_order(SELL, 4))
        await whole(it, 0, FLAT, volume=89)  # whole lots of a tenth: 8
        assert fills(it) == exactly(("1", 7, 100), ("2", 1, 100))
        await whole(it, 1, (102, 102, 102, 102), volume=1_000)
        assert fills(it)[2:] == exactly(("2", 3, 102))
        parts = [each.exec_id for each in it.reports if each.kind is ExecType.FILLED]
        assert parts == ["test-TEST-000001", "test-TEST-000002/1", "test-TEST-000002/2"]


async def test_what_volume_limits_trades_at_the_open_but_is_known_when_the_bar_is_over() -> None:
    async with trading(participation="1") as it:
        await it.place(market_order(BUY, 2))
        await it.hear(BarOpened("TEST", BEGIN, 100))
        assert fills(it) == []
        await it.hear(Bar("TEST", BEGIN, BEGIN + MINUTE, 100, 110, 90, 105, 5))
        assert fills(it) == exactly(("1", 2, 100))


async def test_along_the_path_the_first_to_be_reached_takes_the_volume() -> None:
    async with trading(participation="1", path="low_first") as it:
        await it.place(limit_order(SELL, 3, 103))
        await it.place(limit_order(BUY, 3, 98))
        await whole(it, 0, (100, 104, 97, 100), volume=4)
        assert fills(it) == exactly(("2", 3, 98), ("1", 1, 103))


async def test_a_bar_without_volume_trades_nothing_of_a_share() -> None:
    async with trading(participation="1") as it:
        await it.place(market_order(BUY, 2))
        await whole(it, 0, FLAT, volume=0)
        assert fills(it) == []


@pytest.mark.parametrize(
    ("time_in_force", "filled", "reason"),
    [
        (TimeInForce.IOC, 3, "the rest could not trade at once"),
        (TimeInForce.FOK, 0, "it could not trade whole at once"),
    ],
)
async def test_what_cannot_wait_takes_what_there_is_or_nothing(
    time_in_force: TimeInForce, filled: int, reason: str
) -> None:
    async with trading(participation="1") as it:
        order = await it.place(lasting(market_order(BUY, 5), time_in_force))
        await whole(it, 0, FLAT, volume=3)
        assert it.filled(order) == filled
        assert it.status(order) is OrderStatus.CANCELED
        assert it.of(order)[-1].reason == reason


async def test_a_whole_fok_order_trades_and_a_reduce_only_one_must_fit_its_position() -> None:
    async with trading() as it:
        await it.place(lasting(market_order(BUY, 5), TimeInForce.FOK))
        await whole(it, 0, FLAT, volume=1)
        exit_ = msgspec.structs.replace(lasting(market_order(SELL, 6), TimeInForce.FOK), reduce_only=True)
        order = await it.place(exit_)
        await whole(it, 1, FLAT, volume=1)
        assert fills(it) == exactly(("1", 5, 100))
        assert it.status(order) is OrderStatus.CANCELED


# Quotes


async def test_on_quotes_a_buyer_pays_the_ask_and_a_seller_gets_the_bid() -> None:
    async with trading(match_on="quotes") as it:
        await it.place(market_order(BUY, 1))
        await it.place(market_order(SELL, 1))
        await it.hear(BarOpened("TEST", BEGIN, 50), quote(99.5, 100.5))
        assert fills(it) == exactly(("1", 1, 100.5), ("2", 1, 99.5))


async def test_a_size_that_is_shown_serves_each_side_once() -> None:
    async with trading(match_on="quotes", participation="0.5") as it:
        for side, quantity in ((BUY, 4), (BUY, 4), (SELL, 4)):
            await it.place(market_order(side, quantity))
        await it.hear(quote(99, 101, bid_size=2, ask_size=11))
        assert fills(it) == exactly(("1", 4, 101), ("2", 1, 101), ("3", 1, 99))


@pytest.mark.parametrize(("quotes", "price"), [([(97, 99)], 99), ([(99, 101), (97, 99)], 100)])
async def test_a_limit_that_had_to_wait_trades_at_itself(
    quotes: list[tuple[float, float]], price: float
) -> None:
    async with trading(match_on="quotes") as it:
        await it.place(limit_order(BUY, 1, 100))
        for second, (bid, ask) in enumerate(quotes):
            await it.hear(quote(bid, ask, second=second))
        assert fills(it) == exactly(("1", 1, price))


async def test_stops_look_at_the_side_on_which_they_would_trade() -> None:
    async with trading(match_on="quotes") as it:
        await it.place(order_of(OrderType.STOP, SELL, trigger_price=99))
        await it.place(order_of(OrderType.TRAILING_STOP, BUY, trailing_offset=2))
        await it.hear(quote(99.5, 100.5), quote(98.5, 99.5, second=1))
        assert fills(it) == exactly(("1", 1, 98.5))
        await it.hear(quote(100.5, 101.4, second=2), quote(100.6, 101.5, second=3))
        assert fills(it)[1:] == exactly(("2", 1, 101.5))


@pytest.mark.parametrize(("bid", "ask"), [(99, 0), (99, nan)])
async def test_a_side_without_a_price_trades_nothing(bid: float, ask: float) -> None:
    async with trading(match_on="quotes") as it:
        await it.place(market_order(BUY, 1))
        await it.place(market_order(SELL, 1))
        await it.hear(quote(bid, ask))
        assert fills(it) == exactly(("2", 1, bid))


# Trades


async def test_an_order_at_its_limit_waits_until_those_before_it_had_theirs() -> None:
    async with trading(match_on="trades", queue_ahead="10") as it:
        await it.place(limit_order(BUY, 4, 100))
        await it.hear(trade(100, 6), trade(101, 50, 1), trade(100, 4, 2))
        assert fills(it) == []
        await it.hear(trade(100, 1, 3))
        assert fills(it) == exactly(("1", 4, 100))


async def test_of_a_trade_it_gets_what_those_before_it_leave() -> None:
    async with trading(match_on="trades", queue_ahead="10", participation="0.5") as it:
        await it.place(limit_order(BUY, 4, 100))
        await it.place(limit_order(BUY, 4, 100))
        await it.hear(trade(100, 16))  # 6 came past the queue, and half of them are ours
        assert fills(it) == exactly(("1", 3, 100), ("2", 3, 100))
        await it.hear(trade(100, 2, 1))
        assert fills(it)[2:] == exactly(("1", 1, 100))


async def test_a_trade_beyond_the_limit_means_that_nobody_is_left_before_it() -> None:
    async with trading(match_on="trades", queue_ahead="1000000") as it:
        await it.place(limit_order(BUY, 4, 100))
        await it.hear(trade(101, 1), trade(99.9, 1, 1))
        assert fills(it) == exactly(("1", 4, 100))


async def test_only_a_better_first_trade_is_taken_at_its_price() -> None:
    async with trading(match_on="trades") as it:
        await it.place(limit_order(SELL, 1, 100))
        await it.place(order_of(OrderType.LIMIT, SELL, limit_price=100, post_only=True))
        await it.hear(trade(100.5, 1))
        assert fills(it) == exactly(("1", 1, 100.5))
        assert it.reports[-1].reason == "it would have taken liquidity"


async def test_a_modified_order_queues_again() -> None:
    async with trading(match_on="trades", queue_ahead="5") as it:
        order = await it.place(limit_order(BUY, 2, 100))
        await it.hear(trade(100, 5))
        await it.amend(order.client_order_id, Terms(Decimal(1), Decimal(100)))  # smaller: it stays
        await it.amend(order.client_order_id, Terms(Decimal(1), Decimal(99)))
        await it.hear(trade(99, 5, 1))
        assert fills(it) == []
        await it.hear(trade(99, 1, 2))
        assert fills(it) == exactly(("1", 1, 99))


@pytest.mark.parametrize("quantity", [2, 0], ids=["smaller", "refused"])
@pytest.mark.parametrize("restarts", [False, True])
async def test_a_modification_that_leaves_an_order_its_place_does_so_over_a_restart(
    quantity: int, *, restarts: bool
) -> None:
    async with trading(match_on="trades", participation="1") as it:
        first = await it.place(limit_order(BUY, 4, 100))
        await it.hear(trade(101, 1))
        second = await it.place(limit_order(BUY, 4, 100, number=2))
        await it.hear(trade(101, 1, 1))
        await it.amend(first.client_order_id, Terms(Decimal(quantity), Decimal(100)))
        if restarts:
            await it.bench.restart()
        await it.hear(trade(99, 1, 2))
        assert (it.filled(first), it.filled(second)) == (Decimal(1), Decimal(0))


# Latency


async def test_an_order_meets_the_first_price_after_it_has_arrived() -> None:
    async with trading(order_latency_ms=100) as it:
        order = await it.place(market_order())
        await it.hear(BarOpened("TEST", BEGIN, 100))
        assert it.of(order) == []
        await it.hear(BarOpened("TEST", BEGIN + MINUTE, 101))
        assert [(each.kind, each.at) for each in it.reports] == [
            (ExecType.ACCEPTED, BEGIN + SECOND // 10),
            (ExecType.FILLED, BEGIN + MINUTE),
        ]


async def test_a_cancel_that_is_under_way_comes_too_late() -> None:
    async with trading(order_latency_ms=100, match_on="trades") as it:
        order = await it.place(market_order())
        await it.bench.advance(0.1)
        await it.withdraw(order.client_order_id)
        await it.hear(Trade("TEST", BEGIN + SECOND // 10 + SECOND // 20, 100, 1))
        await it.bench.advance(1)
        await it.hear()
        assert [each.kind for each in it.reports] == [ExecType.ACCEPTED, ExecType.FILLED]


async def test_reports_are_under_way_and_keep_their_time_and_order() -> None:
    async with trading(report_latency_ms=250) as it:
        await it.place(market_order())
        await it.hear(BarOpened("TEST", BEGIN, 100))
        await it.bench.advance(0.2)
        assert it.reports == []
        await it.bench.advance(0.1)
        told = [(each.kind, each.at) for each in it.reports]
        assert told == [(ExecType.ACCEPTED, BEGIN), (ExecType.FILLED, BEGIN)]


async def test_whatever_is_asked_of_it_takes_its_time_and_keeps_its_order() -> None:
    async with trading(order_latency_ms=50) as it:
        order = await it.place(limit_order(BUY, 2, 90))
        it.desk.records[order.client_order_id].advance(OrderStatus.ACCEPTED, BEGIN)
        await it.amend(order.client_order_id, Terms(Decimal(1), Decimal(90)))
        await it.query(order.client_order_id)
        await it.bench.hear(WithdrawOrder("test", order.client_order_id))
        assert it.reports == []
        await it.bench.advance(0.05)
        assert [each.kind for each in it.reports] == [
            ExecType.ACCEPTED,
            ExecType.UPDATED,
            ExecType.ACCEPTED,
            ExecType.UPDATED,
            ExecType.CANCELED,
        ]


# What is not asked for is not done


async def test_the_other_data_moves_nothing() -> None:
    async with trading() as it:
        await it.place(market_order())
        await it.hear(quote(99, 101), trade(100, 5))
        assert fills(it) == []
    async with trading(match_on="trades") as it:
        await it.place(market_order())
        await it.hear(quote(99, 101))
        await whole(it, 0, FLAT, 10)
        assert fills(it) == []


async def test_an_instrument_that_nobody_works_costs_nothing() -> None:
    other = Instrument("OTHER", "USD", Decimal(1), Decimal(1))
    both = BrokerAssignment(
        "test", {"TEST": Instrument("TEST", "USD", Decimal(1), Decimal(1)), "OTHER": other}
    )
    async with Bench(PaperBroker, {"match_on": "quotes"}, assignment=both) as bench:
        await bench.hear(Quote("OTHER", BEGIN, 1, 2, 3, 4), quote(1, 2))
        assert bench.said[1:] == []
