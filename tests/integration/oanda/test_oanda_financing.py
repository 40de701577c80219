"""What OANDA charges over night is taken in once, also over a disconnect and a restart."""

from decimal import Decimal
from typing import Any

import pytest

from lts.domain.financing import FinancingReport
from lts.domain.order_flow import ExecType
from lts.domain.orders import Side
from lts.domain.reconciliation import TransactionsSeen
from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6")


def charges(it: Any) -> list[FinancingReport]:
    said: list[FinancingReport] = it.bench.published(FinancingReport)
    return said


async def held(it: Any, units: int = 1000) -> None:
    order = await it.place(it.order(Side.BUY if units > 0 else Side.SELL, abs(units)))
    await it.told(order, ExecType.FILLED)


async def test_a_night_is_reported_before_the_cursor_moves(venue: VenueProcess, trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        await held(it)
        told = venue.finance("-0.0365")["charged"]
        (report,) = await it.until(lambda: charges(it))
        assert told["financing"] == "-0.1100"
        assert (report.broker, report.instrument, report.portfolio) == ("test", "EUR/USD", "")
        assert (report.amount, report.currency) == (Decimal("-0.11"), "USD")
        assert report.id == f"{told['id']}:EUR_USD"
        await it.until(lambda: it.cursor == told["id"])
        said = it.bench.said
        (moved,) = (each for each in said if isinstance(each, TransactionsSeen) and each.cursor == told["id"])
        assert said.index(report) < said.index(moved)


async def test_a_credit_is_one_and_a_position_of_somebody_else_is_not_ours(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading() as it:
        await it.ready()
        await held(it, -1000)
        venue.external(order={"type": "MARKET", "instrument": "XAU_USD", "units": "1"})
        told = venue.finance("-0.0365", "0.0365")["charged"]
        await it.until(lambda: it.cursor == told["id"])
        assert [(each.instrument, each.amount) for each in charges(it)] == [("EUR/USD", Decimal("0.11"))]


async def test_a_night_that_passed_while_nobody_listened_is_told_once(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading() as it:
        await it.ready()
        await held(it)
        lost = len(it.losses)
        venue.faults({"kind": "silent", "path": "stream", "seconds": 2})
        told = venue.finance("-0.0365")["charged"]
        await it.until(lambda: len(it.losses) > lost)
        await it.until(lambda: it.cursor == told["id"])
        await it.ready(2)
        assert [each.id for each in charges(it)] == [f"{told['id']}:EUR_USD"]


async def test_after_a_restart_it_goes_on_behind_the_cursor(venue: VenueProcess, trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        await held(it)
        first = venue.finance("-0.0365")["charged"]
        await it.until(lambda: it.cursor == first["id"])
        cursor = it.cursor
    second = venue.finance("-0.0365")["charged"]
    async with trading(cursor=cursor) as it:
        await it.ready()
        assert [each.id for each in charges(it)] == [f"{second['id']}:EUR_USD"]


async def test_what_a_fill_pays_for_was_held_before_it_and_is_told_first(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading() as it:
        await it.ready()
        await held(it)
        venue.accrue("EUR_USD", "-0.2500")
        sale = await it.place(it.order(Side.SELL, 1000))
        fill = await it.told(sale, ExecType.FILLED)
        (report,) = charges(it)
        assert (report.instrument, report.amount) == ("EUR/USD", Decimal("-0.25"))
        assert report.id == f"{fill.exec_id}:EUR_USD"
        assert it.bench.said.index(report) < it.bench.said.index(fill)


async def test_a_dividend_is_told_once_whatever_happens_to_the_stream(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading() as it:
        await it.ready()
        await held(it)
        venue.faults({"kind": "duplicate", "path": "transactions"})
        paid = venue.dividend("EUR_USD", "0.002")
        await it.until(lambda: it.cursor == paid["id"])
        assert [(each.amount, each.id) for each in charges(it)] == [(Decimal(2), f"{paid['id']}:EUR_USD")]
