"""Restarts a broker, and cuts the network, while a node trades: a subscriber hears what is on disk."""

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

import lts
from actors.mqtt.cursor import read_cursor
from bus import ChildProcess, ReplayDriver, pause
from lts import logs
from lts.config.file import read_system
from lts.domain.risk import SetTradingState, TradingState
from lts.live import keeper, storage_of
from lts.main import Extras, System
from tests.brokers import Broker, Subscriber, free_port
from tests.chaos.brokers.stalled import stalled

DATA = Path(lts.__file__).parent / "samples" / "btcusd_1min_2020-01-01.csv"
SYSTEM = """
[[instrument]]
symbol = "BTC/USD"
currency = "USD"
tick_size = "0.01"
lot_size = "0.01"

[[feed]]
plugin = "csv"
instrument = "BTC/USD"
params = {{ path = "{path}", bar = "1m" }}

[[broker]]
name = "paper"
plugin = "paper"

[mqtt]
host = "127.0.0.1"
node = "here"
port = {port}
timeout_s = 2.0
"""
PORTFOLIO = """
[[portfolio]]
name = "{name}"
owner = "ann"
currency = "USD"
cash = "100000"
plugin = "fixed_quantity"
params = {{ quantity = "0.5" }}

  [[portfolio.asset]]
  instrument = "BTC/USD"
  broker = "paper"
  strategy = "sma_cross"
  params = {{ fast = {fast}, slow = {slow} }}
"""
AVERAGES = ((2, 3), (2, 4), (3, 5), (4, 7))
DAY_S = 86_400
RESTART_S = 3.0
"""In which the bars of a restart are played: the day is over when the broker was restarted often enough."""
BACK_S = 5.0
"""In which the node has to be back after the broker is."""
SETTINGS = "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 100\n"
FILLS = "SELECT exec_id, client_order_id, price, quantity, fee FROM fills"
ORDERS = "SELECT client_order_id FROM orders"
STATES = "SELECT seq FROM audit_log WHERE entity = 'trading_states'"
CHANGES = "SELECT client_order_id, status, exec_id FROM order_events"


class Report(msgspec.Struct):
    """What became of the broker, and of what the subscriber was to hear."""

    restarts: int = 0
    cuts: int = 0
    orders: int = 0
    fills: int = 0
    changes: int = 0
    states: int = 0
    heard: int = 0
    """Messages of portfolios and the system, repeated ones too."""
    repeated: int = 0
    lost: int = 0
    """Orders, changes, fills and trading states of the database that were not heard, or otherwise."""
    invented: int = 0
    """Those that were heard and are not in the database."""
    back_longest_s: float = 0.0
    trouble: str = ""

    @property
    def good(self) -> bool:
        """Whether it is as it has to be."""
        return not (self.lost or self.invented or self.trouble) and self.back_longest_s <= BACK_S


class Ear(Subscriber):
    """Keeps all that is heard, and when the node said that it is there."""

    def __init__(self, port: int) -> None:
        self.told: list[tuple[str, Any]] = []
        self.online = 0.0
        super().__init__(port, "lts/v1/here/portfolio/#", "lts/v1/here/system/#", name="keeper")

    def listen(self) -> None:
        """Take what has come since."""
        while not self.heard.empty():
            message = self.heard.get()
            payload = json.loads(message.payload)
            self.told.append((message.topic, payload))
            if payload.get("state") == "online" and not message.retain:
                self.online = time.monotonic()


