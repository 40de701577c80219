"""What protects a position at a venue in trouble: it is found out, put there again, or the position goes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bus import SECOND
from lts.config.file import read_system
from lts.domain.market import Bar
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import OrderType
from lts.domain.protection import Protected
from lts.live import keeper, storage_of
from lts.main import Extras, System, driver_for
from tests.integration.oanda.test_oanda_system import written
from tests.venues.process import VenueProcess

pytestmark = pytest.mark.requirement("INT-4.5", "INT-4.6")

STOP, TAKE_PROFIT = OrderType.STOP, OrderType.LIMIT
PROTECTION = "protection = {{ stop_loss_bps = 300, take_profit_bps = 300, emergency_exit_after_s = {limit} }}"
STRATEGY = '''
from lts.sdk import Bar, Params, Strategy, on


class AtOnce(Strategy[Params]):
    """Wants in when the first bar is over, and nothing after that."""

    async def lifespan(self):
        self.was_in = False
        yield

    @on
    def watch(self, bar: Bar) -> None:
        if not self.was_in:
            self.was_in = True
            self.signal(1, because="there is a price")
'''


class Node:
    """A running system, as a test looks at it."""

    def __init__(self, system: System) -> None:
        self.system = system

    async def enter(self, price: float = 1.1) -> None:
        """Have a minute end when the account is ready: what is entered then is protected by its close."""
        desk: Any = self.system.bus.cells["desk"].actor
        async with asyncio.timeout(5):
            while desk.accounts.is_silent("oanda") or "oanda" not in desk.accounts:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # noqa: TID251 - real time, as the venue's
        now = self.system.bus.clock.now()
        feed = next(cell.actor for name, cell in self.system.bus.cells.items() if name.startswith("feed"))
        feed.publish(Bar("EUR/USD", now - 60 * SECOND, now, price, price, price, price, 1.0))

    async def orders(self, kind: OrderType) -> list[OrderRecord]:
        return [each for each in await self.system.records() if each.order.type is kind]

    async def working(self, kind: OrderType) -> list[OrderRecord]:
        return [each for each in await self.orders(kind) if each.status is OrderStatus.ACCEPTED]

    async def status_of(self, kind: OrderType, status: OrderStatus) -> bool:
        return any(each.status is status for each in await self.orders(kind))

    async def has_left(self) -> bool:
        return bool(self.watched.emergency_exits and not self.watched.held)

    async def called(self, times: int) -> bool:
        return self.watched.emergency_exits >= times

    @property
    def watched(self) -> Protected:
        watch: Any = self.system.bus.cells["protection"].actor
        (cover,) = watch.covers.values()
        told: Protected = cover.report(self.system.bus.clock.now())
        return told

    async def until(self, so: Callable[[], Any], within_s: float = 12.0) -> Any:
        async with asyncio.timeout(within_s):
            while not (found := await so()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # noqa: TID251 - real time, as the venue's
        return found


@asynccontextmanager
async def running(file: Path) -> AsyncIterator[Node]:
    plan = read_system(file)
    driver = driver_for(plan, 1.0)
    system = System(plan, driver, Extras(keeper=keeper(plan, storage_of(plan, None))))
    await system.start()
    run = asyncio.ensure_future(system.run())
    try:
        yield Node(system)
    finally:
        driver.stop()
        await run
        await system.stop()


@pytest.fixture
def venue(venue_of: Callable[..., VenueProcess]) -> VenueProcess:
    return venue_of("--walk", "3")


@pytest.fixture
def file(venue: VenueProcess, token_file: Path, tmp_path: Path) -> Callable[[float], Path]:
    def write(limit: float) -> Path:
        return written(venue, token_file, tmp_path, PROTECTION.format(limit=limit), STRATEGY)

    return write


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error_before", "status": 503},
        {"kind": "rate_limit"},
        {"kind": "error_after", "status": 500},
        {"kind": "lost_ack"},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
async def test_protection_is_there_within_seconds_after_the_venue_answers_again(
    venue: VenueProcess, file: Callable[[float], Path], fault: dict[str, Any]
) -> None:
    venue.faults(fault | {"method": "POST", "path": "orders$", "skip": 1, "count": 2})
    async with running(file(60)) as node:
        await node.enter()
        await node.until(lambda: node.orders(STOP))
        (stop,) = await node.until(lambda: node.working(STOP), 10)
        (profit,) = await node.until(lambda: node.working(TAKE_PROFIT), 10)
        assert stop.leaves == profit.leaves == 1000
        assert node.watched.covered == 1000
        pending = {each["clientExtensions"]["id"].replace("~", "/") for each in venue.book()["orders"]}
        assert pending == {stop.order.client_order_id, profit.order.client_order_id}
        assert venue.book()["counters"]["duplicated"] == 0


@pytest.mark.parametrize("fault", [{"kind": "lost_request"}, {"kind": "error_before", "status": 504}])
async def test_what_may_yet_get_there_is_not_put_there_twice_and_what_is_held_goes_after_the_limit(
    venue: VenueProcess, file: Callable[[float], Path], fault: dict[str, Any]
) -> None:
    venue.faults(fault | {"method": "POST", "path": "orders$", "skip": 1, "count": 2})
    async with running(file(1.0)) as node:
        await node.enter()
        await node.until(lambda: node.status_of(STOP, OrderStatus.UNKNOWN))
        await node.until(node.has_left, 5)
        assert (len(await node.orders(STOP)), node.watched.emergency_exits) == (1, 1)
        assert 1 <= node.watched.unprotected_s < 3
        assert [each["units"] for each in venue.book()["fills"]] == ["1000", "-1000"]


async def test_an_exit_that_the_venue_fails_at_is_called_for_again_as_soon_as_that_is_certain(
    venue: VenueProcess, file: Callable[[float], Path]
) -> None:
    venue.faults({"kind": "lost_request", "method": "POST", "path": "orders$", "skip": 1, "count": 2})
    venue.faults({"kind": "error_before", "method": "POST", "path": "orders$", "skip": 1, "count": 1})
    async with running(file(0.5)) as node:
        await node.enter()
        await node.until(node.has_left, 10)
        assert node.watched.emergency_exits == 2
        assert node.watched.unprotected_s < 7


async def test_a_venue_that_dies_while_a_bracket_is_sent_leaves_nothing_unprotected_when_it_is_back(
    venue: VenueProcess, file: Callable[[float], Path]
) -> None:
    venue.faults(
        {"kind": "delay_before", "method": "POST", "path": "orders$", "skip": 1, "seconds": 5, "count": 2}
    )
    async with running(file(1.0)) as node:
        await node.enter()
        await node.until(lambda: node.status_of(STOP, OrderStatus.SUBMITTED))
        venue.kill()
        await node.until(lambda: node.called(2))  # and denied, for the account is lost
        venue.start()
        await node.until(node.has_left, 5)
        assert [each["units"] for each in venue.book()["fills"]] == ["1000", "-1000"]
        assert venue.book()["positions"] == []
