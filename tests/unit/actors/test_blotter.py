"""The blotter keeps the latest orders and prices at hand for people who watch."""

import pytest

from actors.blotter import LINES, Blotter
from lts.domain.blotter import BlotterReported, GetBlotter
from lts.domain.order_flow import OrderApproved, OrderDenied
from lts.domain.order_status import OrderStatus
from lts.testing import Bench, WatchfulDesk, bars, market_order

pytestmark = pytest.mark.requirement("INT-004")


async def page(bench: Bench[Blotter]) -> BlotterReported:
    return await bench.ask(GetBlotter())


async def test_an_order_is_followed_from_its_judgement_to_its_end() -> None:
    desk = WatchfulDesk()
    kept, denied = market_order(number=1), market_order(number=2)
    async with Bench(Blotter) as bench:
        await bench.hear(OrderApproved("test", kept), OrderDenied("test", denied, "too large", 0))
        lines = (await page(bench)).lines
        assert [(line.client_order_id[-1], line.status) for line in lines] == [
            ("2", OrderStatus.DENIED),
            ("1", OrderStatus.INITIALIZED),
        ]
        await bench.hear(desk.fill(kept, price="101.5"))
        report = await page(bench)
        assert (report.orders, report.fills) == (2, 1)
        assert (report.lines[0].client_order_id, str(report.lines[0].price)) == (
            kept.client_order_id,
            "101.5",
        )
        assert report.lines[0].status is OrderStatus.FILLED


async def test_the_last_price_of_each_instrument_is_known() -> None:
    async with Bench(Blotter) as bench:
        await bench.hear(*bars([10, 11]), *bars([5], instrument="OTHER"))
        assert (await page(bench)).prices == {"TEST": 11, "OTHER": 5}


async def test_the_page_holds_the_latest_orders_only() -> None:
    async with Bench(Blotter) as bench:
        for number in range(LINES + 5):
            await bench.hear(OrderApproved("test", market_order(number=number)))
        report = await page(bench)
        assert (report.orders, len(report.lines)) == (LINES + 5, LINES)
        assert report.lines[0].client_order_id.endswith(f"{LINES + 4:06d}")


async def test_news_of_orders_that_fell_off_the_page_changes_nothing() -> None:
    desk = WatchfulDesk()
    async with Bench(Blotter) as bench:
        order = market_order()
        await bench.hear(desk.close(order, OrderStatus.REJECTED))
        assert (await page(bench)).lines == ()
