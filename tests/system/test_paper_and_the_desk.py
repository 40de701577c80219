"""Order lists are the desk's and orders the venue's: together they protect what was opened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.desk import Desk
from actors.journal import MemoryJournal
from bus import SECOND, Bus, Event
from lts.domain.journal import RecallOrders
from lts.domain.order_flow import CancelOrder, ModificationApproved, OrderAlarmed, OrderApproved
from lts.domain.order_record import OrderRecord
from lts.domain.orders import ApprovedOrder, OrderType, Side, Terms
from lts.domain.register import Register
from lts.sdk import Bar, BarOpened, BrokerAssignment, OrderStatus
from lts.testing import BEGIN, TEST
from lts.testing.cast import Voice, ears
from lts.testing.drive import BenchDriver
from lts.testing.session import order_of
from plugins.broker.paper.params import PaperParams
from plugins.broker.paper.plugin import PaperBroker

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6", "LTS-003")

MINUTE = 60 * SECOND
FILLED, CANCELED, ACCEPTED = OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.ACCEPTED


class Floor:
    """A bus with a desk, a journal and the venue; the test is risk, the market and everybody else."""

    def __init__(self, bus: Bus, driver: BenchDriver, voice: Any, alarms: list[OrderAlarmed]) -> None:
        self.bus, self.driver, self.voice, self.alarms = bus, driver, voice, alarms

    async def say(self, *events: Event) -> None:
        for event in events:
            self.voice.publish(event)
            await self.driver.settle()

    async def approve(self, *orders: ApprovedOrder) -> None:
        await self.say(*(OrderApproved(order.portfolio, order) for order in orders))

    async def whole(
        self, number: int, prices: tuple[float, float, float, float], volume: float = 1.0
    ) -> None:
        begin = BEGIN + number * MINUTE
        await self.driver.reach(begin)
        await self.say(BarOpened("TEST", begin, prices[0]))
        await self.driver.reach(begin + MINUTE)
        await self.say(Bar("TEST", begin, begin + MINUTE, *prices, volume))

    async def record(self, number: int) -> OrderRecord:
        records: tuple[OrderRecord, ...] = (await self.voice.ask(RecallOrders())).records
        return next(each for each in records if each.order.client_order_id.endswith(str(number)))

    async def statuses(self) -> list[OrderStatus]:
        return [record.status for record in (await self.voice.ask(RecallOrders())).records]


@asynccontextmanager
async def floor(**params: Any) -> AsyncIterator[Floor]:
    driver, alarms = BenchDriver(), list[OrderAlarmed]()
    bus = Bus(driver)
    bus.clock.advance(BEGIN)
    register = Register({"TEST": TEST}, {"test": "ann"}, {("test", "TEST"): ("test",)})
    bus.spawn(MemoryJournal, None, name="journal")
    bus.spawn(Desk, None, name="desk", assignment=register)
    bus.spawn(
        PaperBroker,
        PaperParams.model_validate(params),
        name="broker",
        assignment=BrokerAssignment("test", {"TEST": TEST}),
        scope={"broker": "test"},
        publishes=PaperBroker.publishes,
        asks=PaperBroker.asks,
        hears=PaperBroker.hears,
    )
    says = (OrderApproved, ModificationApproved, Bar, BarOpened)
    voice = bus.spawn(Voice, None, name="voice", publishes=says, asks=(RecallOrders, CancelOrder)).actor
    bus.spawn(ears((OrderAlarmed,), alarms.append), None, name="ears")
    await driver.settle()
    try:
        yield Floor(bus, driver, voice, alarms)
        assert alarms == []
    finally:
        await bus.stop()


def numbered(number: int, order: ApprovedOrder, **fields: Any) -> ApprovedOrder:
    return msgspec.structs.replace(order, client_order_id=f"test-TEST-{number:06d}", **fields)


def bracket(entry: ApprovedOrder) -> tuple[ApprovedOrder, ApprovedOrder, ApprovedOrder]:
    """An entry, and a stop-loss and a take-profit that wait for it and end each other."""
    parent = numbered(1, entry)
    of_the_list = {"parent": parent.client_order_id, "group": "exits", "reduce_only": True}
    loss = order_of(OrderType.STOP, Side.SELL, entry.quantity, trigger_price=97)
    profit = order_of(OrderType.LIMIT, Side.SELL, entry.quantity, limit_price=104)
    return parent, numbered(2, loss, **of_the_list), numbered(3, profit, **of_the_list)


@pytest.mark.parametrize(
    ("path", "price", "ends"),
    [("low_first", 97, [FILLED, FILLED, CANCELED]), ("high_first", 104, [FILLED, CANCELED, FILLED])],
)
async def test_a_bar_that_reaches_both_exits_of_a_bracket_takes_one(
    path: str, price: int, ends: list[OrderStatus]
) -> None:
    async with floor(path=path) as it:
        await it.approve(*bracket(order_of(OrderType.MARKET, Side.BUY, 2)))
        await it.whole(0, (100, 101, 99, 100))
        assert await it.statuses() == [FILLED, ACCEPTED, ACCEPTED]
        await it.whole(1, (100, 105, 96, 100))
        assert await it.statuses() == ends
        exits = [fill for number in (2, 3) for fill in (await it.record(number)).fills]
        assert [(fill.price, fill.quantity) for fill in exits] == [(Decimal(price), Decimal(2))]


async def test_exits_cover_an_entry_that_trades_in_parts_as_far_as_it_has() -> None:
    async with floor(participation="1") as it:
        await it.approve(*bracket(order_of(OrderType.LIMIT, Side.BUY, 5, limit_price=100)))
        await it.whole(0, (100, 100, 100, 100), volume=2)
        assert await it.statuses() == [OrderStatus.PARTIALLY_FILLED, ACCEPTED, ACCEPTED]
        await it.whole(1, (104, 104, 104, 104), volume=9)
        profit = await it.record(3)
        assert (profit.status, profit.filled) == (OrderStatus.PARTIALLY_FILLED, Decimal(2))
        await it.whole(2, (100, 100, 100, 100), volume=9)
        await it.whole(3, (104, 104, 104, 104), volume=9)
        assert await it.statuses() == [FILLED, CANCELED, FILLED]


@pytest.mark.parametrize("latency", [0, 200])
async def test_modifying_and_cancelling_go_all_the_way_whatever_it_takes(latency: int) -> None:
    async with floor(order_latency_ms=latency, report_latency_ms=latency) as it:
        await it.approve(
            numbered(1, order_of(OrderType.LIMIT, Side.BUY, 3, limit_price=90)),
            numbered(2, order_of(OrderType.TRAILING_STOP, Side.SELL, 3, trailing_offset=5)),
        )
        await it.whole(0, (100, 100, 100, 100))
        terms = Terms(Decimal(2), Decimal(90))
        await it.say(ModificationApproved("test", "test-TEST-000001", terms))
        await it.whole(1, (100, 103, 100, 102))
        await it.driver.reach(BEGIN + 2 * MINUTE + SECOND)
        modified, trailing = await it.record(1), await it.record(2)
        assert (modified.status, modified.terms) == (ACCEPTED, terms)
        assert trailing.terms.trigger_price == 98
        for number in (1, 2):
            await it.voice.ask(CancelOrder(f"test-TEST-{number:06d}"))
        await it.whole(2, (102, 102, 102, 102))
        assert await it.statuses() == [CANCELED, CANCELED]
