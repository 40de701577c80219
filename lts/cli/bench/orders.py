"""What a durable, audited order costs: from the desk's request to the answer after the commit.

Orders go through the bus to the persistence actor, as the desk's do. Beside it, in the same run, the
same rows are written bare, by SQLAlchemy Core, in groups of the same size into a database of the same
schema: the ratio says how much of that speed is left.
"""

import warnings
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

import msgspec

from actors.persistence.actor import Persistence
from actors.persistence.bare import Bare
from actors.persistence.storage import Storage
from actors.persistence.writer import GROUP
from bus import SECOND, Actor, Bus, LiveDriver, on, pause
from lts.cli.bench.rounds import settled
from lts.domain.market import Instrument
from lts.domain.order_flow import JournalOrder, OrderJournalled, OrderNotJournalled
from lts.domain.orders import ApprovedOrder, OrderType, Side, TimeInForce, client_order_id
from lts.domain.units import Perform, PutInstrument, PutPortfolio, PutUser
from lts.refusal import Refused

NAMES = ("journal", "bare")
WORLD = (
    PutInstrument(Instrument("SP500", "USD", Decimal("0.01"), Decimal("0.1"))),
    PutUser("bench"),
    PutPortfolio("bench", "bench", "USD", Decimal(1_000_000), "fixed_quantity"),
)
OUTSTANDING = 4 * GROUP
"""Orders that wait for their answers at once, when batches are to be full."""
PACE = 1_000
"""Orders a second, when the latency is measured."""
PACED_FOR = 3
"""Seconds of that, or fewer, where a round has fewer orders."""


class EngineReport(msgspec.Struct, frozen=True):
    """What durable orders cost on one engine."""

    orders_per_s: int
    ratio_to_core: float
    """Of the speed of bare Core: 1 would be no cost at all."""
    p99_ms: float
    """From request to answer, at 1,000 orders a second: of each round, and of these the median."""
    p50_ms: float


class OrdersReport(msgspec.Struct, frozen=True):
    """What durable, audited orders cost."""

    sqlite: EngineReport
    postgresql: EngineReport | None
    """None where there is none to measure with."""


class Desk(Actor[None]):
    """Sends intents and takes the time until they are answered."""

    asks = (JournalOrder, Perform)

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin with the first order."""
        self.number = self.answered = 0
        self.ready: deque[ApprovedOrder] = deque()
        self.sent_at: dict[str, int] = {}
        self.took: list[int] = []
        yield

    def make(self, orders: int) -> None:
        """Make intents, so that sending them takes no time of that."""
        self.ready.extend(_order(self.number + each, self.clock.now()) for each in range(1, orders + 1))

    def place(self) -> None:
        """Send the next intent."""
        self.number += 1
        order = self.ready.popleft()
        self.sent_at[order.client_order_id] = perf_counter_ns()
        self.send(JournalOrder(order))

    @on
    def take_time(self, journalled: OrderJournalled) -> None:
        """Note how long it took."""
        self.answered += 1
        self.took.append(perf_counter_ns() - self.sent_at.pop(journalled.order.client_order_id))

    @on
    def give_up_on(self, refused: OrderNotJournalled) -> None:
        """Break off: a figure with refused orders in it is none."""
        raise Refused(f"an order was not kept: {refused.reason}")


def _order(number: int, now: int) -> ApprovedOrder:
    return ApprovedOrder(
        client_order_id("bench", "SP500", number),
        "bench",
        "SP500",
        "paper",
        Side.BUY,
        Decimal("10.5"),
        OrderType.MARKET,
        None,
        TimeInForce.GTC,
        now,
    )


async def measure_orders(rounds: int, orders: int) -> OrdersReport:
    """Measure so many orders a round on each engine that there is."""
    with TemporaryDirectory() as directory:
        sqlite = await _measure(Path(directory), ("", ""), rounds, orders)
    return OrdersReport(sqlite, await _measure_postgresql(rounds, orders))


async def _measure_postgresql(rounds: int, orders: int) -> EngineReport | None:
    """Measure with the embedded server that comes with the dependencies of development."""
    if find_spec("pgserver") is None:
        return None
    with TemporaryDirectory() as directory, warnings.catch_warnings(), ExitStack() as servers:
        warnings.simplefilter("ignore")  # it says where it keeps its lock, which is nobody's business here
        start: Any = import_module("pgserver").get_server
        urls = []
        for name in NAMES:
            server = start(Path(directory) / f"{name}-server")
            servers.callback(server.cleanup)
            urls.append(server.get_uri())
        return await _measure(Path(directory), urls, rounds, orders)


async def _measure(directory: Path, urls: Sequence[str], rounds: int, orders: int) -> EngineReport:
    journal, copy = (Storage(directory / name, url) for name, url in zip(NAMES, urls, strict=True))
    copy.state_dir.mkdir()
    bus = Bus(LiveDriver())
    bus.spawn(Persistence, journal, name="persistence")
    desk: Desk = bus.spawn(Desk, None, name="desk").actor  # type: ignore[assignment]  # what was spawned
    bare = Bare(journal, copy)
    try:
        await bus.started()
        await desk.ask(Perform(WORLD, "bench"))
        await bare.begin()
        took, ratios, latencies = [], [], []
        for _ in range(rounds + 1):
            with settled():
                took.append(await _flood(bus, desk, orders))
                ratios.append(await bare.nanoseconds(GROUP) / took[-1])
            with settled():
                latencies.append(quantiles(await _pace(bus, desk, min(orders, PACE * PACED_FOR)), n=100))
    finally:
        await bare.close()
        await bus.stop()
    return EngineReport(
        orders_per_s=round(SECOND / median(took[1:])),
        ratio_to_core=round(median(ratios[1:]), 3),
        p50_ms=round(median(latency[49] for latency in latencies[1:]) / 1e6, 2),
        p99_ms=round(median(latency[98] for latency in latencies[1:]) / 1e6, 2),
    )


async def _flood(bus: Bus, desk: Desk, orders: int) -> float:
    """Send orders as fast as answers come, with batches full; return the nanoseconds an order."""
    desk.make(orders)
    began, last = perf_counter_ns(), desk.number + orders
    while desk.number < last:
        for _ in range(min(last - desk.number, desk.answered + OUTSTANDING - desk.number)):
            desk.place()
        await pause(0)
        if desk.number - desk.answered >= OUTSTANDING:
            await pause(0.001)
    await bus.driver.quiet()
    return (perf_counter_ns() - began) / orders


async def _pace(bus: Bus, desk: Desk, orders: int) -> list[int]:
    """Send orders at a steady pace; return the nanoseconds that each took."""
    desk.took.clear()
    desk.make(orders)
    began, end = perf_counter_ns(), desk.number + orders
    while desk.number < end:
        due = (perf_counter_ns() - began) * PACE // SECOND
        while desk.number < end and desk.number - (end - orders) < due:
            desk.place()
        await pause(0.001)
    await bus.driver.quiet()
    return desk.took
