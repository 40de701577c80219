"""`lts bench`: what to measure, how often and how much, and how to show it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from typing import Annotated, Any

from typer import Context, Option, Typer, echo

from lts import logs
from lts.cli.bench.rounds import SIZES
from lts.cli.bench.targets import table
from lts.cli.options import Json
from lts.cli.report import as_json, say
from lts.refusal import Refused

new_event_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop
except ImportError:  # it is not made for Windows
    from asyncio import new_event_loop

app = Typer(
    help="Measure this machine, ratios included.", add_completion=False, pretty_exceptions_enable=False
)

Rounds = Annotated[int, Option(min=1, help="Rounds; figures are their medians.")]
Bursts = Annotated[int, Option(min=1, help="Bursts of 256 messages in a round.")]
Actors = Annotated[int, Option(min=10, help="Idle actors.")]
Asks = Annotated[int, Option(min=10, help="Answers in a round.")]
Bars = Annotated[int, Option(min=100, help="Generated bars.")]
Portfolios = Annotated[int, Option(min=SIZES[0], help="Portfolios of the largest system.")]
Events = Annotated[int, Option(min=2, help="Events in a round, of each system.")]

Requests = Annotated[int, Option(min=100, help="Requests in a round, of each application.")]
Ticks = Annotated[int, Option(min=10, help="Ticks in a round, of each system.")]
Messages = Annotated[int, Option(min=1_000, help="Messages one way in a round.")]
Broker = Annotated[str, Option(metavar="HOST:PORT", help="Where an MQTT broker is; else one is begun here.")]
Told = Annotated[int, Option(min=200, help="Messages in a round, at each quality of service.")]
Orders = Annotated[int, Option(min=1_000, help="Orders in a round, on each engine.")]

ROUNDS, BURSTS, ACTORS, ASKS, BARS, EVENTS, ORDERS = 7, 200, 100_000, 5_000, 100_000, 10_000, 20_000
TICKS, MESSAGES, REQUESTS, TOLD = 500, 20_000, 4_000, 4_000

MEASUREMENTS = ("bus", "ask", "backtest", "scale", "orders", "tick-to-order", "isolation", "api", "mqtt")
"""Each is a module of this package, and imported when it is to measure: the others bring other libraries."""


@app.callback(invoke_without_command=True)
def everything(
    context: Context,
    *,
    json: Json = False,
    rounds: Rounds = ROUNDS,
    actors: Actors = ACTORS,
    bars: Bars = BARS,
    portfolios: Portfolios = SIZES[-1],
    orders: Orders = ORDERS,
    ticks: Ticks = TICKS,
    asks: Asks = ASKS,
    requests: Requests = REQUESTS,
    told: Told = TOLD,
) -> None:
    """Measure this machine: one thing, or all of them one after the other, each in a new process."""
    if context.invoked_subcommand is not None:
        said = {"json": json, "rounds": rounds, "actors": actors, "bars": bars, "portfolios": portfolios}
        said |= {"orders": orders, "ticks": ticks, "asks": asks, "requests": requests, "told": told}
        context.default_map = dict.fromkeys(MEASUREMENTS, said)
        return
    sizes = {
        "bus": (rounds, BURSTS, actors),
        "ask": (rounds, asks),
        "backtest": (rounds, bars),
        "scale": (rounds, portfolios, EVENTS),
        "orders": (rounds, orders),
        "tick-to-order": (rounds, ticks, portfolios),
        "isolation": (rounds, asks, MESSAGES),
        "api": (rounds, requests),
        "mqtt": (rounds, told),
    }
    reports = {}
    spawning = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning, max_tasks_per_child=1) as processes:
        for name, numbers in sizes.items():
            try:
                reports[name] = processes.submit(_measured, name, *numbers).result()
            except Refused:
                if name != "mqtt":  # where there is no broker, it is not measured
                    raise
                reports[name] = None
            if not json and reports[name] is not None:
                say(reports[name], table(name, reports[name]), json=False)
    if json:
        echo(as_json(reports))


@app.command()
def bus(
    json: Json = False, rounds: Rounds = ROUNDS, bursts: Bursts = BURSTS, actors: Actors = ACTORS
) -> None:
    """Deliveries: one to one, one to ten, and among idle actors."""
    _measure("bus", json, rounds, bursts, actors)


@app.command()
def ask(json: Json = False, rounds: Rounds = ROUNDS, asks: Asks = ASKS) -> None:
    """Answers: a question to an actor that answers at once."""
    _measure("ask", json, rounds, asks)


@app.command()
def backtest(json: Json = False, rounds: Rounds = ROUNDS, bars: Bars = BARS) -> None:
    """Bars: a moving-average cross with all its orders, fills and ledger; loading is timed apart."""
    _measure("backtest", json, rounds, bars)


@app.command()
def orders(json: Json = False, rounds: Rounds = ROUNDS, orders: Orders = ORDERS) -> None:
    """Orders: durable and audited, beside the same rows written bare; on PostgreSQL, too, if there is one."""
    _measure("orders", json, rounds, orders)


@app.command(name="tick-to-order")
def tick_to_order(
    json: Json = False,
    rounds: Rounds = ROUNDS,
    ticks: Ticks = TICKS,
    portfolios: Portfolios = SIZES[-1],
) -> None:
    """Latency: from a bar to the order at its broker, with the journal in memory and on disk."""
    _measure("tick-to-order", json, rounds, ticks, portfolios)


@app.command()
def isolation(
    json: Json = False, rounds: Rounds = ROUNDS, asks: Asks = ASKS, messages: Messages = MESSAGES
) -> None:
    """Child processes: a question to a body in one, beside a bare socket pair; messages one way; a start."""
    _measure("isolation", json, rounds, asks, messages)


@app.command()
def api(json: Json = False, rounds: Rounds = ROUNDS, requests: Requests = REQUESTS) -> None:
    """Reads over HTTP: a portfolio, beside the least that FastAPI takes for the same answer."""
    _measure("api", json, rounds, requests)


@app.command()
def mqtt(json: Json = False, rounds: Rounds = ROUNDS, told: Told = TOLD, broker: Broker = "") -> None:
    """Messages to an MQTT broker: one by one beside bare aiomqtt, in batches, and how late they arrive."""
    _measure("mqtt", json, rounds, told, broker)


@app.command()
def scale(
    json: Json = False,
    rounds: Rounds = ROUNDS,
    portfolios: Portfolios = SIZES[-1],
    events: Events = EVENTS,
) -> None:
    """Portfolios: an event, and a portfolio, in systems of 10 to 10,000 of them."""
    _measure("scale", json, rounds, portfolios, events)


def _measure(name: str, json: bool, *numbers: int | str) -> None:
    report = _measured(name, *numbers)
    say(report, table(name, report), json=json)


def _measured(name: str, *numbers: int | str) -> Any:
    """Measure one thing on an event loop of its own: uvloop's, where there is one."""
    logs.set_up("error")
    word = name.replace("-", "_")
    measure = getattr(import_module(f"lts.cli.bench.{word}"), f"measure_{word}")
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(measure(*numbers))
