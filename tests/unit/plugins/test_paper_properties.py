"""Whatever is ordered and whatever the market does, the paper broker keeps these laws.

Prices are whole ticks, so that an independent venue can walk the path of a bar tick by tick.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lts.sdk import (
    SECOND,
    ApprovedOrder,
    Bar,
    BarOpened,
    ExecutionReport,
    Order,
    OrderRecord,
    OrderType,
    RecallOrders,
    Side,
    Terms,
    TimeInForce,
)
from lts.testing import BEGIN, Bench, WatchfulDesk, limit_order
from lts.testing.contract import run
from lts.testing.session import Session, order_of
from plugins.broker.paper.plugin import PaperBroker

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

MINUTE = 60 * SECOND
Prices = tuple[int, int, int, int]
GTC, IOC, FOK, GTD = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD


@dataclass
class Step:
    """What is asked of the venue after a bar, and the bar that follows."""

    orders: list[ApprovedOrder] = field(default_factory=list)
    cancel: int | None = None
    amend: tuple[int, int, int] | None = None
    restart: bool = False
    prices: Prices = (100, 100, 100, 100)
    volume: int = 0


@st.composite
def bars(draw: st.DrawFn) -> Prices:
    low = draw(st.integers(90, 110))
    high = low + draw(st.integers(0, 12))
    return draw(st.integers(low, high)), high, low, draw(st.integers(low, high))


@st.composite
def orders(draw: st.DrawFn, *, plain: bool = False, hedged: bool = False) -> ApprovedOrder:
    kind = draw(st.sampled_from(OrderType))
    fields: dict[str, Any] = {}
    if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT}:
        fields["limit_price"] = draw(st.integers(88, 122))
    if kind in {OrderType.STOP, OrderType.STOP_LIMIT}:
        fields["trigger_price"] = draw(st.integers(88, 122))
    if kind is OrderType.TRAILING_STOP:
        fields["trailing_offset"] = draw(st.integers(1, 8))
    lasting = [GTC] if kind is OrderType.TRAILING_STOP else [GTC, IOC, FOK]
    fields["time_in_force"] = draw(st.sampled_from(lasting))
    if not plain:
        fields["reduce_only"] = draw(st.booleans())
        if kind is OrderType.LIMIT and fields["time_in_force"] is GTC:
            fields["post_only"] = draw(st.booleans())
    if hedged:
        fields["position"] = draw(st.sampled_from(["a", "b"]))
    return order_of(kind, draw(st.sampled_from(Side)), draw(st.integers(1, 9)), **fields)


def steps(
    *, plain: bool = False, restarts: bool = False, hedged: bool = False
) -> st.SearchStrategy[list[Step]]:
    number = st.none() | st.integers(1, 12)
    step = st.builds(
        Step,
        orders=st.lists(orders(plain=plain, hedged=hedged), max_size=3),
        cancel=st.none() if plain else number,
        amend=st.none() if plain else st.none() | st.tuples(st.integers(1, 12), *[st.integers(1, 12)] * 2),
        restart=st.booleans() if restarts else st.just(value=False),
        prices=bars(),
        volume=st.integers(0, 20),
    )
    return st.lists(step, min_size=1, max_size=12)


def bar(number: int, prices: Prices, volume: int) -> tuple[BarOpened, Bar]:
    begin = BEGIN + number * MINUTE
    opened, high, low, close = map(float, prices)
    return (
        BarOpened("TEST", begin, opened),
        Bar("TEST", begin, begin + MINUTE, opened, high, low, close, float(volume)),
    )


def trade(script: list[Step], **params: Any) -> tuple[list[ExecutionReport], list[OrderRecord]]:
    """Everything that was reported, and the records that it led to."""

    async def scene() -> tuple[list[ExecutionReport], list[OrderRecord]]:
        desk = WatchfulDesk()
        async with Bench(PaperBroker, params, answers={RecallOrders: desk.recall}) as bench:
            it = Session(bench, desk)
            for number, step in enumerate(script):
                for order in step.orders:
                    await it.place(order)
                records = list(desk.records.values())
                if step.amend and step.amend[0] <= len(records):
                    await _amend(it, records[step.amend[0] - 1], step.amend)
                if step.cancel and step.cancel <= len(records):
                    await it.withdraw(records[step.cancel - 1].order.client_order_id)
                if step.restart:
                    await bench.restart()
                await it.hear(*bar(number, step.prices, step.volume))
            return it.reports, list(desk.records.values())

    return run(scene())


async def _amend(it: Session, record: OrderRecord, amend: tuple[int, int, int]) -> None:
    _, quantity, moved = amend
    terms = record.terms
    limit = None if terms.limit_price is None else terms.limit_price + moved - 6
    await it.amend(
        record.order.client_order_id,
        Terms(Decimal(quantity), limit, terms.trigger_price, terms.trailing_offset),
    )


# An independent venue


def walk(prices: Prices) -> Iterator[int]:
    """Each tick that the price passes within a bar, the open first."""
    opened, high, low, close = prices
    up_first = high - opened < opened - low or (high - opened == opened - low and close < opened)
    turns = [opened, *((high, low) if up_first else (low, high)), close]
    yield opened
    for begin, end in pairwise(turns):
        step = 1 if end > begin else -1
        yield from range(begin + step, end + step, step)


def fill_of(order: Order, path: Iterator[tuple[int, int, bool]]) -> tuple[int, int] | None:
    """In which bar and at what price an order trades that volume does not limit."""
    sign = order.side.sign
    asleep = order.type in {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP}
    trigger, best = order.trigger_price, None
    for number, price, is_open in path:
        if order.type is OrderType.TRAILING_STOP and asleep:
            if best is not None and sign * (price - best) >= (order.trailing_offset or 0):
                return number, price
            best = price if best is None else (min if sign > 0 else max)(best, price)
            continue
        woken = asleep
        if asleep:
            if trigger is None or sign * (price - trigger) < 0:
                continue
            asleep = False
        if order.limit_price is None or sign * (price - order.limit_price) <= 0:
            return number, price
        if order.time_in_force is not GTC and (is_open or woken):
            return None
    return None


@settings(max_examples=120)
@given(steps(plain=True))
def test_each_order_trades_where_a_walk_along_the_path_says(script: list[Step]) -> None:
    _, records = trade(script)
    ticks = [(n, p, i == 0) for n, step in enumerate(script) for i, p in enumerate(walk(step.prices))]
    placed = [number for number, step in enumerate(script) for _ in step.orders]
    for record, since in zip(records, placed, strict=True):
        expected = fill_of(record.order, (tick for tick in ticks if tick[0] >= since))
        found = [(fill.at, fill.price, fill.quantity) for fill in record.fills]
        if expected is None:
            assert found == []
        else:
            (at, price, quantity), (number, level) = found[0], expected
            assert len(found) == 1
            assert (price, quantity) == (Decimal(level), record.order.quantity)
            assert (at - BEGIN) // MINUTE in {number, number + 1}
            assert script[number].prices[2] <= price <= script[number].prices[1]


# Laws


@settings(max_examples=60)
@given(steps(restarts=True), st.sampled_from([None, "1", "0.3"]), st.sampled_from(["0", "25"]))
def test_no_fill_breaks_its_quantity_its_limit_or_the_range_of_its_bar(
    script: list[Step], participation: str | None, slippage: str
) -> None:
    _, records = trade(script, participation=participation, slippage_bps=slippage)
    slip = Decimal(slippage) / 10_000
    for record in records:
        assert record.filled <= record.quantity
        for fill in record.fills:
            number = (fill.at - BEGIN) // MINUTE
            ranges = [script[n].prices for n in (number, number - 1) if 0 <= n < len(script)]
            assert any(low * (1 - slip) <= fill.price <= high * (1 + slip) for _, high, low, _ in ranges)
        limit = record.terms.limit_price
        if limit is not None and record.order.limit_price == limit:
            assert all(fill.side.sign * (fill.price - limit) <= 0 for fill in record.fills)


def test_what_has_to_wait_for_something_to_reduce_trades_where_the_price_is_by_then() -> None:
    sale = limit_order(Side.SELL, 1, 91)
    cover = msgspec.structs.replace(limit_order(Side.BUY, 1, 92), reduce_only=True)
    _, records = trade([Step(orders=[sale, cover], prices=(90, 91, 90, 90))])
    assert [[fill.price for fill in record.fills] for record in records] == [[91], [91]]


@settings(max_examples=60)
@given(steps(restarts=True) | steps(restarts=True, hedged=True), st.sampled_from([None, "1"]))
def test_reduce_only_never_opens_or_turns_a_position(script: list[Step], participation: str | None) -> None:
    reports, records = trade(script, participation=participation)
    by_id = {record.order.client_order_id: record.order for record in records}
    holdings = dict.fromkeys(("", "a", "b"), Decimal(0))
    for report in reports:
        if report.quantity is not None:
            order = by_id[report.client_order_id]
            before = holdings[order.position]
            held = holdings[order.position] = before + order.side.signed(report.quantity)
            if order.reduce_only:
                assert abs(held) < abs(before)
                assert held * before >= 0


@settings(max_examples=60)
@given(steps(restarts=True), st.sampled_from(["1", "0.5", "0.15"]))
def test_no_bar_gives_more_than_its_share(script: list[Step], participation: str) -> None:
    _, records = trade(script, participation=participation)
    traded = [Fraction(0)] * len(script)
    for record in records:
        for fill in record.fills:
            traded[(fill.at - BEGIN) // MINUTE - 1] += Fraction(fill.quantity)
    for quantity, step in zip(traded, script, strict=True):
        assert quantity <= step.volume * Fraction(participation)
        assert quantity.denominator == 1


@settings(max_examples=50)
@given(
    steps(restarts=True),
    st.sampled_from([None, "1"]),
    st.tuples(*[st.integers(0, 30)] * 4),
    st.none() | st.integers(20, 60),
)
def test_an_order_pays_what_the_tariff_says_whatever_its_parts(
    script: list[Step], participation: str | None, tariff: tuple[int, int, int, int], most: int | None
) -> None:
    bps, unit, lot, least = tariff
    _, records = trade(
        script,
        participation=participation,
        commission_bps=str(bps),
        commission_per_unit=str(unit),
        commission_per_lot=str(lot),
        commission_min=str(min(least, 20)),
        commission_max=None if most is None else str(most),
    )
    for record in records:
        notional = sum((Fraction(fill.price) * Fraction(fill.quantity) for fill in record.fills), Fraction(0))
        due = notional * bps / 10_000 + Fraction(record.filled) * (unit + lot)
        due = max(due, Fraction(min(least, 20)))
        due = due if most is None else min(due, Fraction(most))
        paid = sum((Fraction(fill.fee) for fill in record.fills), Fraction(0))
        assert paid == (due if record.fills else 0)


@settings(max_examples=50)
@given(steps(), st.sampled_from([{}, {"participation": "0.4"}, {"slippage_ticks": "3"}]))
def test_the_same_day_is_the_same_each_time(script: list[Step], params: dict[str, str]) -> None:
    assert trade(script, **params)[0] == trade(script, **params)[0]


@settings(max_examples=60)
@given(steps(restarts=True))
def test_a_restart_changes_nothing_but_for_a_post_only_order(script: list[Step]) -> None:
    waiting = [[msgspec.structs.replace(each, post_only=False) for each in step.orders] for step in script]
    script = [replace(step, orders=orders) for step, orders in zip(script, waiting, strict=True)]
    _, restarted = trade(script, participation="0.6")
    _, records = trade([replace(step, restart=False) for step in script], participation="0.6")
    for one, other in zip(restarted, records, strict=True):
        assert (one.order, one.status, one.fills) == (other.order, other.status, other.fills)
