"""Orders at a venue in another process: what becomes of them is what its transactions say."""

from decimal import Decimal
from typing import Any

import pytest

from lts.domain.order_flow import ExecType
from lts.domain.orders import OrderType, Side, Terms, TimeInForce
from lts.domain.reconciliation import VenuePosition
from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.5")


async def test_a_market_order_is_accepted_and_filled_once(venue: VenueProcess, trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        order = await it.place(it.order(Side.BUY, 100))
        fill = await it.told(order, ExecType.FILLED)
        assert it.kinds(order) == [ExecType.ACCEPTED, ExecType.FILLED]
        assert (fill.quantity, fill.price) == (Decimal(100), Decimal("1.10010"))
        (there,) = venue.book()["fills"]
        assert fill.exec_id == there["id"]
        assert it.cursor == there["id"]


async def test_a_limit_order_waits_is_modified_and_fills(venue: VenueProcess, trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        order = await it.place(it.order(Side.BUY, 100, limit_price=Decimal("1.05")))
        accepted = await it.told(order, ExecType.ACCEPTED)
        await it.amend(order, Terms(Decimal(70), limit_price=Decimal("1.06")))
        updated = await it.told(order, ExecType.UPDATED)
        assert updated.terms == Terms(Decimal(70), limit_price=Decimal("1.06"))
        assert updated.venue_order_id != accepted.venue_order_id
        venue.price("EUR_USD", "1.05980", "1.06000")
        fill = await it.told(order, ExecType.FILLED)
        assert (fill.quantity, fill.price) == (Decimal(70), Decimal("1.06"))
        assert it.kinds(order) == [ExecType.ACCEPTED, ExecType.UPDATED, ExecType.FILLED]


async def test_a_withdrawn_order_is_cancelled_once_however_often_it_is_asked_for(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading() as it:
        await it.ready()
        order = await it.place(it.order(Side.SELL, 5, limit_price=Decimal("1.5")))
        await it.told(order, ExecType.ACCEPTED)
        await it.withdraw(order)
        await it.withdraw(order)
        await it.told(order, ExecType.CANCELED)
        await it.withdraw(order)
        await it.until(lambda: not it.bench.actor.lanes)
        assert it.kinds(order) == [ExecType.ACCEPTED, ExecType.CANCELED]
        assert venue.book()["orders"] == []


async def test_an_order_that_is_withdrawn_at_once_is_never_sent(venue: VenueProcess, trading: Any) -> None:
    async with trading(requests_per_s=1) as it:
        await it.ready()
        first = await it.place(it.order(limit_price=Decimal("1.05")))
        second = await it.place(it.order(limit_price=Decimal("1.05")))
        await it.withdraw(second)
        await it.told(second, ExecType.CANCELED)
        assert it.kinds(second) == [ExecType.CANCELED]
        await it.told(first, ExecType.ACCEPTED)
        assert venue.book()["counters"]["received"] == 1


async def test_what_the_venue_rejects_is_rejected_with_its_reason(trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        order = await it.place(it.order(quantity="0.5"))
        rejected = await it.told(order, ExecType.REJECTED)
        assert "UNITS_PRECISION_EXCEEDED" in rejected.reason
        fine = await it.place(it.order(limit_price=Decimal("1.0123456")))
        assert "PRICE_PRECISION_EXCEEDED" in (await it.told(fine, ExecType.REJECTED)).reason


async def test_what_the_venue_does_not_have_is_not_sent(venue: VenueProcess, trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        trailing = it.order(type=OrderType.TRAILING_STOP, trailing_offset=Decimal("0.01"))
        await it.place(trailing)
        assert it.kinds(trailing) == [ExecType.REJECTED]
        assert venue.book()["counters"]["received"] == 0


async def test_an_order_that_expires_says_so_and_one_that_cannot_trade_at_once_is_cancelled(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading() as it:
        await it.ready()
        day = await it.place(it.order(limit_price=Decimal("1.05"), time_in_force=TimeInForce.DAY))
        await it.told(day, ExecType.ACCEPTED)
        venue.control("POST", "day_end", {})
        await it.told(day, ExecType.EXPIRED)
        now = await it.place(it.order(limit_price=Decimal("1.05"), time_in_force=TimeInForce.IOC))
        await it.told(now, ExecType.CANCELED)


async def test_a_partial_fill_leaves_an_order_that_goes_on(venue: VenueProcess, trading: Any) -> None:
    async with trading() as it:
        await it.ready()
        order = await it.place(it.order(Side.BUY, 100, limit_price=Decimal("1.05")))
        await it.told(order, ExecType.ACCEPTED)
        venue.price("EUR_USD", "1.04980", "1.05000", liquidity="40")
        first = await it.told(order, ExecType.FILLED)
        venue.price("EUR_USD", "1.04980", "1.05000", liquidity="100")
        second = await it.told(order, ExecType.FILLED, 2)
        assert (first.quantity, second.quantity) == (Decimal(40), Decimal(60))
        assert first.exec_id != second.exec_id
        assert it.bench.actor.book.get(order.client_order_id) is None


async def test_what_is_open_is_reported_from_time_to_time(venue: VenueProcess, trading: Any) -> None:
    async with trading(reconcile_every_s=0.1) as it:
        empty = await it.ready()
        assert (empty.orders, empty.positions) == ((), ())
        await it.told(await it.place(it.order(Side.SELL, 30)), ExecType.FILLED)
        order = await it.place(it.order(Side.SELL, 20, limit_price=Decimal("1.5")))
        await it.told(order, ExecType.ACCEPTED)
        reported = await it.ready(len(it.stock) + 2)
        assert reported.positions == (VenuePosition("EUR/USD", Decimal(-30), Decimal("1.09990")),)
        (waiting,) = reported.orders
        assert (waiting.client_order_id, waiting.side, waiting.quantity) == (
            order.client_order_id,
            Side.SELL,
            Decimal(20),
        )
        assert reported.cursor == venue.book()["lastTransactionID"]


async def test_somebody_elses_orders_and_trades_show_in_what_is_reported(
    venue: VenueProcess, trading: Any
) -> None:
    async with trading(reconcile_every_s=0.1) as it:
        await it.ready()
        venue.external(order={"type": "MARKET", "instrument": "USD_JPY", "units": "7"})
        venue.external(order={"type": "LIMIT", "instrument": "EUR_USD", "units": "3", "price": "1.01000"})
        reported = await it.until(lambda: next((each for each in it.stock if each.orders), None))
        assert [(each.instrument, each.quantity) for each in reported.positions] == [("USD/JPY", Decimal(7))]
        (foreign,) = reported.orders
        assert (foreign.client_order_id, foreign.instrument) == ("", "EUR/USD")
