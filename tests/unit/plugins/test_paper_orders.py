"""What each order type, time in force and instruction means to the paper broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from lts.sdk import (
    SECOND,
    ApprovedOrder,
    Bar,
    BarOpened,
    ExecType,
    OrderStatus,
    OrderType,
    PlaceOrder,
    QueryOrder,
    RecallOrders,
    Side,
    Terms,
    TimeInForce,
)
from lts.testing import BEGIN, Bench, WatchfulDesk, limit_order, market_order
from lts.testing.session import Session, order_of
from plugins.broker.paper.plugin import PaperBroker

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

MINUTE, DAY = 60 * SECOND, 86_400 * SECOND
BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT, STOP = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP
STOP_LIMIT, TRAILING = OrderType.STOP_LIMIT, OrderType.TRAILING_STOP
ACCEPTED, FILLED, CANCELED = OrderStatus.ACCEPTED, OrderStatus.FILLED, OrderStatus.CANCELED

Prices = tuple[float, float, float, float]


@asynccontextmanager
async def trading(**params: Any) -> AsyncIterator[Session]:
    desk = WatchfulDesk()
    async with Bench(PaperBroker, params, answers={RecallOrders: desk.recall}) as bench:
        yield Session(bench, desk)


def opened(number: int, price: float, span: int = MINUTE) -> BarOpened:
    return BarOpened("TEST", BEGIN + number * span, price)


def bar(number: int, prices: Prices, volume: float = 1.0, span: int = MINUTE) -> Bar:
    begin = BEGIN + number * span
    return Bar("TEST", begin, begin + span, *prices, volume)


async def whole(it: Session, number: int, prices: Prices, span: int = MINUTE) -> None:
    await it.hear(opened(number, prices[0], span), bar(number, prices, span=span))


def kinds(it: Session, order: ApprovedOrder) -> list[ExecType]:
    return [each.kind for each in it.of(order)]


def prices(it: Session) -> list[Decimal | None]:
    return [each.price for each in it.reports if each.kind is ExecType.FILLED]


def lasting(order: ApprovedOrder, time_in_force: TimeInForce, expires_at: int | None = None) -> ApprovedOrder:
    return msgspec.structs.replace(order, time_in_force=time_in_force, expires_at=expires_at)


# Stops


@pytest.mark.parametrize(
    ("side", "trigger", "of_the_bar", "price"),
    [
        (BUY, 103, (100, 104, 99, 101), 103),  # on the way up
        (BUY, 103, (105, 106, 104, 105), 105),  # the gap went over it
        (BUY, 103, (103, 103, 103, 103), 103),
        (BUY, 103, (100, 102.99, 99, 101), None),
        (SELL, 97, (100, 101, 96, 100), 97),
        (SELL, 97, (95, 96, 94, 95), 95),
        (SELL, 97, (100, 101, 97.01, 100), None),
    ],
)
async def test_a_stop_trades_at_its_trigger_or_where_the_market_went_over_it(
    side: Side, trigger: int, of_the_bar: Prices, price: int | None
) -> None:
    async with trading() as it:
        order = await it.place(order_of(STOP, side, trigger_price=trigger))
        await whole(it, 0, of_the_bar)
        assert prices(it) == ([] if price is None else [price])
        traded = [ExecType.TRIGGERED, ExecType.FILLED] if price else []
        assert kinds(it, order) == [ExecType.ACCEPTED, *traded]


async def test_a_stop_slips_and_a_stop_limit_does_not() -> None:
    async with trading(slippage_bps="10") as it:
        await it.place(order_of(STOP, BUY, trigger_price=103))
        await it.place(order_of(STOP_LIMIT, BUY, trigger_price=103, limit_price=104))
        await whole(it, 0, (100, 104, 99, 101))
        assert prices(it) == [Decimal("103.103"), Decimal(103)]


@pytest.mark.parametrize(
    ("of_the_bar", "price"),
    [
        ((100, 106, 99, 101), 103),  # it takes what is there at the trigger
        ((103.5, 106, 99, 101), 103.5),  # a gap over the trigger, within the limit
        ((105, 106, 104.5, 105), None),  # a gap over both: it waits at its limit
        ((105, 106, 103, 105), 104),  # where the price comes back to
    ],
)
async def test_a_stop_limit_trades_between_its_trigger_and_its_limit(
    of_the_bar: Prices, price: float | None
) -> None:
    async with trading() as it:
        order = await it.place(order_of(STOP_LIMIT, BUY, trigger_price=103, limit_price=104))
        await whole(it, 0, of_the_bar)
        assert prices(it) == ([] if price is None else [Decimal(str(price))])
        assert ExecType.TRIGGERED in kinds(it, order)


async def test_a_stop_limit_below_its_trigger_waits_there_for_the_rest_of_the_path() -> None:
    async with trading(path="high_first") as it:
        order = await it.place(order_of(STOP_LIMIT, BUY, trigger_price=103, limit_price=98))
        await whole(it, 0, (100, 102, 97, 101))  # never triggered, so its limit is not looked at
        assert kinds(it, order) == [ExecType.ACCEPTED]
        await whole(it, 1, (101, 104, 97, 100))
        assert prices(it) == [98]


async def test_a_stop_of_mid_bar_does_not_see_what_the_bar_did_before() -> None:
    async with trading() as it:
        await it.hear(opened(0, 100))
        await it.bench.advance(seconds=1)
        await it.place(order_of(STOP, BUY, trigger_price=103))
        await it.hear(bar(0, (100, 110, 90, 100)))
        assert prices(it) == []
        await whole(it, 1, (100, 110, 90, 100))
        assert prices(it) == [103]


# The path


@pytest.mark.parametrize(
    ("rule", "of_the_bar", "first"),
    [
        ("nearest", (100, 103, 96, 100), "high"),  # 3 up, 4 down
        ("nearest", (100, 104, 97, 100), "low"),
        ("nearest", (100, 104, 96, 101), "low"),  # as near: it closes high, so it was low before
        ("nearest", (100, 104, 96, 99), "high"),
        ("high_first", (100, 104, 97, 100), "high"),
        ("low_first", (100, 103, 96, 100), "low"),
    ],
)
async def test_orders_trade_in_the_order_in_which_the_path_comes_to_them(
    rule: str, of_the_bar: Prices, first: str
) -> None:
    async with trading(path=rule) as it:
        await it.place(limit_order(SELL, 1, 102))
        await it.place(limit_order(BUY, 1, 98))
        await whole(it, 0, of_the_bar)
        assert prices(it) == ([102, 98] if first == "high" else [98, 102])


async def test_of_two_exits_in_one_bar_the_path_decides_and_the_other_finds_nothing() -> None:
    async with trading() as it:
        await it.place(market_order(BUY, 2))
        await it.hear(opened(0, 100))
        profit = await it.place(order_of(LIMIT, SELL, 2, limit_price=104, reduce_only=True))
        loss = await it.place(order_of(STOP, SELL, 2, trigger_price=97, reduce_only=True))
        await whole(it, 1, (100, 105, 96, 100))  # low first
        assert (it.status(loss), it.price(loss), it.filled(profit)) == (FILLED, Decimal(97), Decimal(0))
        assert it.status(profit) is ACCEPTED  # a limit waits until there is something to reduce


# Trailing stops


async def test_a_trailing_stop_follows_what_the_market_does_and_tells_where_it_is() -> None:
    async with trading() as it:
        order = await it.place(order_of(TRAILING, SELL, trailing_offset=3))
        await it.hear(opened(0, 100))
        await it.hear(bar(0, (100, 106, 99, 105)))  # low first: 97 holds, then it follows to 106
        await it.hear(opened(1, 105), bar(1, (105, 105.5, 104, 104.5)))
        assert [each.terms.trigger_price for each in it.of(order) if each.terms] == [97, 103]
        await whole(it, 2, (104, 104.5, 102, 103))
        assert prices(it) == [103]


async def test_a_trailing_buy_follows_downwards_and_fills_at_a_gap() -> None:
    async with trading() as it:
        order = await it.place(order_of(TRAILING, BUY, trailing_offset="2.5"))
        await whole(it, 0, (100, 100, 95, 95))
        assert [each.terms.trigger_price for each in it.of(order) if each.terms] == [
            Decimal("102.5"),
            Decimal("97.5"),
        ]
        await it.hear(opened(1, 99))
        assert prices(it) == [99]


async def test_a_trailing_trigger_moves_by_whole_steps_of_ticks() -> None:
    async with trading(trailing_step_ticks=50) as it:  # of 0.01
        order = await it.place(order_of(TRAILING, SELL, trailing_offset=1))
        for number, price in enumerate((100, 100.49, 100.5, 100.99)):
            await it.hear(opened(number, price))
        told = [each.terms.trigger_price for each in it.of(order) if each.terms]
        assert told == [99, Decimal("99.5")]


async def test_another_offset_is_counted_from_the_best_price_so_far() -> None:
    async with trading() as it:
        order = await it.place(order_of(TRAILING, SELL, trailing_offset=3))
        await whole(it, 0, (100, 106, 100, 105))
        await it.amend(order.client_order_id, Terms(Decimal(1), trailing_offset=Decimal(2)))
        assert it.of(order)[-1].terms == Terms(Decimal(1), None, Decimal(104), Decimal(2))


# How long an order lasts


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
async def test_an_immediate_stop_waits_for_its_trigger_and_not_longer(time_in_force: TimeInForce) -> None:
    async with trading() as it:
        wanted = order_of(STOP_LIMIT, BUY, trigger_price=103, limit_price=102)
        order = await it.place(lasting(wanted, time_in_force))
        await it.hear(opened(0, 100))
        assert it.status(order) is ACCEPTED
        await it.hear(opened(1, 104))
        assert it.status(order) is CANCELED
        assert it.of(order)[-1].reason == "it could not trade at once"


async def test_a_day_order_may_trade_until_midnight_and_on_the_bar_that_ends_then() -> None:
    async with trading() as it:
        for price in (95, 94):
            await it.place(limit_order(BUY, 1, price, time_in_force=TimeInForce.DAY))
        await whole(it, 0, (100, 101, 95, 100), span=DAY)
        await it.hear(opened(1, 90, span=DAY))
        first, second = it.desk.records.values()
        assert (first.status, second.status) == (FILLED, OrderStatus.EXPIRED)
        (expired,) = [each for each in it.reports if each.kind is ExecType.EXPIRED]
        assert (expired.at, expired.reason) == (BEGIN + DAY, "its time is over")


async def test_an_order_does_not_trade_on_a_bar_within_which_its_time_ends() -> None:
    async with trading() as it:
        wanted = limit_order(BUY, 1, 95, time_in_force=TimeInForce.GTD)
        order = await it.place(lasting(wanted, TimeInForce.GTD, expires_at=BEGIN + 30 * SECOND))
        await whole(it, 0, (100, 101, 90, 100))
        assert it.status(order) is OrderStatus.EXPIRED


async def test_an_order_expires_also_where_nothing_trades() -> None:
    async with trading() as it:
        wanted = limit_order(BUY, 1, 95)
        order = await it.place(lasting(wanted, TimeInForce.GTD, expires_at=BEGIN + 30 * SECOND))
        await it.bench.advance(seconds=30)
        await it.hear()
        assert len(it.reports) == 1
        await it.bench.advance(seconds=1)
        assert it.reports[-1].kind is ExecType.EXPIRED
        assert it.reports[-1].client_order_id == order.client_order_id


async def test_an_order_whose_time_was_over_when_it_came_is_rejected() -> None:
    async with trading(order_latency_ms=2_000) as it:
        wanted = limit_order(BUY, 1, 95)
        await it.place(lasting(wanted, TimeInForce.GTD, expires_at=BEGIN + SECOND))
        await it.bench.advance(seconds=2)
        assert [(each.kind, each.reason) for each in it.reports] == [
            (ExecType.REJECTED, "its time was over when it came")
        ]


# Reduce-only and post-only


async def test_a_reduce_only_order_trades_what_there_is_and_no_more() -> None:
    async with trading() as it:
        await it.place(market_order(BUY, 3))
        await it.hear(opened(0, 100))
        order = await it.place(order_of(MARKET, SELL, 5, reduce_only=True))
        await it.hear(opened(1, 101))
        assert (it.filled(order), it.status(order)) == (Decimal(3), CANCELED)
        assert it.of(order)[-1].reason == "nothing is left to reduce"


@pytest.mark.parametrize("side", [BUY, SELL])
async def test_a_reduce_only_limit_waits_for_a_position_of_its_own_portfolio(side: Side) -> None:
    async with trading() as it:
        other = BUY if side is SELL else SELL
        price = {"limit_price": 100, "reduce_only": True}
        order = await it.place(order_of(LIMIT, side, 5, **price))
        await it.place(msgspec.structs.replace(market_order(other, 4), portfolio="another"))
        await it.hear(opened(0, 100), opened(1, 100))
        assert it.filled(order) == 0
        await it.place(market_order(other, 2))
        await it.hear(opened(2, 100), opened(3, 100))
        assert (it.filled(order), it.status(order)) == (Decimal(2), OrderStatus.PARTIALLY_FILLED)
        await it.place(market_order(other, 9))
        await it.hear(opened(4, 100), opened(5, 100))
        assert it.status(order) is FILLED
        assert [each.exec_id[-2:] for each in it.of(order) if each.exec_id] == ["/1", "/2"]


@pytest.mark.parametrize(("limit", "trades"), [(101, False), (100, False), (99, True)])
async def test_a_post_only_order_must_not_trade_at_the_first_price(limit: int, trades: bool) -> None:
    async with trading() as it:
        order = await it.place(order_of(LIMIT, BUY, limit_price=limit, post_only=True))
        await it.hear(opened(0, 100))
        assert it.status(order) is (ACCEPTED if trades else CANCELED)
        if not trades:
            assert it.of(order)[-1].reason == "it would have taken liquidity"
        await it.hear(opened(1, 98))
        assert it.filled(order) == trades


# Modifying and asking


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (Terms(Decimal(0), Decimal(95)), "the quantity 0 is not a positive number"),
        (Terms(Decimal(2)), "a limit order needs limit_price"),
        (Terms(Decimal(2), Decimal(95), Decimal(96)), "a limit order takes no trigger_price"),
    ],
)
async def test_terms_that_make_no_sense_are_refused(terms: Terms, reason: str) -> None:
    async with trading() as it:
        order = await it.place(limit_order(BUY, 3, 95))
        await it.amend(order.client_order_id, terms)
        assert (kinds(it, order)[-1], it.of(order)[-1].reason) == (ExecType.UPDATE_REJECTED, reason)
        await whole(it, 0, (100, 100, 95, 100))
        assert it.filled(order) == 3


async def test_what_has_traded_or_was_triggered_cannot_be_modified_away() -> None:
    async with trading(participation="1") as it:
        order = await it.place(limit_order(BUY, 5, 100))
        stop = await it.place(order_of(STOP_LIMIT, BUY, trigger_price=99, limit_price=95))
        await it.hear(opened(0, 100), bar(0, (100, 100, 100, 100), volume=3))
        await it.amend(order.client_order_id, Terms(Decimal(3), Decimal(100)))
        assert it.of(order)[-1].reason == "3 of it has traded already"
        await it.amend(stop.client_order_id, Terms(Decimal(1), Decimal(95), Decimal(98)))
        assert it.of(stop)[-1].reason == "it has been triggered already"
        await it.amend(order.client_order_id, Terms(Decimal(4), Decimal(100)))
        await it.hear(opened(1, 100), bar(1, (100, 100, 100, 100), volume=3))
        assert (it.filled(order), it.status(order)) == (Decimal(4), FILLED)


@pytest.mark.parametrize(
    ("quantity", "limit", "first"),
    [(1, 100, "1"), (2, 100, "1"), (3, 100, "2"), (2, 101, "2"), (2, "100.5", "2")],
)
async def test_only_an_order_that_becomes_smaller_keeps_its_place(
    quantity: int, limit: int | str, first: str
) -> None:
    async with trading() as it:
        order = await it.place(limit_order(BUY, 2, 100))
        await it.place(limit_order(BUY, 2, 100))
        await it.amend(order.client_order_id, Terms(Decimal(quantity), Decimal(limit)))
        await it.hear(opened(0, 100))
        filled = [each.client_order_id for each in it.reports if each.kind is ExecType.FILLED]
        assert filled[0][-1] == first


async def test_a_modified_price_does_not_trade_on_what_the_bar_did_before() -> None:
    async with trading() as it:
        order = await it.place(limit_order(BUY, 1, 90))
        await it.hear(opened(0, 100))
        await it.bench.advance(seconds=30)
        await it.amend(order.client_order_id, Terms(Decimal(1), Decimal(96)))
        await it.hear(bar(0, (100, 100, 95, 100)))
        assert it.filled(order) == 0
        await whole(it, 1, (100, 100, 95, 100))
        assert it.price(order) == 96


async def test_an_order_that_is_over_or_never_was_cannot_be_modified() -> None:
    async with trading() as it:
        order = await it.place(market_order())
        await it.hear(opened(0, 100))
        await it.amend(order.client_order_id, Terms(Decimal(2)))
        assert it.of(order)[-1].kind is ExecType.UPDATE_REJECTED
        assert it.of(order)[-1].reason == "it is not working here"


async def test_asked_after_an_order_it_says_where_it_stands() -> None:
    async with trading() as it:
        waiting = await it.place(order_of(STOP_LIMIT, BUY, trigger_price=99, limit_price=95))
        over = await it.place(market_order())
        await it.hear(opened(0, 100))
        await it.amend(waiting.client_order_id, Terms(Decimal(2), Decimal(94), Decimal(99)))
        told = len(it.reports)
        for order in (waiting, over, it.lose(market_order())):
            await it.bench.hear(QueryOrder("test", order.client_order_id))
        assert [each.kind for each in it.reports[told:]] == [
            ExecType.ACCEPTED,
            ExecType.TRIGGERED,
            ExecType.UPDATED,
            ExecType.FILLED,
            ExecType.ABSENT,
        ]
        assert it.filled(over) == 1


async def test_an_order_that_is_here_already_or_was_absent_is_not_taken_once_more() -> None:
    async with trading() as it:
        order = await it.place(market_order())
        lost = it.lose(market_order())
        await it.query(lost.client_order_id)
        for again in (order, lost):
            await it.bench.hear(PlaceOrder("test", again))
        await it.hear(opened(0, 100))
        await it.bench.hear(PlaceOrder("test", order))
        await it.hear(opened(1, 100))
        assert len(prices(it)) == 1
