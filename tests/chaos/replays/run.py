"""Shows a node what was signed before, and what was altered, also after it ended: none of it may count."""

import argparse
import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import httpx
import msgspec

from bus import SECOND
from tests.chaos.replays.node import Node
from tests.chaos.replays.requests import ORDER, Machine, Signed
from tests.chaos.replays.robot import CLOCK, Robot

ENDS = (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)
"""How the node ends, after each part but the last."""
AT_ONCE = 16
ORIGINALS = 20
"""Requests that are sent for the first time, in each part."""


class Report(msgspec.Struct):
    """What became of all requests."""

    seed: int
    requests: int = 0
    """Replayed or altered; those that were sent for the first time are not counted."""
    replayed: int = 0
    altered: int = 0
    accepted: int = 0
    """Of them, those that were not refused: there may be none."""
    originals: int = 0
    orders: int = 0
    """That the node has: as many as there were originals."""
    ends: list[str] = []
    answers: dict[str, int] = {}
    """By what was done to a request and how it was answered."""
    elapsed_s: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether none of them counted, and all that were new did."""
        return self.accepted == 0 and self.orders == self.originals


class Attack:
    """Sends requests to a node, and keeps count."""

    def __init__(self, node: Node, seed: int, ends: tuple[signal.Signals, ...] = ENDS) -> None:
        self.report = Report(seed)
        self._node = node
        self._ends = ends
        self._draw = Random(seed)
        self._answers: Counter[str] = Counter()
        self._seen: list[Signed] = []

    async def run(self, requests: int) -> Report:
        """Attack in as many parts as the node has lives."""
        began, robot = CLOCK.monotonic(), Robot(self._node)
        self._node.start()
        try:
            await robot.enlist()
            self._machine = Machine(robot.key, robot.secret, self._draw)
            each, rest = divmod(requests, len(self._ends) + 1)
            for number, end in enumerate((*self._ends, None)):
                await self._part(each + (rest if end is None else 0), number)
                if end is not None:
                    self._node.end(end)
                    self.report.ends.append(end.name)
                    self._node.start()
            self.report.orders = await robot.orders(ORDER["quantity"])
        finally:
            self._node.end(signal.SIGTERM)
        self.report.answers = dict(sorted(self._answers.items()))
        self.report.elapsed_s = round((CLOCK.monotonic() - began) / SECOND, 1)
        return self.report

    async def _part(self, requests: int, number: int) -> None:
        """Send what is new, then what is not: of this life of the node, and of those before."""
        fresh = [self._signed() for _ in range(ORIGINALS)]
        before = list(self._seen)
        if number:  # what came in before the node ended is the first that it sees again
            await self._send(("replayed after a restart", each) for each in before[: requests // 2])
        answers = await self._send((("new", each) for each in fresh), counted=False)
        self.report.originals += sum(status != 401 for status in answers)
        self._seen += fresh
        left = requests - (min(len(before), requests // 2) if number else 0)
        await self._send(self._drawn() for _ in range(left))

    def _signed(self) -> Signed:
        return self._machine.order(self._node.url, CLOCK.now() // SECOND)

    def _drawn(self) -> tuple[str, Signed]:
        if self._draw.random() < 0.5:
            return "replayed", self._draw.choice(self._seen)
        return self._machine.altered(self._signed())

    async def _send(self, drawn: Iterable[tuple[str, Signed]], *, counted: bool = True) -> list[int]:
        waiting, statuses = iter(drawn), list[int]()
        limits = httpx.Limits(max_connections=AT_ONCE)
        async with httpx.AsyncClient(base_url=self._node.url, timeout=60, limits=limits) as client:

            async def work() -> None:
                for how, request in waiting:
                    url = client.base_url.copy_with(raw_path=request.target.encode())
                    answer = await client.send(
                        httpx.Request(request.method, url, headers=request.headers, content=request.body)
                    )
                    statuses.append(answer.status_code)
                    self._note(how, answer, counted=counted)

            await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return statuses

    def _note(self, how: str, answer: httpx.Response, *, counted: bool) -> None:
        slug = "accepted"
        if answer.is_error:
            with suppress(ValueError):
                slug = str(answer.json()["type"]).rpartition(":")[2]
        self._answers[f"{how}: {slug}"] += 1
        if counted:
            self.report.requests += 1
            self.report.accepted += answer.status_code != 401
            is_replay = how.startswith("replayed")
            self.report.replayed += is_replay
            self.report.altered += not is_replay


def attack(requests: int, seed: int, directory: Path, ends: tuple[signal.Signals, ...] = ENDS) -> Report:
    """Attack a node in a directory by so many requests, through as many ends of it."""
    return asyncio.run(Attack(Node(directory), seed, ends).run(requests))


def main() -> int:
    """Read what to do from the arguments; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.replays", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="that are replayed or altered")
    parser.add_argument("--seed", type=int, default=1, help="draws the same again")
    parser.add_argument("--json", action="store_true", help="print one object of JSON")
    told = parser.parse_args()
    with TemporaryDirectory(prefix="lts-replays-") as directory:
        report = attack(told.requests, told.seed, Path(directory))
    found = msgspec.to_builtins(report)
    lines = [json.dumps(found)] if told.json else [f"{name:10} {value}" for name, value in found.items()]
    sys.stdout.write("\n".join([*lines, ""]))
    return 0 if report.passed else 1
