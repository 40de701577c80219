"""Starts a node, kills it, and again; at the end, holds its book against the venue's."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

from tests.chaos.kill.books import NodeBook, Receipts
from tests.chaos.kill.points import POINTS, RARE
from tests.chaos.kill.process import BEAT, ROOT, NodeProcess, pause
from tests.chaos.kill.system import BROKER, VENUE, write_system
from tests.chaos.kill.verdict import Verdict, compare
from tests.venues.process import VenueProcess

START_S = 4.0
"""Seconds from spawn to READY, at most."""
UNKNOWN_S = 5.0
"""Seconds within which it is known what became of an order, once its venue can be asked."""
AT_POINTS = 0.75
"""The part of the kills that are at points; the others come at any moment."""
PASSAGES = (1, 3, 6, 10, 15, 20)
"""At which passage of a point it dies."""
AT_MOST_S = 120.0
"""For how long it trades for the sake of having enough orders."""
SETTLE_S = 30.0
"""Seconds in which all comes to rest at the end."""
NS = 1_000_000_000
UNSETTLED = ("submitted", "pending_cancel", "pending_update", "unknown")
Json = dict[str, Any]


@dataclass(frozen=True)
class Wishes:
    """What is to be done."""

    kills: int = 200
    seed: int = 0
    lost_acks: float = 0.0
    lost_requests: float = 0.0
    lost_updates: float = 0.0
    rest_s: float = 0.0
    orders: int = 0
    appetite: float = 0.25
    no_intents: bool = False
    points: tuple[str, ...] = POINTS
    """Where it may die; of all else, nothing is a point."""
    say: Callable[[str], None] | None = None


@dataclass
class Tally:
    """What came of it so far."""

    kills: int = 0
    at_points: Counter[str] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)
    starts: list[float] = field(default_factory=list)
    runs: list[list[int]] = field(default_factory=list)
    """When the node was spawned, and when its account was ready if it was, in UTC nanoseconds."""
    unjournalled: set[str] = field(default_factory=set)
    """Orders that the venue had received while no intent was on disk."""
    failed_starts: list[str] = field(default_factory=list)
    differed: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


class Harness:
    """One venue, one node, and a hand that kills."""

    def __init__(self, directory: Path, wishes: Wishes, url: str = "") -> None:
        self.directory, self.wishes, self.url = directory, wishes, url
        self.draw = Random(wishes.seed)
        self.venue = VenueProcess(directory, *VENUE, "--walk", str(wishes.seed % 1000))
        self.tally = Tally()

    def __enter__(self) -> Self:
        """Open the venue, and get the node ready to be started."""
        self.venue.start()
        self.began = time.monotonic()
        file = write_system(self.directory, self.venue, self.url, self.wishes.appetite)
        self.node = NodeProcess(file, str(self.wishes.seed))
        self.book = NodeBook(self.node.state / "lts.db", self.url)
        self.receipts = Receipts(self.directory / "venue.sqlite")
        return self

    def __exit__(self, *_: object) -> None:
        self.node.kill()
        self.venue.kill()

    def run(self) -> Json:
        """Kill it as often as is wished; return what came of it."""
        with self:
            self.set_faults()
            while self.tally.kills < self.wishes.kills:
                self.kill_once()
            if self.wishes.rest_s or self.receipts.read < self.wishes.orders:
                self.trade_on()
            return self.conclude()

    def conclude(self) -> Json:
        """Let all come to rest, and return what came of it."""
        verdict, unsettled = self.settle()
        return self.told(verdict, unsettled, time.monotonic() - self.began)

    def set_faults(self) -> None:
        """Have a part of the orders and modifications go unanswered, or get there late."""
        kinds = (("lost_ack", self.wishes.lost_acks), ("lost_request", self.wishes.lost_requests))
        faults = [
            {"kind": kind, "probability": part, "method": "POST", "path": "/orders$"}
            for kind, part in kinds
            if part
        ]
        if self.wishes.lost_updates:
            update = {"method": "PUT", "path": "/orders/[^/]+$", "probability": self.wishes.lost_updates}
            faults += [{"kind": "lost_ack"} | update, {"kind": "delay_before", "seconds": 1.0} | update]
        if faults:
            self.venue.faults(*faults, seed=self.wishes.seed)

    # A kill

    def kill_once(self) -> None:
        """Start the node, and have it die."""
        point = self.next_point() if self.draw.random() < AT_POINTS else ""
        if point:
            missed = self.tally.tried[point] and not self.tally.at_points[point]
            self.tally.tried[point] += 1
            passages = 1 if missed or point in RARE else self.draw.choice(PASSAGES)
            self.start(point=point, passages=passages)
            self.note_start(self.node.ready())
            self.wait_for_death(3.0)
        else:
            self.start()
            if self.draw.random() < 0.3:
                self.wait_for_death(self.draw.uniform(0.1, 2.5))
                self.note_start(self.node.ready(0))
            else:
                self.note_start(self.node.ready())
                self.wait_for_death(self.draw.uniform(0.0, 2.5))
        died = self.end()
        self.tally.kills += 1
        if died:
            self.tally.at_points[died] += 1
        if self.wishes.say and not self.tally.kills % 10:
            starts = self.tally.starts[-10:] or [0]
            told = (
                f"{self.tally.kills} kills, {self.receipts.read} orders, {len(self.tally.at_points)} points"
            )
            self.wishes.say(f"{told}, {sum(starts) / len(starts):.1f} s to start")

    def next_point(self) -> str:
        """Return a point at which it has not died yet, or one of all; the one that was tried the least."""
        hits, tried = self.tally.at_points, self.tally.tried
        wanted = [point for point in self.wishes.points if not hits[point]] or self.wishes.points
        least = min(tried[point] for point in wanted)
        return self.draw.choice([point for point in wanted if tried[point] == least])

    def start(self, **hands: Any) -> None:
        self.tally.runs.append([time.time_ns()])  # noqa: TID251 - what the node's own times are held against
        self.node.start(no_intents=self.wishes.no_intents, **hands)

    def note_start(self, ready: float | None) -> None:
        if ready is not None:
            self.tally.starts.append(ready)
            run = self.tally.runs[-1]
            run.append(run[0] + round(ready * NS))

    def wait_for_death(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self.node.running and time.monotonic() < until:
            pause(BEAT)

    def end(self) -> str:
        """Kill it; what the venue had received by then has to be on disk."""
        ended = None if self.node.process is None else self.node.process.poll()
        died = self.node.kill()
        if ended is not None and ended >= 0:
            err = (self.directory / "node.err").read_text(encoding="utf-8", errors="replace").splitlines()
            self.tally.failed_starts.append(f"exit {ended}: {' | '.join(err[-3:])}")
        for line in self.node.told:
            if line.get("event") == "account" and line.get("state") == "differs":
                self.tally.differed.append(line.get("reason", ""))
            elif line.get("event") in {"order alarm", "order alarmed", "dead letter"}:
                self.tally.alarms.append(json.dumps(line))
        self.check_intents()
        return died

    def check_intents(self) -> None:
        """See that an intent is on disk of each order that the venue has received; disk is looked at last."""
        if received := self.receipts.new():
            kept = self.book.orders() if self.book.exists() else set()
            self.tally.unjournalled |= {*received} - kept

    # The end

    def trade_on(self) -> None:
        """Trade undisturbed: for a while, and until enough orders have come to the venue."""
        self.start()
        self.note_start(self.node.ready())
        until = time.monotonic() + self.wishes.rest_s
        while time.monotonic() < until + AT_MOST_S * (self.receipts.read < self.wishes.orders):
            self.wait_for_death(1.0)
            self.check_intents()
        self.end()

    def settle(self) -> tuple[Verdict, str]:
        """End all faults, let prices stand, start the node once more, and wait until all has come to rest."""
        self.venue.options = VENUE
        self.venue.restart()
        self.start(quiet=True)
        self.note_start(self.node.ready())
        until, unsettled = time.monotonic() + SETTLE_S, "it never was ready"
        while time.monotonic() < until and (unsettled := self.unsettled()):
            pause(0.1)
        pause(3.0)  # another look of the node at the account
        unsettled = self.unsettled()
        verdict = compare(self.venue.book(), self.book)
        self.node.listen()
        states = [line["state"] for line in self.node.told if line.get("event") == "account"]
        if not states or states[-1] != "ready":
            verdict.amiss.append(f"the account is {states[-1:]} at the end")
        self.end()
        return verdict, unsettled

    def unsettled(self) -> str:
        """Say what has not come to rest; empty if all has."""
        statuses = self.book.statuses()
        if found := {status: statuses[status] for status in UNSETTLED if status in statuses}:
            return str(found)
        (cursor,) = self.book.rows(f"SELECT cursor FROM venue_cursors WHERE broker = '{BROKER}'") or [{}]  # noqa: S608 - ours
        last = self.receipts.last()
        return (
            ""
            if cursor.get("cursor") == last
            else f"transaction {last}, and the cursor is {cursor.get('cursor')}"
        )

    def doubts(self) -> list[float]:
        """Return for how many seconds each order was unknown while the account was ready."""
        rows = self.book.rows("SELECT client_order_id, status, at FROM order_events ORDER BY seq")
        since: dict[str, int] = {}
        found = []
        for row in rows:
            name, at = row["client_order_id"], row["at"]
            if row["status"] == "unknown":
                since.setdefault(name, at)
            elif (doubted := since.pop(name, None)) is not None:
                _, *ready = max(run for run in self.tally.runs if run[0] <= at)
                found.append(max(0, at - max(doubted, *ready)) / NS if ready else 0.0)
        return found

    def verified(self) -> bool:
        """Whether `lts db verify` finds nothing amiss."""
        words = [
            "-c",
            "from lts.cli import main; main()",
            "db",
            "verify",
            "--config",
            str(self.node.file),
            "--json",
        ]
        done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return bool(json.loads(done.stdout)["ok"])
        self.tally.failed_starts.append(f"db verify: {done.stdout[:500]} {done.stderr[-500:]}")
        return False

    def told(self, verdict: Verdict, unsettled: str, took: float) -> Json:
        tally, doubts = self.tally, self.doubts()
        statuses = self.book.statuses()
        longest_start = max(tally.starts, default=0.0)
        missed = [point for point in self.wishes.points if not tally.at_points[point]]
        outcome: Json = {
            "kills": tally.kills,
            "orders": self.receipts.read,
            **verdict.told(),
            "unknown_left": statuses.get("unknown", 0),
            "unjournalled": len(tally.unjournalled),
            "unsettled": unsettled,
            "longest_start_s": round(longest_start, 2),
            "mean_start_s": round(sum(tally.starts) / max(len(tally.starts), 1), 2),
            "unknowns": len(doubts),
            "unknown_longest_s": round(max(doubts, default=0.0), 2),
            "verified": self.verified(),
            "points": len(self.wishes.points),
            "points_missed": len(missed) if tally.kills < len(self.wishes.points) else missed,
            "kills_at_points": sum(tally.at_points.values()),
            "failed_starts": tally.failed_starts,
            "differed": len(tally.differed),
            "alarms": tally.alarms[:5],
            "statuses": statuses,
            "fills": self.book.rows("SELECT count(*) AS n FROM fills")[0]["n"],
            "engine": "postgresql" if self.url else "sqlite",
            "seed": self.wishes.seed,
            "seconds": round(took, 1),
        }
        outcome["ok"] = (
            verdict.clean
            and outcome["verified"]
            and not (outcome["unknown_left"] or outcome["unjournalled"] or unsettled or tally.failed_starts)
            and longest_start <= START_S
            and outcome["unknown_longest_s"] <= UNKNOWN_S
        )
        return outcome
