"""What trading costs at the paper broker, what it rejects, and what a restart finds there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from lts.domain.journal import BalanceSnapshot
from lts.sdk import (
    SECOND,
    AmendOrder,
    ApprovedOrder,
    Bar,
    BarOpened,
    BrokerAssignment,
    ExecType,
    Instrument,
    OrderFilled,
    OrdersRecalled,
    OrderStatus,
    OrderType,
    Position,
    RecallOrders,
    Refused,
    Side,
    Terms,
    TimeInForce,
)
from lts.testing import BEGIN, TEST, Bench, WatchfulDesk, limit_order, market_order
from lts.testing.session import Session, order_of
from plugins.broker.paper.plugin import PaperBroker

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

MINUTE = 60 * SECOND
BUY, SELL = Side.BUY, Side.SELL
FUTURE = Instrument("TEST", "USD", Decimal("0.25"), Decimal("0.1"), Decimal(50), Decimal(1_000))


@asynccontextmanager
async def trading(instrument: Instrument = TEST, /, **params: Any) -> AsyncIterator[Session]:
    desk = WatchfulDesk()
    there = BrokerAssignment("test", {"TEST": instrument})
    async with Bench(PaperBroker, params, assignment=there, answers={RecallOrders: desk.recall}) as bench:
        yield Session(bench, desk)


async def whole(it: Session, number: int, price: float, volume: float = 1e6) -> None:
    begin = BEGIN + number * MINUTE
    await it.hear(BarOpened("TEST", begin, price))
    await it.hear(Bar("TEST", begin, begin + MINUTE, price, price, price, price, volume))


def fees(it: Session) -> list[Decimal]:
    return [each.fee for each in it.reports if each.kind is ExecType.FILLED]


def last(it: Session, order: ApprovedOrder) -> tuple[ExecType, str]:
    report = it.of(order)[-1]
    return report.kind, report.reason


# Commission


@pytest.mark.parametrize(
    ("tariff", "fee"),
    [
        ({"commission_bps": "2"}, "7.14"),  # 2 / 10,000 of 7 × 102 × 50
        ({"commission_per_unit": "0.3"}, "2.1"),
        ({"commission_per_lot": "0.02"}, "1.4"),  # 70 lots of 0.1
        ({"commission_bps": "2", "commission_per_unit": "0.3", "commission_per_lot": "0.02"}, "10.64"),
        ({"commission_bps": "2", "commission_min": "10"}, "10"),
        ({"commission_bps": "2", "commission_max": "5"}, "5"),
        ({"commission_min": "1"}, "1"),
        ({"commission_bps": "2", "commission_min": "1", "commission_max": "8"}, "7.14"),
    ],
)
async def test_a_tariff_is_reckoned_on_notional_units_and_lots_within_its_bounds(
    tariff: dict[str, str], fee: str
) -> None:
    async with trading(FUTURE, **tariff) as it:
        await it.place(market_order(BUY, 7))
        await whole(it, 0, 102)
        assert fees(it) == [Decimal(fee)]


async def test_a_lot_that_is_begun_counts_whole() -> None:
    async with trading(FUTURE, commission_per_lot="1") as it:
        await it.place(market_order(BUY, "0.31"))
        await whole(it, 0, 100)
        assert fees(it) == [4]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"commission_min": "5"}, ["5", "0", "1"]),  # 2, then 2 more, then 2 more, but 5 at least
        ({"commission_max": "5"}, ["2", "2", "1"]),
    ],
)
async def test_bounds_are_of_the_order_and_not_of_each_part(
    bounds: dict[str, str], expected: list[str]
) -> None:
    async with trading(commission_per_unit="1", participation="1", **bounds) as it:
        await it.place(market_order(BUY, 6))
        for number in range(3):
            await whole(it, number, 100, volume=2)
        assert fees(it) == [Decimal(each) for each in expected]


# Slippage


@pytest.mark.parametrize(
    ("side", "params", "price"),
    [
        (BUY, {"slippage_ticks": "2"}, "100.02"),
        (SELL, {"slippage_ticks": "2"}, "99.98"),
        (BUY, {"slippage_ticks": "1", "slippage_bps": "10"}, "100.11"),
        (SELL, {"slippage_ticks": "20000"}, "0.01"),
    ],
)
async def test_slippage_is_a_share_and_ticks_and_leaves_a_tick(
    side: Side, params: dict[str, str], price: str
) -> None:
    async with trading(**params) as it:
        order = await it.place(market_order(side))
        await whole(it, 0, 100)
        assert it.price(order) == Decimal(price)


# What it rejects


@pytest.mark.parametrize(
    ("quantity", "limit", "reason"),
    [
        ("0.25", "100", "0.25 is no whole number of lots of 0.1"),
        ("0.2", "100.3", "the limit price 100.3 is no whole number of ticks of 0.25"),
        ("0.1", "199.75", "it is worth less than the minimum of 1000"),
        ("0.1", "200", ""),
    ],
)
async def test_a_strict_venue_holds_orders_against_their_instrument(
    quantity: str, limit: str, reason: str
) -> None:
    async with trading(FUTURE, strict=True) as it:
        order = await it.place(limit_order(BUY, quantity, limit))
        assert last(it, order) == ((ExecType.REJECTED, reason) if reason else (ExecType.ACCEPTED, ""))


async def test_a_market_order_is_worth_what_the_last_price_says() -> None:
    async with trading(FUTURE, strict=True) as it:
        unknown = await it.place(market_order(BUY, "0.1"))
        await whole(it, 0, 199)
        small = await it.place(market_order(BUY, "0.1"))
        await whole(it, 1, 201)
        enough = await it.place(market_order(BUY, "0.1"))
        assert [it.of(each)[0].kind for each in (unknown, small, enough)] == [
            ExecType.ACCEPTED,
            ExecType.REJECTED,
            ExecType.ACCEPTED,
        ]


async def test_a_strict_venue_refuses_terms_off_the_tick() -> None:
    async with trading(FUTURE, strict=True) as it:
        order = await it.place(limit_order(BUY, 1, 100))
        await it.amend(order.client_order_id, Terms(Decimal(1), Decimal("100.1")))
        assert last(it, order)[0] is ExecType.UPDATE_REJECTED


# Margin


async def test_what_equity_does_not_carry_is_rejected_and_orders_that_work_count() -> None:
    async with trading(balance="1000", leverage="2") as it:
        await whole(it, 0, 100)
        fits = await it.place(limit_order(BUY, 15, 90))  # valued at the last price: 1,500 of 2,000
        other_side = await it.place(limit_order(SELL, 20, 110))  # 2,000: not at once with the buy
        too_much = await it.place(market_order(BUY, 6))
        assert [it.of(each)[0].kind for each in (fits, other_side)] == [ExecType.ACCEPTED] * 2
        assert last(it, too_much) == (
            ExecType.REJECTED,
            "positions and orders could come to 2100, and 2000 can be carried",
        )
        await it.withdraw(fits.client_order_id)
        assert last(it, await it.place(market_order(BUY, 20)))[0] is ExecType.ACCEPTED


async def test_equity_is_what_was_paid_and_what_is_held_is_worth() -> None:
    async with trading(balance="1000", commission_per_unit="1") as it:
        await whole(it, 0, 100)
        await it.place(market_order(BUY, 8))
        await whole(it, 1, 100)  # 1,000 − 8
        await whole(it, 2, 200)  # 1,792 now, and 1,600 is carried
        assert last(it, await it.place(market_order(BUY, 1)))[1].endswith(
            "could come to 1800, and 1792 can be carried"
        )
        await whole(it, 3, 50)  # 592, and 400
        assert last(it, await it.place(market_order(BUY, 4)))[1].endswith(
            "could come to 600, and 592 can be carried"
        )
        assert last(it, await it.place(market_order(BUY, 3)))[0] is ExecType.ACCEPTED


async def test_what_reduces_is_always_carried_and_each_portfolio_has_its_own() -> None:
    async with trading(balance="1000") as it:
        await whole(it, 0, 100)
        await it.place(market_order(BUY, 10))
        await whole(it, 1, 100)
        await whole(it, 2, 10)  # equity 100, and 100 is carried
        reducing = [market_order(SELL, 10), order_of(OrderType.MARKET, SELL, 90, reduce_only=True)]
        another = msgspec.structs.replace(market_order(BUY, 100), portfolio="another")
        for order in (*reducing, another):
            assert last(it, await it.place(order))[0] is ExecType.ACCEPTED
        await it.place(market_order(BUY, 1))
        assert it.reports[-1].kind is ExecType.REJECTED


async def test_without_a_price_there_is_no_margin_to_reckon() -> None:
    async with trading(balance="1000") as it:
        assert last(it, await it.place(market_order()))[1] == "TEST has no price yet to reckon its margin by"
        assert last(it, await it.place(limit_order(BUY, 10, 100)))[0] is ExecType.ACCEPTED


async def test_more_of_an_order_needs_more_margin() -> None:
    async with trading(balance="1000") as it:
        order = await it.place(limit_order(BUY, 5, 100))
        await it.amend(order.client_order_id, Terms(Decimal(11), Decimal(100)))
        assert last(it, order)[0] is ExecType.UPDATE_REJECTED
        await it.amend(order.client_order_id, Terms(Decimal(10), Decimal(100)))
        assert last(it, order)[0] is ExecType.UPDATED


async def test_margin_in_two_currencies_is_refused() -> None:
    euro = Instrument("EURO", "EUR", Decimal(1), Decimal(1))
    both = BrokerAssignment("test", {"TEST": TEST, "EURO": euro})
    with pytest.raises(Refused, match="margin counts one currency, not EUR, USD; take balance away"):
        async with Bench(PaperBroker, {"balance": "1"}, assignment=both):
            pass


@pytest.mark.requirement("INT-003", "INT-018")
@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"commission_min": "2", "commission_max": "1"}, "commission_max is below commission_min"),
        ({"leverage": "2"}, "leverage needs a balance"),
        ({"queue_ahead": "2"}, "a queue is seen on trades alone"),
        ({"participation": "1.1"}, "params.participation"),
        ({"match_on": "dreams"}, "params.match_on"),
    ],
)
async def test_parameters_that_contradict_each_other_are_refused(params: dict[str, str], said: str) -> None:
    with pytest.raises(Refused, match=said):
        async with Bench(PaperBroker, params):
            pass


# What a restart finds


async def test_a_partly_filled_order_goes_on_with_what_is_left_and_what_it_paid() -> None:
    async with trading(participation="1", commission_per_unit="1", commission_min="5") as it:
        order = await it.place(market_order(BUY, 6))
        await whole(it, 0, 100, volume=2)
        await it.bench.restart()
        await whole(it, 1, 100, volume=9)
        assert it.filled(order) == 6
        assert fees(it) == [5, 1]
        assert [each.exec_id[-2:] for each in it.of(order) if each.exec_id] == ["/1", "/2"]


async def test_triggers_terms_and_positions_are_found_again() -> None:
    async with trading() as it:
        await it.place(market_order(BUY, 4))
        trailing = await it.place(
            order_of(OrderType.TRAILING_STOP, SELL, 9, trailing_offset=3, reduce_only=True)
        )
        triggered = await it.place(order_of(OrderType.STOP_LIMIT, trigger_price=100, limit_price=95))
        modified = await it.place(limit_order(BUY, 5, 90))
        await it.amend(modified.client_order_id, Terms(Decimal(2), Decimal(95)))
        await whole(it, 0, 100)
        await whole(it, 1, 105)
        await it.bench.restart()
        assert it.bench.actor.holdings.reducible(it.bench.actor.tickets[trailing.client_order_id]) == 4
        await whole(it, 2, 103)
        assert it.status(trailing) is OrderStatus.ACCEPTED
        await whole(it, 3, 95)
        assert (it.filled(trailing), it.price(trailing)) == (Decimal(4), Decimal(95))
        assert (it.filled(triggered), it.filled(modified)) == (Decimal(1), Decimal(2))


async def test_a_request_that_was_under_way_is_answered_after_a_restart() -> None:
    async with trading() as it:
        canceled = await it.place(limit_order(BUY, 1, 90))
        modified = await it.place(limit_order(BUY, 1, 90))
        it.desk.withdraw(canceled.client_order_id, it.bench.now)
        it.desk.records[modified.client_order_id].advance(OrderStatus.PENDING_UPDATE, it.bench.now)
        await it.bench.restart()
        await it.hear()
        await whole(it, 0, 100)
        assert last(it, canceled)[0] is ExecType.CANCELED
        assert last(it, modified) == (ExecType.UPDATE_REJECTED, "the venue was away")
        assert it.status(modified) is OrderStatus.ACCEPTED


async def test_a_day_order_keeps_its_day_over_a_restart() -> None:
    async with trading() as it:
        order = await it.place(limit_order(BUY, 1, 90, time_in_force=TimeInForce.DAY))
        await it.bench.restart()
        await it.bench.advance(86_401)
        await it.hear(BarOpened("TEST", it.bench.now, 100))
        assert it.status(order) is OrderStatus.EXPIRED
        assert it.of(order)[-1].at == BEGIN + 1_440 * MINUTE


@pytest.mark.parametrize("wish", [None, OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_UPDATE])
async def test_an_order_whose_time_was_over_meanwhile_expires_and_no_more(wish: OrderStatus | None) -> None:
    async with trading() as it:
        wanted = limit_order(BUY, 1, 90, time_in_force=TimeInForce.GTD)
        order = await it.place(msgspec.structs.replace(wanted, expires_at=BEGIN + SECOND))
        if wish:
            it.desk.records[order.client_order_id].advance(wish, BEGIN)
        it.bench.bus.clock.advance(BEGIN + SECOND)
        await it.bench.restart()
        await it.hear(AmendOrder("test", order.client_order_id, order.terms))
        assert it.status(order) is OrderStatus.EXPIRED
        await it.withdraw(order.client_order_id)


async def test_what_was_under_way_at_a_distance_has_arrived_and_what_was_said_has_not_happened() -> None:
    async with trading(order_latency_ms=1_000, report_latency_ms=1_000) as it:
        order = await it.place(market_order())
        await it.bench.restart()  # the order was under way
        await it.bench.advance(1)
        await it.hear(BarOpened("TEST", BEGIN + MINUTE, 100))
        await it.bench.restart()  # the news of its fill was under way
        await it.hear(BarOpened("TEST", BEGIN + 2 * MINUTE, 101))
        await it.bench.advance(1)
        await it.hear(BarOpened("TEST", it.bench.now, 102))
        assert (it.filled(order), it.price(order)) == (Decimal(1), Decimal(101))


async def test_an_order_for_what_is_no_longer_traded_is_cancelled() -> None:
    desk = WatchfulDesk()
    record_of = market_order(instrument="GONE")
    desk.place(record_of)
    async with Bench(PaperBroker, answers={RecallOrders: desk.recall}) as bench:
        it = Session(bench, desk)
        await it.hear(BarOpened("TEST", BEGIN, 100))
        assert last(it, record_of) == (ExecType.CANCELED, "GONE is no longer traded here")


async def test_archived_fills_still_make_a_position_and_equity() -> None:
    fill = WatchfulDesk().fill(market_order(BUY, 5), price=100, fee=7)
    assert isinstance(fill, OrderFilled)
    position = Position("test", "TEST").after(fill.fill)
    kept = OrdersRecalled((), (BalanceSnapshot(position, "test", 1, BEGIN),))
    desk = WatchfulDesk()
    async with Bench(PaperBroker, {"balance": "1000"}, answers={RecallOrders: kept}) as bench:
        it = Session(bench, desk)
        assert last(it, await it.place(market_order(BUY, 5)))[1].endswith(
            "come to 1000, and 993 can be carried"
        )
        order = await it.place(order_of(OrderType.MARKET, SELL, 9, reduce_only=True))
        await whole(it, 0, 100)
        assert it.filled(order) == 5


async def test_positions_that_stand_side_by_side_are_carried_each_by_itself() -> None:
    async with trading(balance="1000") as it:
        await whole(it, 0, 100)
        long = await it.place(order_of(OrderType.MARKET, BUY, 6, position="long"))
        await whole(it, 1, 100)
        assert it.status(long) is OrderStatus.FILLED
        short = await it.place(order_of(OrderType.MARKET, SELL, 5, position="short"))
        assert it.status(short) is OrderStatus.REJECTED  # 600 and 500 are more than 1,000
        short = await it.place(order_of(OrderType.MARKET, SELL, 4, position="short"))
        await whole(it, 2, 100)
        assert it.status(short) is OrderStatus.FILLED
        await it.bench.restart()
        await whole(it, 3, 100)
        closing = await it.place(order_of(OrderType.MARKET, SELL, 9, position="long", reduce_only=True))
        await whole(it, 4, 100)
        assert it.filled(closing) == 6


async def test_what_was_archived_of_a_position_can_be_reduced() -> None:
    held = Position("test", "TEST", quantity=Decimal(6), cost=Decimal(600), id="long")
    flat = BalanceSnapshot(Position("test", "TEST"), "test", 1, BEGIN)
    recalled = OrdersRecalled((), (flat, BalanceSnapshot(held, "test", 0, BEGIN)))
    answers = {RecallOrders: recalled}
    there = BrokerAssignment("test", {"TEST": TEST}, "hedging")
    async with Bench(PaperBroker, {"balance": "1000"}, assignment=there, answers=answers) as bench:
        it = Session(bench, WatchfulDesk())
        closing = await it.place(order_of(OrderType.MARKET, SELL, 9, position="long", reduce_only=True))
        other = await it.place(order_of(OrderType.MARKET, SELL, 1, position="short", reduce_only=True))
        await whole(it, 1, 100)
        assert it.filled(closing) == 6
        assert it.filled(other) == 0
