"""The paper broker fills orders on the bars that the feed publishes, by exact rules."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from lts.sdk import (
    ApprovedOrder,
    Bar,
    BarOpened,
    BrokerAssignment,
    ExecType,
    ExecutionReport,
    Instrument,
    InstrumentNotTaken,
    InstrumentTaken,
    PlaceOrder,
    RecallOrders,
    Refused,
    Side,
    TakeInstrument,
    TimeInForce,
    WithdrawOrder,
)
from lts.testing import ABILITIES, BEGIN, TEST, Bench, BrokerContract, WatchfulDesk, limit_order, market_order
from plugins.broker.paper.plugin import PaperBroker

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

MINUTE = 60 * 10**9
BUY, SELL = Side.BUY, Side.SELL
GTC, IOC = TimeInForce.GTC, TimeInForce.IOC
FILLED, CANCELED = ExecType.FILLED, ExecType.CANCELED
NIGHTS = {"financing_long_pct_per_year": "3"}


class TestItsContract(BrokerContract):
    plugin = PaperBroker
    params = {"commission_bps": "2.5", "slippage_bps": "1", **NIGHTS}
    can = ABILITIES


class TestItsContractWhenTradingIsFree(BrokerContract):
    plugin = PaperBroker
    can = set(ABILITIES) - {"financing"}


class TestItsContractOnQuotes(BrokerContract):
    plugin = PaperBroker
    params = {"match_on": "quotes", "commission_per_lot": "1", "commission_max": "2", **NIGHTS}
    can = ABILITIES


class TestItsContractOnTrades(BrokerContract):
    plugin = PaperBroker
    params = {"match_on": "trades", "slippage_ticks": "2", **NIGHTS}
    can = ABILITIES


class TestItsContractInAThinMarket(BrokerContract):
    plugin = PaperBroker
    params = {"participation": "1", "commission_per_unit": "0.01", "commission_min": "1", **NIGHTS}
    can = ABILITIES


class TestItsContractWithMargin(BrokerContract):
    plugin = PaperBroker
    params = {"balance": "10000", "leverage": "10", "strict": True, **NIGHTS}
    can = ABILITIES


def opened(number: int, price: float) -> BarOpened:
    return BarOpened("TEST", BEGIN + number * MINUTE, price)


def bar(number: int, prices: Sequence[float]) -> Bar:
    """The bar of this number: open, high, low, close."""
    first, high, low, close = prices
    return Bar("TEST", BEGIN + number * MINUTE, BEGIN + (number + 1) * MINUTE, first, high, low, close, 1.0)


def place(order: ApprovedOrder) -> PlaceOrder:
    return PlaceOrder("test", order)


def fills(bench: Bench[PaperBroker]) -> list[tuple[Decimal | None, Decimal | None, Decimal]]:
    """Quantity, price and fee of each."""
    reports = bench.published(ExecutionReport)
    return [(each.quantity, each.price, each.fee) for each in reports if each.kind is FILLED]


def kinds(bench: Bench[PaperBroker]) -> list[ExecType]:
    return [each.kind for each in bench.published(ExecutionReport)]


# Market orders


@pytest.mark.parametrize(
    ("side", "slippage", "price"),
    [
        (BUY, "0", "7161.51"),
        (BUY, "1", "7162.226151"),
        (SELL, "1", "7160.793849"),
        (BUY, "12.5", "7170.4618875"),
        (SELL, "9999", "0.716151"),
    ],
)
async def test_a_market_order_fills_at_the_next_open_and_slips_against_it(
    side: Side, slippage: str, price: str
) -> None:
    async with Bench(PaperBroker, {"slippage_bps": slippage}) as bench:
        await bench.hear(bar(0, [7160.69, 7160.69, 7159.64, 7159.64]))
        await bench.hear(place(market_order(side, 3, at=bench.now)))
        assert kinds(bench) == [ExecType.ACCEPTED]
        await bench.hear(opened(1, 7161.51))
        assert fills(bench) == [(Decimal(3), Decimal(price), Decimal(0))]
        filled = bench.published(ExecutionReport)[-1]
        assert (filled.at, filled.exec_id) == (BEGIN + MINUTE, "test-TEST-000001")


async def test_commission_is_on_notional_and_unrounded() -> None:
    future = Instrument("TEST", "USD", TEST.tick_size, TEST.lot_size, multiplier=Decimal(50))
    params = {"commission_bps": "2.5", "slippage_bps": "1"}
    async with Bench(PaperBroker, params, assignment=BrokerAssignment("test", {"TEST": future})) as bench:
        await bench.hear(place(market_order(BUY, "0.3")), opened(1, 1228.099976))
        price = Decimal("1228.2227859976")
        fee = Decimal("0.3") * price * 50 * Decimal("0.00025")
        assert fills(bench) == [(Decimal("0.3"), price, fee)]
        assert fee == Decimal("4.6058354474910000")


async def test_an_order_of_mid_bar_waits_for_the_next_open() -> None:
    async with Bench(PaperBroker) as bench:
        await bench.hear(opened(0, 100))
        await bench.advance(seconds=30)
        await bench.hear(place(market_order(at=bench.now)))
        await bench.hear(bar(0, [100, 110, 90, 105]))
        assert fills(bench) == []
        await bench.hear(opened(1, 106))
        assert fills(bench) == [(Decimal(1), Decimal(106), Decimal(0))]


async def test_orders_fill_in_the_order_in_which_they_came_and_once() -> None:
    async with Bench(PaperBroker) as bench:
        await bench.hear(*(place(market_order(number=number)) for number in (2, 1, 3)))
        await bench.hear(opened(1, 100), opened(2, 101))
        filled = [each for each in bench.published(ExecutionReport) if each.kind is FILLED]
        assert [each.client_order_id[-1] for each in filled] == ["2", "1", "3"]
        assert {each.price for each in filled} == {Decimal(100)}


async def test_an_open_of_another_instrument_fills_nothing() -> None:
    other = Instrument("OTHER", "USD", TEST.tick_size, TEST.lot_size)
    both = BrokerAssignment("test", {"TEST": TEST, "OTHER": other})
    async with Bench(PaperBroker, assignment=both) as bench:
        await bench.hear(place(market_order()), BarOpened("OTHER", BEGIN, 100))
        assert fills(bench) == []


# Limit orders


@pytest.mark.parametrize(
    ("side", "limit", "price"), [(BUY, 101, 100), (BUY, 100, 100), (SELL, 99, 100), (SELL, 100, 100)]
)
async def test_a_limit_order_fills_at_an_open_as_good_as_its_limit_without_slippage(
    side: Side, limit: int, price: int
) -> None:
    async with Bench(PaperBroker, {"slippage_bps": "50", "commission_bps": "10"}) as bench:
        await bench.hear(place(limit_order(side, 2, limit)), opened(1, 100))
        assert fills(bench) == [(Decimal(2), Decimal(price), Decimal("0.2"))]


@pytest.mark.parametrize(
    ("side", "limit", "trades"),
    [(BUY, 95, True), (BUY, "94.99", False), (SELL, 110, True), (SELL, "110.01", False)],
)
async def test_a_limit_order_fills_within_the_first_bar_that_touches_it_at_its_limit(
    side: Side, limit: int | str, trades: bool
) -> None:
    async with Bench(PaperBroker) as bench:
        await bench.hear(place(limit_order(side, 1, limit)), opened(1, 100))
        assert fills(bench) == []
        await bench.hear(bar(1, [100, 110, 95, 101]))
        assert fills(bench) == ([(Decimal(1), Decimal(limit), Decimal(0))] if trades else [])


async def test_a_limit_order_of_mid_bar_does_not_trade_on_that_bar() -> None:
    async with Bench(PaperBroker) as bench:
        await bench.hear(opened(0, 100))
        await bench.advance(seconds=1)
        await bench.hear(place(limit_order(BUY, 1, 95, at=bench.now)))
        await bench.hear(bar(0, [100, 100, 90, 100]))
        assert fills(bench) == []
        await bench.hear(opened(1, 100), bar(1, [100, 100, 95, 100]))
        assert fills(bench) == [(Decimal(1), Decimal(95), Decimal(0))]


async def test_an_ioc_order_has_one_open_to_trade() -> None:
    async with Bench(PaperBroker) as bench:
        await bench.hear(
            place(limit_order(BUY, 1, 99, number=1, time_in_force=IOC)),
            place(limit_order(BUY, 1, 100, number=2, time_in_force=IOC)),
            place(limit_order(BUY, 1, 99, number=3, time_in_force=GTC)),
        )
        await bench.hear(opened(1, 100), bar(1, [100, 100, 98, 100]))
        ends = [(each.client_order_id[-1], each.kind) for each in bench.published(ExecutionReport)[3:]]
        assert ends == [("1", CANCELED), ("2", FILLED), ("3", FILLED)]
        assert bench.published(ExecutionReport)[3].reason == "it could not trade at once"


# What is withdrawn, and what lasts


async def test_a_withdrawn_order_is_gone() -> None:
    async with Bench(PaperBroker) as bench:
        await bench.hear(place(market_order()), WithdrawOrder("test", "test-TEST-000001"))
        await bench.hear(opened(1, 100))
        assert kinds(bench) == [ExecType.ACCEPTED, CANCELED]


async def test_after_a_restart_it_works_what_the_journal_has_as_sent_and_not_ended() -> None:
    desk = WatchfulDesk()
    async with Bench(PaperBroker, answers={RecallOrders: desk.recall}) as bench:
        await bench.hear(*(desk.place(market_order(number=number)) for number in (1, 2, 3)))
        await bench.hear(desk.withdraw("test-TEST-000002", bench.now))
        for report in bench.published(ExecutionReport):
            desk.take(report)
        desk.place(market_order(number=4))  # the broker failed before it came to this one
        await bench.restart()
        await bench.hear(opened(1, 100))
        assert [each.client_order_id[-1] for each in bench.published(ExecutionReport)[-4:]] == list("4134")
        assert len(fills(bench)) == 3


@pytest.mark.requirement("INT-003", "INT-018")
@pytest.mark.parametrize(
    "params",
    [{"commission_bps": "-1"}, {"slippage_bps": "10000"}, {"slippage_bps": "NaN"}, {"commision_bps": "1"}],
)
async def test_bad_parameters_are_refused(params: dict[str, str]) -> None:
    with pytest.raises(Refused, match=r"^params"):
        async with Bench(PaperBroker, params):
            raise AssertionError


async def test_an_instrument_that_is_taken_later_trades_like_the_others() -> None:
    other = Instrument("OTHER", "USD", TEST.tick_size, TEST.lot_size)
    given = BrokerAssignment("test", {TEST.symbol: TEST})
    async with Bench(PaperBroker, assignment=given) as bench:
        for _ in range(2):
            assert await bench.ask(TakeInstrument("test", other)) == InstrumentTaken("test", "OTHER")
        bench.bus.widen(bench.actor.name, {"instrument": ("OTHER",)})
        order = msgspec.structs.replace(market_order(), instrument="OTHER")
        await bench.hear(place(order), msgspec.structs.replace(opened(1, 100), instrument="OTHER"))
        assert len(fills(bench)) == 1
        await bench.restart()
        assert set(bench.actor.instruments) == {"TEST", "OTHER"}


async def test_margin_takes_no_instrument_in_another_currency() -> None:
    other = Instrument("OTHER", "EUR", TEST.tick_size, TEST.lot_size)
    given = BrokerAssignment("test", {TEST.symbol: TEST})
    async with Bench(PaperBroker, {"balance": "1000"}, assignment=given) as bench:
        answer = await bench.ask(TakeInstrument("test", other))
        assert isinstance(answer, InstrumentNotTaken)
        assert answer.reason == "margin counts one currency, not EUR and USD"
        assert "OTHER" not in given.instruments