@contextmanager
def network(to: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    port = free_port()
    command = [sys.executable, "-m", "tests.chaos.brokers.proxy", str(port), str(to)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield port, process
        finally:
            process.terminate()


def order(process: subprocess.Popen[str], command: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{command}\n")
    process.stdin.flush()
    process.stdout.readline()


async def restarted(broker: Broker, wires: subprocess.Popen[str], ear: Ear, *, cut: bool) -> float:
    """Restart the broker once; return how long the node took to be back."""
    if cut:
        await asyncio.to_thread(order, wires, "cut")
        await pause(0.2)
    await asyncio.to_thread(broker.end)
    await pause(0.2)
    await asyncio.to_thread(broker.begin)
    if cut:
        await pause(0.3)
        await asyncio.to_thread(order, wires, "open")
    begun = time.monotonic()
    while ear.online < begun:
        if time.monotonic() - begun > 4 * BACK_S:
            break
        ear.listen()
        await pause(0.01)
    return time.monotonic() - begun


async def attacked(restarts: int, directory: Path) -> Report:
    """Have a node trade a day while its broker is restarted so often."""
    report = Report()
    broker = Broker(directory, SETTINGS, mosquitto=True)
    broker.begin()
    with network(broker.port) as (port, wires):
        ear = Ear(broker.port)
        node = asyncio.create_task(traded(directory, port, DAY_S / (restarts * RESTART_S)))
        try:
            while not node.done() and report.restarts < restarts:
                cut = bool(report.restarts % 2)
                took = await restarted(broker, wires, ear, cut=cut)
                report.back_longest_s = max(report.back_longest_s, round(took, 2))
                report.restarts += 1
                report.cuts += cut
                await pause(0.5)
            report.trouble = await node
        finally:
            node.cancel()
            await asyncio.gather(node, return_exceptions=True)
        while True:
            await pause(1)
            before = len(ear.told)
            ear.listen()
            if len(ear.told) == before:
                break
        ear.close()
    broker.end()
    compare(ear.told, next((directory / "state").glob("*.db")), report)
    return report


async def traded(directory: Path, port: int, speed: float) -> str:
    """Trade the day, until the broker was told all of it; return what went wrong."""
    file = directory / "system.toml"
    portfolios = "".join(
        PORTFOLIO.format(name=f"p{number}", fast=fast, slow=slow)
        for number, (fast, slow) in enumerate(AVERAGES)
    )
    text = SYSTEM.format(path=DATA, port=port) + portfolios
    file.write_text(text, encoding="utf-8")
    plan = read_system(file)
    storage = storage_of(plan, directory / "state")
    storage.state_dir.mkdir(exist_ok=True)
    storage.node_keys(create=True)
    bridged = keeper(plan, storage, ChildProcess())
    system = System(plan, ReplayDriver(speed), Extras(to_the_end=True, keeper=bridged))
    await system.start()
    meddling = asyncio.create_task(meddled(system))
    try:
        await system.run()
        while not _all_told(storage.state_dir):
            await pause(0.1)
        return system.trouble() or ""
    finally:
        meddling.cancel()
        await system.stop()


async def meddled(system: System) -> None:
    """Change the trading state of a portfolio every second, for good."""
    for state in cycle((TradingState.REDUCING, TradingState.ACTIVE)):
        await pause(1)
        await system.console.ask(SetTradingState("portfolio:p3", state, "a test", "ann"))


def _all_told(state: Path) -> bool:
    with closing(sqlite3.connect(next(state.glob("*.db")))) as database:
        last: int
        (last,) = database.execute("SELECT max(seq) FROM audit_log").fetchone()
    return last <= (read_cursor(state / "mqtt.cursor", "here") or 0)


def compare(told: list[tuple[str, Any]], file: Path, report: Report) -> None:
    """Hold what was heard against the database, row by row."""
    numbered = [each for _, each in told if each["schema"].startswith("Order")]
    events = {each["seq"]: each for each in numbered}
    report.heard = len(told)
    report.repeated = len(numbered) - len(events)
    orders: set[Any] = set()
    fills: set[Any] = set()
    changes: list[Any] = []
    for each in events.values():
        body = each["body"]
        match each["schema"]:
            case "OrderJournalled/1":
                orders.add((body["order"]["client_order_id"],))
            case "OrderDenied/1":
                orders.add((body["order"]["client_order_id"],))
                changes.append((body["order"]["client_order_id"], "denied", None))
            case "OrderChanged/1":
                changes.append((body["client_order_id"], body["status"], None))
            case "OrderFilled/1":
                fill = body["fill"]
                amounts = tuple(Decimal(fill[name]) for name in ("price", "quantity", "fee"))
                fills.add((fill["exec_id"], fill["client_order_id"], *amounts))
                changes.append((fill["client_order_id"], body["status"], fill["exec_id"]))
    with closing(sqlite3.connect(file)) as database:
        stored_fills = {(*row[:2], *map(Decimal, row[2:])) for row in database.execute(FILLS)}
        stored_orders = set(database.execute(ORDERS))
        stored_changes = database.execute(CHANGES).fetchall()
        stored_states = set(database.execute(STATES))
    report.orders, report.fills, report.changes = map(len, (stored_orders, stored_fills, stored_changes))
    states = {(each["seq"],) for _, each in told if each["schema"].startswith("TradingState")}
    report.states = len(stored_states)
    pairs: tuple[tuple[Any, Any], ...] = (
        (stored_orders, orders),
        (stored_fills, fills),
        (stored_states, states),
    )
    for stored, heard in (*pairs, (stored_changes, changes)):
        report.lost += sum((Counter(stored) - Counter(heard)).values())
        report.invented += sum((Counter(heard) - Counter(stored)).values())


def main() -> int:
    """Do what the arguments say; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.brokers", description=__doc__)
    parser.add_argument("--restarts", type=int, default=100, help="how often the broker is restarted")
    parser.add_argument("--ticks", type=int, default=3_000, help="orders beside a broker that reads nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    told = parser.parse_args()
    logs.set_up("error")
    with TemporaryDirectory() as directory:
        report = asyncio.run(attacked(told.restarts, Path(directory)))
        beside = asyncio.run(stalled(Path(directory), told.ticks))
    shown = msgspec.to_builtins(report) | {"stalled": msgspec.to_builtins(beside)}
    print(json.dumps(shown, indent=None if told.json else 2))  # noqa: T201 - it is what was asked for
    return 0 if report.good and beside.good else 1
