"""What was measured, for people: each figure, and what the project promises of it."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:  # each brings other libraries
    from lts.cli.bench.api import ApiReport
    from lts.cli.bench.ask import AskReport
    from lts.cli.bench.backtest import BacktestReport
    from lts.cli.bench.bus import BusReport
    from lts.cli.bench.isolation import IsolationReport
    from lts.cli.bench.mqtt import MqttReport, SpeedReport
    from lts.cli.bench.orders import EngineReport, OrdersReport
    from lts.cli.bench.scale import ScaleReport
    from lts.cli.bench.tick_to_order import TickToOrderReport


MEGABYTE = 1_000_000
TELL, FANOUT, ASK_US, BACKTEST, IDLE_BYTES, RANDOM = 8.0, 3.0, 8.0, 35.0, 5_000, 4.0
TICK_US, DURABLE_US, GROWTH = 60.0, 2_000.0, 2.0
ORDERS_PER_S, OF_CORE, COMMIT_MS = 10_000, 0.6, 15.0
ROUND_TRIP_US, ONE_WAY_PER_S = 150.0, 50_000
OF_FASTAPI = 0.6
OF_AIOMQTT, BATCHED_PER_S, ADDED_MS = 0.8, 40_000, 1.0
BESIDE = 2.0
SAME = (0.75, 1.25)


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    measured: str
    target: str = ""
    held: bool | None = None
    """Whether the target is met; None where there is none."""


def table(name: str, report: Any) -> Table:
    """A report as a table."""
    made = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    made.add_column(name)
    made.add_column("measured", justify="right")
    made.add_column("target", justify="right")
    for figure in figures(name, report):
        mark = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: ""}[figure.held]
        made.add_row(figure.what, figure.measured, f"{figure.target} {mark}".strip())
    return made


def figures(name: str, report: Any) -> Iterator[Figure]:
    """The lines of a report; ratios are to a bare call."""
    if name not in {"orders", "api"}:
        yield Figure("a bare method call", f"{report.call_ns:.1f} ns")
    yield from _LINES[name](report)


def _of_asks(report: "AskReport") -> Iterator[Figure]:
    yield _at_most("ask, p50", report.p50_us, ASK_US, " µs")
    yield Figure("ask, p99", f"{report.p99_us:.2f} µs")
    yield Figure("a bare future and wake-up, p50", f"{report.bare_future_p50_us:.2f} µs")


def _of_a_backtest(report: "BacktestReport") -> Iterator[Figure]:
    yield _at_most("a bar", report.ratio_to_call, BACKTEST, "×")
    yield Figure("bars a second", f"{report.bars_per_s:,}")
    yield Figure("bars, and fills", f"{report.bars:,}, {report.fills:,}")
    yield Figure("loading, not in the above", f"{report.load_s:.2f} s")


def _of_both_engines(report: "OrdersReport") -> Iterator[Figure]:
    yield from _of_orders("SQLite", report.sqlite)
    if report.postgresql is not None:
        yield from _of_orders("PostgreSQL", report.postgresql)


def _of_the_bus(report: "BusReport") -> Iterator[Figure]:
    idle = report.idle
    yield _at_most("tell 1→1, bursts of 256", report.tell.ratio_to_call, TELL, "×")
    yield Figure("tells a second", f"{report.tell.per_s:,}")
    yield Figure("tell 1→1, one by one", f"{report.tell_burst_1.ratio_to_call:.2f}×")
    yield _at_most("fan-out 1→10, a delivery", report.fanout.ratio_to_call, FANOUT, "×")
    yield Figure("fan-out deliveries a second", f"{report.fanout.per_s:,}")
    yield Figure("asyncio.Queue, bursts of 256", f"{report.asyncio_queue.ratio_to_call:.2f}×")
    fits = idle.bytes_each <= IDLE_BYTES
    size = f"{idle.bytes_each * idle.actors / MEGABYTE:,.0f} MB ({idle.bytes_each:,} B each)"
    yield Figure(f"{idle.actors:,} idle actors", size, f"≤ {IDLE_BYTES:,} B each", fits)
    low, high = SAME
    same = low <= idle.publish_same_ratio <= high
    yield Figure(
        "telling one of them, to one of ten", f"{idle.publish_same_ratio:.2f}×", f"{low} to {high}×", same
    )
    yield _at_most("telling a random one of them", idle.publish_random_ratio, RANDOM, "×")


def _of_scale(report: "ScaleReport") -> Iterator[Figure]:
    for each in report.sizes:
        size = f"{each.portfolios:,} portfolios"
        yield Figure(f"{size}: an event", f"{each.event_ns / 1000:.1f} µs, {each.ratio_to_call:.0f}×")
        yield Figure(f"{size}: a portfolio", f"{each.bytes_each:,} B")
        yield Figure(f"{size}: to start", f"{each.start_s:.1f} s")


def _of_tick_to_order(report: "TickToOrderReport") -> Iterator[Figure]:
    memory, durable = report.memory, report.durable
    yield _at_most("tick to order, journal in memory, p50", memory.p50_us, TICK_US, " µs")
    yield Figure("the same, p99", f"{memory.p99_us:.1f} µs")
    yield _at_most("tick to order, journal on disk, p50", durable.p50_us, DURABLE_US, " µs")
    yield Figure("the same, p99", f"{durable.p99_us:.1f} µs")
    yield _at_most("from 10 portfolios to 1,000, p50", report.growth, GROWTH, "×")
    yield Figure("1,000 portfolios, p99", f"{report.many.p99_us:.1f} µs")


def _of_isolation(report: "IsolationReport") -> Iterator[Figure]:
    yield _at_most("a question to a child process, p50", report.round_trip_p50_us, ROUND_TRIP_US, " µs")
    yield Figure("there and back over a bare socket pair, p50", f"{report.socketpair_p50_us:.2f} µs")
    yield Figure("of the former to the latter", f"{report.ratio_to_socketpair:.2f}×")
    speed = report.per_s
    yield Figure("messages one way a second", f"{speed:,}", f"≥ {ONE_WAY_PER_S:,}", speed >= ONE_WAY_PER_S)
    yield Figure("a start, until the body lives", f"{report.start_ms:.0f} ms")


def _of_orders(engine: str, report: "EngineReport") -> Iterator[Figure]:
    speed, ratio = report.orders_per_s, report.ratio_to_core
    yield Figure(f"{engine}: orders a second", f"{speed:,}", f"≥ {ORDERS_PER_S:,}", speed >= ORDERS_PER_S)
    yield Figure(f"{engine}: of bare Core", f"{ratio:.0%}", f"≥ {OF_CORE:.0%}", ratio >= OF_CORE)
    yield _at_most(f"{engine}: to the answer, p99 at 1,000 orders/s", report.p99_ms, COMMIT_MS, " ms")
    yield Figure(f"{engine}: to the answer, p50", f"{report.p50_ms:.2f} ms")


def _of_mqtt(report: "MqttReport") -> Iterator[Figure]:
    yield from _of_a_way("out, QoS 0", report.out.qos_0)
    yield from _of_a_way("out, QoS 1", report.out.qos_1)
    speed = report.batched_updates_per_s
    yield Figure("updates a second in batches", f"{speed:,}", f"≥ {BATCHED_PER_S:,}", speed >= BATCHED_PER_S)
    latency = report.latency
    yield Figure("from the bus to a subscriber, p50", f"{latency.p50_ms:.2f} ms")
    yield _at_most("of which is beyond a bare publish", latency.added_p50_ms, ADDED_MS, " ms")
    yield Figure("broker", report.broker)


def _of_a_way(way: str, report: "SpeedReport") -> Iterator[Figure]:
    ratio = report.ratio_to_aiomqtt
    yield Figure(f"{way}: messages a second", f"{report.per_s:,}")
    yield Figure(f"{way}: of bare aiomqtt", f"{ratio:.0%}", f"≥ {OF_AIOMQTT:.0%}", ratio >= OF_AIOMQTT)


def _of_the_api(report: "ApiReport") -> Iterator[Figure]:
    ratio = report.ratio_to_fastapi
    yield Figure("reads of a portfolio a second", f"{report.requests_per_s:,}")
    yield Figure("of a bare route of FastAPI", f"{ratio:.0%}", f"≥ {OF_FASTAPI:.0%}", ratio >= OF_FASTAPI)
    yield Figure("to the answer, p99", f"{report.p99_ms:.2f} ms")
    yield Figure("a bare route: a second, p99", f"{report.fastapi_per_s:,}, {report.fastapi_p99_ms:.2f} ms")
    trading = report.trading
    yield Figure("tick to order while nobody reads, p99", f"{trading.alone.p99_us:.1f} µs")
    yield Figure(f"beside {trading.reads_per_s:,} reads a second, p99", f"{trading.busy.p99_us:.1f} µs")
    yield _at_most("of the latter to the former", trading.ratio_p99, BESIDE, "×")


def _at_most(what: str, measured: float, most: float, unit: str) -> Figure:
    return Figure(what, f"{measured:.2f}{unit}", f"≤ {most:g}{unit}", measured <= most)


_LINES: Mapping[str, Callable[[Any], Iterator[Figure]]] = {
    "bus": _of_the_bus,
    "ask": _of_asks,
    "backtest": _of_a_backtest,
    "scale": _of_scale,
    "isolation": _of_isolation,
    "tick-to-order": _of_tick_to_order,
    "api": _of_the_api,
    "mqtt": _of_mqtt,
    "orders": _of_both_engines,
}
