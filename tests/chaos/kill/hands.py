"""What is done to a node before it starts: all that makes it another program than `lts`."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore._async.http11  # noqa: F401 - points are in it

import actors.desk
import actors.persistence.journal  # noqa: F401 - the same
from actors import host
from actors.persistence import engine, one_hop
from actors.persistence.actor import Persistence
from actors.persistence.work import Work
from bus import Later, on
from bus.clock import SECOND, SystemClock
from lts import live
from lts.domain.order_flow import (
    JournalOrder,
    OrderChanged,
    OrderFilled,
    OrderJournalled,
    OrderNotJournalled,
)
from lts.domain.order_status import OrderStatus
from lts.main import ONCE, Resident
from tests.chaos.kill import points
from tests.chaos.kill.meddler import Meddler

Answer = Later[OrderJournalled | OrderNotJournalled]


def lay(told: dict[str, Any]) -> None:
    """Do all that is told."""
    if told.get("no_intents"):
        journal_afterwards()
    if told.get("disk"):
        fill_the_disk_while(Path(told["disk"]).exists)
    if told.get("clock"):
        mistake_the_time(Path(told["clock"]))
    if told.get("meddler"):
        let_somebody_meddle(told["meddler"])
    points.stand()
    stand_in_the_broker()


def stand_in_the_broker() -> None:
    """Stand at the points in the broker once the host has let its code in, before it is started."""
    admit = vars(host)["admit"]

    def admit_and_stand(kind: str, name: str, catalogue: Any) -> Any:
        admitted = admit(kind, name, catalogue)
        if (kind, name) == ("broker", "oanda"):
            points.stand(points.OANDA)
        return admitted

    host.__dict__["admit"] = admit_and_stand


def journal_afterwards() -> None:
    """Switch the journalling of intents off: an order is written when its venue has answered."""
    held: dict[str, list[Work]] = {}
    keep_fact = Persistence._note

    @on
    def keep(self: Persistence, wanted: JournalOrder) -> Answer:
        later, order = self.later(), wanted.order
        held[order.client_order_id] = [Work(order, self.journal, "desk", self.cause, precious=True)]
        later.answer(OrderJournalled(order))
        return later

    def note(self: Persistence, fact: Any, who: str) -> None:
        whose = fact.fill if isinstance(fact, OrderFilled) else getattr(fact, "order", fact)
        waiting = held.get(getattr(whose, "client_order_id", ""))
        if waiting is None:
            keep_fact(self, fact, who)
        elif isinstance(fact, OrderChanged) and fact.status is OrderStatus.SUBMITTED:
            waiting.append(Work(fact, self.journal, who, self.cause, precious=True))
        else:
            for work in held.pop(whose.client_order_id):
                self.writer.put(work)
            keep_fact(self, fact, who)

    replace(Persistence, "keep", keep)
    replace(Persistence, "_note", note)


def fill_the_disk_while(is_full: Callable[[], bool]) -> None:
    """Let the database have no page more than it has, as long as something is so."""
    begin = engine._SQLite._begin

    def limited(self: Any, connection: Any) -> None:
        cursor = connection.connection.dbapi_connection.cursor()
        cursor.execute(f"PRAGMA max_page_count = {1 if is_full() else 2**30}")
        cursor.close()
        begin(self, connection)

    replace(engine._SQLite, "_begin", limited)
    execute = one_hop._execute

    def limited_hop(connection: sqlite3.Connection, sql: str, *rows: Any) -> None:
        if sql == "BEGIN IMMEDIATE":
            connection.execute(f"PRAGMA max_page_count = {1 if is_full() else 2**30}")
        execute(connection, sql, *rows)

    one_hop.__dict__["_execute"] = limited_hop


def mistake_the_time(file: Path) -> None:
    """Have the machine's wall clock be off by as many seconds as a file says at the time."""
    read_at = off = 0

    def now(_: SystemClock) -> int:
        nonlocal read_at, off
        true = time.time_ns()  # noqa: TID251 - the clock that is to be wrong
        if abs(true - read_at) > SECOND // 50:
            read_at, off = true, int(file.read_text(encoding="ascii") or 0) * SECOND
        return true + off

    replace(SystemClock, "now", now)


def let_somebody_meddle(seed: str) -> None:
    """Add an actor that cancels and modifies what works."""
    others = live._others

    def and_a_meddler(*those: Any) -> Iterator[Resident]:
        yield from others(*those)
        yield Resident(Meddler, seed, "meddler", ONCE)

    live.__dict__["_others"] = and_a_meddler


def replace(owner: type, name: str, by: Any) -> None:
    """Have a class do something else."""
    setattr(owner, name, by)
