"""What holding a position over night costs at the paper broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from lts.domain.financing import FinancingReport
from lts.domain.journal import BalanceSnapshot, OrdersRecalled, RecallOrders
from lts.sdk import (
    SECOND,
    Bar,
    BarOpened,
    BrokerAssignment,
    ExecutionReport,
    History,
    Instrument,
    Position,
    Quote,
    RecentBars,
    Refused,
    Side,
    Trade,
)
from lts.testing import NOBODY, TEST, Bench, WatchfulDesk, limit_order, market_order
from lts.testing.session import Session
from plugins.broker.paper.plugin import PaperBroker

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

HOUR = 3_600 * SECOND
FUTURE = Instrument("TEST", "USD", Decimal("0.25"), Decimal("0.1"), Decimal(50))
COSTS = {"financing_long_pct_per_year": "3.65", "financing_short_pct_per_year": "-1.825"}
"""At a price of 100: what is long pays 0.01 a night, and what is short is paid 0.005."""


def at(text: str) -> int:
    """An instant, by the clocks of New York."""
    return round(datetime.fromisoformat(f"{text}-05:00").timestamp()) * SECOND


MONDAY, TUESDAY = at("2024-01-08 10:00"), at("2024-01-09 10:00")


class Night(Session):
    """A session of which the hours count."""

    async def quote(self, text: str, price: float) -> None:
        """Have a bar open, which is a price at which market orders trade."""
        await self.hear(BarOpened("TEST", at(text), price))

    async def close(self, text: str, price: float) -> None:
        await self.hear(Bar("TEST", at(text) - HOUR, at(text), price, price, price, price, 1.0))

    async def hold(self, text: str, quantity: int, price: float = 100.0) -> None:
        """Trade so much more, or less."""
        side = Side.BUY if quantity > 0 else Side.SELL
        await self.place(market_order(side, abs(quantity)))
        await self.quote(text, price)

    @property
    def amounts(self) -> list[Decimal]:
        return [each.amount for each in self.charges]


@asynccontextmanager
async def trading(
    desk: WatchfulDesk | None = None, instrument: Instrument = TEST, marks: Any = NOBODY, **params: Any
) -> AsyncIterator[Night]:
    desk = desk or WatchfulDesk()
    there = BrokerAssignment("test", {"TEST": instrument})
    answers = {RecallOrders: desk.recall, RecentBars: marks}
    async with Bench(
        PaperBroker, COSTS | params, assignment=there, answers=answers, start_at=at("2024-01-08 09:00")
    ) as bench:
        yield Night(bench, desk)


async def test_what_is_held_at_five_in_new_york_is_charged_at_the_last_price_before() -> None:
    async with trading() as it:
        await it.hold("2024-01-08 10:00", 10)
        await it.close("2024-01-08 16:59", 110)
        assert it.charges == []
        await it.quote("2024-01-08 17:00", 90)
        (charge,) = it.charges
        assert charge.amount == Decimal("-0.11"), "10 × 110 × 3.65 % / 365"
        assert (charge.portfolio, charge.instrument, charge.currency) == ("test", "TEST", "USD")
        assert (charge.id, charge.at) == ("TEST 2024-01-08T22:00Z", at("2024-01-08 17:00"))
        await it.close("2024-01-09 16:59", 90)
        assert len(it.charges) == 1


async def test_what_is_short_has_a_rate_of_its_own_and_a_negative_one_is_paid_out() -> None:
    async with trading() as it:
        await it.hold("2024-01-08 10:00", -10)
        await it.quote("2024-01-08 17:30", 100)
        assert it.amounts == [Decimal("0.05")]


async def test_a_contract_counts_with_its_multiplier() -> None:
    async with trading(instrument=FUTURE) as it:
        await it.hold("2024-01-08 10:00", 2)
        await it.quote("2024-01-08 18:00", 100)
        assert it.amounts == [Decimal(-1)]


async def test_what_is_not_held_at_that_instant_costs_nothing() -> None:
    async with trading() as it:
        await it.quote("2024-01-08 10:00", 100)
        await it.hold("2024-01-08 11:00", 10)
        await it.hold("2024-01-08 16:59", -10)
        await it.quote("2024-01-08 17:01", 100)
        await it.hold("2024-01-08 17:02", 5)
        assert it.charges == []
        await it.quote("2024-01-09 17:00", 100)
        assert it.amounts == [Decimal("-0.05")]


async def test_a_position_opened_at_that_instant_is_charged_from_the_next_day_on() -> None:
    async with trading() as it:
        await it.hold("2024-01-08 17:00", 10)
        await it.quote("2024-01-08 18:00", 100)
        assert it.charges == []


async def test_each_night_of_a_weekend_is_charged_at_the_price_before_it() -> None:
    async with trading() as it:
        await it.hold("2024-01-12 10:00", 10)
        await it.close("2024-01-12 16:00", 120)
        await it.quote("2024-01-15 09:30", 50)
        assert it.amounts == [Decimal("-0.12")] * 3
        days = [each.id.removeprefix("TEST 2024-01-") for each in it.charges]
        assert days == ["12T22:00Z", "13T22:00Z", "14T22:00Z"]


async def test_a_price_that_trades_nothing_here_moves_the_charge_as_well() -> None:
    for match_on, news in (
        ("quotes", lambda time, price: Quote("TEST", time, price - 1, price + 1, 1, 1)),
        ("trades", lambda time, price: Trade("TEST", time, price, 1)),
    ):
        async with trading(match_on=match_on) as it:
            await it.place(market_order(Side.BUY, 10))
            await it.hear(news(at("2024-01-08 10:00"), 99.0), news(at("2024-01-08 16:00"), 100.0))
            await it.hear(news(at("2024-01-08 17:00"), 120.0))
            assert it.amounts == [Decimal("-0.1")]


async def test_the_hour_can_be_another() -> None:
    async with trading(financing_at="22:00 Europe/London") as it:
        await it.hold("2024-01-08 10:00", 10)
        await it.quote("2024-01-08 16:59", 100)
        assert it.charges == []
        await it.quote("2024-01-08 17:00", 100)
        assert len(it.charges) == 1
    with pytest.raises(Refused, match="'5 pm' is no beginning of a day"):
        async with trading(financing_at="5 pm"):
            pass


async def test_what_costs_nothing_is_not_told() -> None:
    async with trading(financing_short_pct_per_year="0") as it:
        await it.hold("2024-01-08 10:00", -10)
        await it.quote("2024-01-09 17:00", 100)
        assert it.charges == []


async def test_each_portfolio_and_each_position_of_its_own_is_charged_by_itself() -> None:
    async with trading() as it:
        for portfolio, quantity in (("one", 1), ("two", 2)):
            await it.place(market_order(Side.BUY, quantity, portfolio=portfolio))
        await it.quote("2024-01-08 10:00", 100)
        await it.quote("2024-01-08 17:00", 100)
        assert [(each.portfolio, each.amount) for each in it.charges] == [
            ("one", Decimal("-0.01")),
            ("two", Decimal("-0.02")),
        ]


async def test_it_takes_as_long_to_be_heard_of_as_a_fill() -> None:
    async with trading(report_latency_ms=500) as it:
        await it.hold("2024-01-08 10:00", 10)
        await it.bench.advance(seconds=1)
        await it.hear()
        await it.quote("2024-01-08 17:00", 100)
        assert it.charges == []
        await it.bench.advance(seconds=0.5)
        assert len(it.charges) == 1
        assert isinstance(it.bench.said[-2], FinancingReport | ExecutionReport)


async def test_margin_counts_what_was_charged() -> None:
    async with trading(balance="1000", financing_long_pct_per_year="365") as it:
        await it.quote("2024-01-08 09:30", 100)
        await it.hold("2024-01-08 10:00", 10)
        await it.quote("2024-01-08 17:00", 100)
        assert it.amounts == [Decimal(-10)]
        rejected = await it.place(market_order(Side.BUY, 1))
        assert "990 can be carried" in it.of(rejected)[0].reason
        await it.bench.restart()
        rejected = await it.place(market_order(Side.BUY, 1))
        assert "990 can be carried" in it.of(rejected)[0].reason


# Restarts


async def test_a_restart_charges_nothing_twice() -> None:
    desk = WatchfulDesk()
    async with trading(desk) as it:
        await it.hold("2024-01-08 10:00", 10)
        await it.quote("2024-01-10 09:00", 100)
        assert len(it.charges) == 2
        await it.bench.restart()
        await it.quote("2024-01-10 10:00", 100)
        assert len(it.charges) == 2
        await it.quote("2024-01-10 17:00", 100)
        assert [each.id[5:15] for each in it.charges] == ["2024-01-08", "2024-01-09", "2024-01-10"]


async def test_what_had_not_reached_the_journal_is_charged_again_under_the_same_id() -> None:
    desk = WatchfulDesk()
    async with trading(desk) as it:
        await it.hold("2024-01-08 10:00", 10)
        await it.quote("2024-01-10 09:00", 100)
        del desk.charged[1:]
        await it.bench.restart()
        await it.quote("2024-01-10 10:00", 100)
        assert [each.id for each in it.charges[2:]] == [it.charges[1].id]


async def test_a_night_that_was_slept_through_is_charged_at_the_first_price() -> None:
    desk = WatchfulDesk()
    async with trading(desk) as it:
        await it.hold("2024-01-08 10:00", 10)
        await it.bench.restart()
        await it.quote("2024-01-10 09:00", 80)
        assert it.amounts == [Decimal("-0.08")] * 2, "nobody remembers a price from before"


async def test_a_feed_that_remembers_the_price_before_it_is_asked() -> None:
    desk = WatchfulDesk()
    before = Bar("TEST", MONDAY, MONDAY + HOUR, 110.0, 110.0, 110.0, 110.0, 1.0)
    async with trading(desk, marks=History((before,), before.closed_at)) as it:
        await it.hold("2024-01-08 10:00", 10)
        await it.bench.restart()
        await it.quote("2024-01-09 09:00", 80)
        assert it.amounts == [Decimal("-0.11")]


async def test_what_was_archived_is_charged_like_any_other() -> None:
    class Archived(WatchfulDesk):
        def recall(self, wanted: RecallOrders) -> OrdersRecalled:
            held = Position("test", "TEST", quantity=Decimal(10), cost=Decimal(1000))
            snapshot = BalanceSnapshot(held, "test", 1, at("2024-01-06 12:00"))
            return OrdersRecalled((), (snapshot,), financing=super().recall(wanted).financing)

    async with trading(Archived()) as it:
        await it.quote("2024-01-08 10:00", 100)
        assert [each.id[13:15] for each in it.charges] == ["06", "07"]


async def test_an_instrument_without_a_price_holds_up_no_other() -> None:
    there = BrokerAssignment("test", {"TEST": TEST, "OTHER": TEST})
    desk = WatchfulDesk()
    answers = {RecallOrders: desk.recall, RecentBars: NOBODY}
    start = at("2024-01-08 09:00")
    async with Bench(PaperBroker, COSTS, assignment=there, answers=answers, start_at=start) as bench:
        it = Night(bench, desk)
        await it.place(limit_order(Side.BUY, 10, 100))
        await it.place(limit_order(Side.BUY, 10, 100, instrument="OTHER"))
        await it.hear(BarOpened("OTHER", MONDAY, 100.0), BarOpened("TEST", MONDAY, 100.0))
        await bench.restart()
        await it.quote("2024-01-09 10:00", 100)
        assert [each.instrument for each in it.charges] == ["TEST"]
        await it.quote("2024-01-09 10:01", 100)
        await it.hear(BarOpened("OTHER", TUESDAY + HOUR, 50.0))
        assert it.amounts == [Decimal("-0.1"), Decimal("-0.05")]
