"""Commands a node over MQTT by what was sent before, kept, turned around or altered: none of it may count.

What is generated at random comes on top: a node answers it, and neither fails nor grows.
"""

import argparse
import asyncio
import json
import queue
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bus import SECOND
from tests.brokers import Broker, Subscriber, broker
from tests.chaos.commands.messages import ALTERATIONS, ORDER, ROOT, Message, Sender
from tests.chaos.replays.node import Node
from tests.chaos.replays.robot import CLOCK, Robot
from tests.chaos.replays.run import ENDS

AT_ONCE = 100
"""Messages of one sort, which are sent before their answers are awaited."""
ORIGINALS = 20
"""Commands that are sent for the first time, in each part."""
LONGEST_ANSWER_S = 60
SCOPES = ("orders:write", "orders:read", "portfolios:read", "market:read")
MQTT = """
[mqtt]
host = "127.0.0.1"
port = {port}
node = "here"
publish = ["alerts"]
commands = true
commands_per_s = 100000
"""
TROUBLE = ("Traceback", '"level": "error"', '"level": "critical"', "[error", "[critical")


class Report(msgspec.Struct):
    """What became of all messages."""

    seed: int
    commands: int = 0
    """Replayed, retained or altered; those that were sent for the first time are not counted."""
    replayed: int = 0
    retained: int = 0
    altered: int = 0
    accepted: int = 0
    """Of them, those that were not refused: there may be none."""
    originals: int = 0
    orders: int = 0
    """That the node has: as many as there were originals."""
    generated: int = 0
    unhandled: int = 0
    """Answers that something went wrong here, and lines of the log that say so."""
    grown_bytes: int = 0
    """By how much the node with its processes is larger after all that than after its first tenth."""
    ends: list[str] = []
    answers: dict[str, int] = {}
    """By what was done to a command and how it was answered."""
    elapsed_s: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether none of them counted, all that were new did once, and the node stayed what it was."""
        kept = self.grown_bytes < 32 * 2**20
        return self.accepted == self.unhandled == 0 and self.orders == self.originals and kept


class Attack:
    """Sends commands to a node, and keeps count."""

    def __init__(self, node: Node, at: Broker, seed: int, ends: tuple[signal.Signals, ...] = ENDS) -> None:
        self.report = Report(seed)
        self._node, self._broker, self._ends = node, at, ends
        self._draw = Random(seed)
        self._robot = Robot(node)
        self._sender = Sender(self._robot, self._draw)
        self._answers: Counter[str] = Counter()
        self._seen: list[Message] = []

    async def run(self, commands: int, generated: int = 0) -> Report:
        """Attack in as many parts as the node has lives."""
        began = CLOCK.monotonic()
        self._node.start()
        self._ear = Subscriber(self._broker.port, f"{ROOT}/reply/#")
        try:
            await self._robot.enlist(SCOPES)
            each, rest = divmod(commands, len(self._ends) + 1)
            for number, end in enumerate((*self._ends, None)):
                self._part(each + (rest if end is None else 0), number)
                if end is None:
                    self._flood(generated)
                else:
                    self._restart(end)
            self.report.orders = await self._robot.orders(ORDER["quantity"])
        finally:
            self._ear.close()
            self._node.end(signal.SIGTERM)
        self.report.answers = dict(sorted(self._answers.items()))
        self.report.elapsed_s = round((CLOCK.monotonic() - began) / SECOND, 1)
        return self.report

    def _part(self, commands: int, number: int) -> None:
        """Send what is new, in any order, then what is not: of this life of the node and those before."""
        left = commands
        if number:
            count = min(len(self._seen), commands // 4)
            self._send("replayed after a restart", self._draw.sample(self._seen, count))
            left -= count
        fresh = [self._sender.order() for _ in range(ORIGINALS)]
        self._draw.shuffle(fresh)
        taken = self._send("new", fresh, counted=False)
        self.report.originals += sum(status != 401 for status in taken)
        self._seen += fresh
        while left > 0:
            how, make = self._drawn()
            count = min(left, self._draw.randint(1, min(AT_ONCE, commands // 8 + 1)))
            self._send(how, [make() for _ in range(count)])
            left -= count

    def _drawn(self) -> tuple[str, Callable[[], Message]]:
        sort = self._draw.random()
        if sort < 0.4:
            return "replayed", lambda: self._draw.choice(self._seen)
        if sort < 0.5 and self._broker.mosquitto:  # the other broker does not tell what it keeps
            return "retained", lambda: msgspec.structs.replace(self._sender.order(), retain=True)
        how = self._draw.choice(sorted(ALTERATIONS))
        return how, lambda: self._sender.altered(how)

    def _restart(self, end: signal.Signals) -> None:
        """End the node, have the broker keep for it what is not to count, and start it again."""
        self._note_log()
        self._node.end(end)
        self.report.ends.append(end.name)
        replays = self._draw.sample(self._seen, ORIGINALS)
        for each in replays:
            self._publish(each)
        self._node.start()
        self._hear("replayed while it was away", len(replays))

    def _flood(self, generated: int) -> None:
        """Send what is generated, and see what the node makes of it."""
        first = None
        for number in range(0, generated, AT_ONCE):
            count = min(AT_ONCE, generated - number)
            self._send("generated", [self._sender.generated() for _ in range(count)], counted=False)
            if first is None and number >= generated // 10:
                first = self._node.memory_bytes
        self.report.generated = generated
        self.report.grown_bytes = self._node.memory_bytes - first if first else 0
        self._note_log()

    def _send(self, how: str, messages: list[Message], *, counted: bool = True) -> list[int]:
        """Send messages of one sort, and return how they were answered; what is retained is not."""
        statuses: list[int] = []
        for at in range(0, len(messages), AT_ONCE):
            some = messages[at : at + AT_ONCE]
            for each in some:
                self._publish(each)
            if how == "retained":
                self._count(how, [], len(some))
            else:
                statuses += self._hear(how, len(some), counted=counted)
        return statuses

    def _publish(self, message: Message) -> None:
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = message.response_topic
        properties.CorrelationData = message.correlation
        client = self._ear.client
        client.publish(message.topic, message.payload, 1, message.retain, properties=properties)

    def _hear(self, how: str, count: int, *, counted: bool = True) -> list[int]:
        statuses: list[int] = []
        for _ in range(count):
            try:
                _, told = self._ear.next(LONGEST_ANSWER_S)
            except queue.Empty:
                raise TimeoutError(f"{how}: only {len(statuses)} of {count} were answered") from None
            problem = str(told.get("problem", {}).get("type", "accepted")).rpartition(":")[2]
            self._answers[f"{how}: {problem}"] += 1
            self.report.unhandled += problem == "internal"
            statuses.append(told["status"])
        if counted:
            self._count(how, statuses, count)
        return statuses

    def _count(self, how: str, statuses: list[int], count: int) -> None:
        report = self.report
        report.commands += count
        report.accepted += sum(status < 400 for status in statuses)
        sort = how.partition(" ")[0]
        report.replayed += count if sort == "replayed" else 0
        report.retained += count if sort == "retained" else 0
        report.altered += 0 if sort in {"replayed", "retained"} else count

    def _note_log(self) -> None:
        self.report.unhandled += sum(word in line for line in self._node.log.splitlines() for word in TROUBLE)


def attack(
    commands: int,
    seed: int,
    directory: Path,
    ends: tuple[signal.Signals, ...] = ENDS,
    *,
    generated: int = 0,
) -> Report:
    """Attack a node in a directory by so many commands, through as many ends of it."""
    with broker(directory) as at:
        node = Node(directory, MQTT.format(port=at.port))
        return asyncio.run(Attack(node, at, seed, ends).run(commands, generated))


def main() -> int:
    """Read what to do from the arguments; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.commands", description=__doc__)
    parser.add_argument("--commands", type=int, default=20_000, help="that are replayed, kept or altered")
    parser.add_argument("--generated", type=int, default=100_000, help="payloads that come on top")
    parser.add_argument("--seed", type=int, default=1, help="draws the same again")
    parser.add_argument("--json", action="store_true", help="print one object of JSON")
    told = parser.parse_args()
    with TemporaryDirectory(prefix="lts-commands-") as directory:
        report = attack(told.commands, told.seed, Path(directory), generated=told.generated)
    found = msgspec.to_builtins(report)
    lines = [json.dumps(found)] if told.json else [f"{name:12} {value}" for name, value in found.items()]
    sys.stdout.write("\n".join([*lines, ""]))
    return 0 if report.passed else 1
