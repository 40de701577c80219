"""The desk books what is in another currency at a rate, and waits for one where none is known."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from lts.domain.conversion import Conversion, Conversions
from lts.domain.financing import FinancingCharged, FinancingReport
from lts.domain.market import Bar, History, Quote, Trade
from lts.domain.money import ONE
from lts.domain.order_flow import ExecType, OrderFilled
from lts.domain.plugins import SystemReady
from lts.domain.reconciliation import AccountStateChanged, CursorMoved, TransactionsSeen
from lts.domain.register import Register
from lts.testing import BEGIN, TEST
from tests.desks import ORDER, DeskBench, alarms, approved, desk, fill, report, stock

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6")

BY_PRICE = Conversions([Conversion("USD", "EUR", instrument="EURUSD", inverse=True)])
STATED = Conversions([Conversion("USD", "EUR", Decimal("0.9"))])


def kept_in(currency: str, conversions: Conversions) -> Register:
    """TEST is in dollars; the portfolio is kept in another currency."""
    return Register(
        {"TEST": TEST},
        {"test": "ann"},
        {("test", "TEST"): ("test",)},
        currencies={"test": currency},
        conversions=conversions,
    )


def price(at: float) -> Trade:
    return Trade("EURUSD", BEGIN, at, 1.0)


def rates(bench: DeskBench) -> list[Decimal]:
    return [each.fill.rate for each in bench.published(OrderFilled)]


def charge(name: str = "1", currency: str = "USD") -> FinancingReport:
    return FinancingReport("test", "TEST", Decimal(-3), currency, name, BEGIN)


async def test_a_rate_that_is_stated_is_that_of_every_fill() -> None:
    async with desk(kept_in("EUR", STATED)) as bench:
        await bench.hear(approved(), fill("a", 4), charge())
        assert rates(bench) == [Decimal("0.9")]
        (charged,) = bench.published(FinancingCharged)
        assert (charged.amount, charged.currency, charged.rate) == (Decimal(-3), "USD", Decimal("0.9"))


@pytest.mark.parametrize(
    "news",
    [
        price(1.25),
        Quote("EURUSD", BEGIN, 1.24, 1.26, 1, 1),
        Bar("EURUSD", BEGIN - 1, BEGIN, 1.0, 1.3, 1.0, 1.25, 1.0),
    ],
    ids=lambda news: type(news).__name__,
)
async def test_the_last_price_is_the_rate(news: Any) -> None:
    async with desk(kept_in("EUR", BY_PRICE)) as bench:
        await bench.hear(price(2.0), news, approved(), fill("a", 4), price(3.0))
        assert rates(bench) == [Decimal("0.8")]


@pytest.mark.parametrize(
    "nonsense",
    [
        price(0.0),
        price(-1.0),
        price(float("nan")),
        price(float("inf")),
        Quote("EURUSD", BEGIN, 1.6, 1.5, 1, 1),
        Quote("EURUSD", BEGIN, 0.0, 1.5, 1, 1),
        Quote("EURUSD", BEGIN, 1.5, float("nan"), 1, 1),
        Bar("EURUSD", BEGIN - 1, BEGIN, 1.0, 1.3, 1.0, 0.0, 1.0),
    ],
    ids=str,
)
async def test_what_is_no_price_is_never_a_rate(nonsense: Any) -> None:
    async with desk(kept_in("EUR", BY_PRICE)) as bench:
        await bench.hear(approved(), nonsense, fill("a", 4))
        assert rates(bench) == [], "there has been no rate yet"
        await bench.hear(price(1.25))
        await bench.hear(nonsense, fill("b", 4))
        assert rates(bench) == [Decimal("0.8")] * 2, "the last good one stays"


async def test_a_fill_has_the_position_of_its_order_and_a_rate() -> None:
    async with desk(kept_in("EUR", STATED)) as bench:
        await bench.hear(approved(replace(ORDER, position="a:long")), fill("a", 4))
        (filled,) = bench.published(OrderFilled)
        assert (filled.fill.position, filled.fill.rate) == ("a:long", Decimal("0.9"))


async def test_what_the_venue_states_comes_first() -> None:
    stated = report(
        ExecType.FILLED, exec_id="a", price=Decimal(100), quantity=Decimal(4), rate=Decimal("0.85")
    )
    async with desk(kept_in("EUR", BY_PRICE)) as bench:
        await bench.hear(approved(), stated)
        assert rates(bench) == [Decimal("0.85")]
    async with desk(kept_in("USD", BY_PRICE)) as bench:
        await bench.hear(approved(), stated)
        assert rates(bench) == [1], "nothing is converted there"


async def test_a_rate_that_is_none_is_nonsense() -> None:
    async with desk(kept_in("EUR", STATED)) as bench:
        await bench.hear(
            approved(),
            report(ExecType.FILLED, exec_id="a", price=Decimal(1), quantity=Decimal(1), rate=Decimal(0)),
        )
        assert rates(bench) == []
        assert "no sane price" in alarms(bench)[0]


async def test_a_portfolio_in_the_same_currency_is_not_converted() -> None:
    async with desk(kept_in("USD", BY_PRICE)) as bench:
        await bench.hear(approved(), fill("a", 4), charge())
        assert rates(bench) == [1]
        assert bench.published(FinancingCharged)[0].rate == 1


async def test_a_charge_in_the_portfolios_own_currency_is_not_converted() -> None:
    async with desk(kept_in("EUR", BY_PRICE)) as bench:
        await bench.hear(charge(currency="EUR"))
        (charged,) = bench.published(FinancingCharged)
        assert (charged.currency, charged.rate) == ("EUR", ONE)


async def test_what_has_no_rate_waits_with_all_that_its_venue_says_after_it() -> None:
    async with desk(kept_in("EUR", BY_PRICE)) as bench:
        await bench.hear(approved(), report(ExecType.ACCEPTED))
        before = len(bench.said)
        await bench.hear(
            fill("a", 4), charge(), fill("b", 6), TransactionsSeen("test", "9", BEGIN), stock(held=10)
        )
        assert len(bench.said) == before, "neither fill nor cursor is told"
        await bench.hear(price(1.25))
        kinds = [type(each) for each in bench.said[before:] if not isinstance(each, AccountStateChanged)]
        assert kinds == [OrderFilled, FinancingCharged, OrderFilled, CursorMoved]
        assert rates(bench) == [Decimal("0.8")] * 2
        assert bench.actor.accounts.folded("test").held == {"TEST": 10}
        assert not bench.actor.backlog.holds("test")


async def test_another_venue_is_not_held_up() -> None:
    async with desk(kept_in("EUR", BY_PRICE)) as bench:
        await bench.hear(approved(), fill("a", 4), TransactionsSeen("other", "3", BEGIN))
        assert [each.broker for each in bench.published(CursorMoved)] == ["other"]


async def test_what_waits_outlives_a_failure_of_the_desk() -> None:
    async with desk(kept_in("EUR", BY_PRICE)) as bench:
        await bench.hear(charge(), TransactionsSeen("test", "9", BEGIN))
        await bench.restart()
        assert bench.published(CursorMoved) == []
        await bench.hear(price(2.0))
        assert [each.rate for each in bench.published(FinancingCharged)] == [Decimal("0.5")]
        assert len(bench.published(CursorMoved)) == 1


async def test_a_feed_is_asked_for_the_price_that_it_remembers() -> None:
    last = Bar("EURUSD", BEGIN - 1, BEGIN, 1.0, 1.3, 1.0, 1.25, 1.0)
    async with desk(kept_in("EUR", BY_PRICE)) as bench:
        await bench.hear(charge(), SystemReady(), History((last,), BEGIN))
        assert [each.rate for each in bench.published(FinancingCharged)] == [Decimal("0.8")]
        await bench.hear(price(2.0), History((last,), BEGIN), charge("2"))
        assert bench.published(FinancingCharged)[-1].rate == Decimal("0.5"), "news is newer"
