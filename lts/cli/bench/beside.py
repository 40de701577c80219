"""What trading notices of a busy API: the way from a tick to its order, alone and beside readers.

The API has a process of its own, as under `lts run`, and so have its readers; the portfolio that they read
answers from where it trades. The journal is in memory.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from urllib.parse import urlsplit

import msgspec

from actors.api.actor import Api
from actors.api.params import Premises
from bus import SECOND, Actor, ChildProcess, on, pause
from lts.cli.bench.asking import PARAMS, asked
from lts.cli.bench.tick_to_order import FEW, LatencyReport, Trading, latency
from lts.domain.access import Identify, Identity
from lts.domain.api import GetApi
from lts.domain.permissions import ROLES, Role

HOME = ChildProcess(loop="lts.cli.loop:new_event_loop")
READ = "/api/v1/portfolios/p0"
READER = "bench"
EVERY_S = 0.005
"""Seconds between two ticks."""


class BesideReport(msgspec.Struct, frozen=True):
    """How long an order takes while nobody reads, and while many do."""

    reads_per_s: int
    alone: LatencyReport
    busy: LatencyReport
    ratio_p99: float


class Doorman(Actor[None]):
    """Knows everybody as an administrator."""

    @on
    def identify(self, _: Identify) -> Identity:
        """Answer who that is."""
        expires_at = self.system.now() + 3_600 * SECOND
        return Identity(READER, Role.ADMIN, ROLES[Role.ADMIN], "session:bench", expires_at)


async def measure_beside(rounds: int, reads: int, per_s: float) -> BesideReport:
    """Measure as long as so many reads take, at so many a second, and as long without any, in turn."""
    random, alone, busy, speeds = Random(1), [], [], []  # noqa: S311 - a market, not a secret
    async with _trading() as (trading, port):
        await asked(port, READ, reads, per_s)
        for _ in range(rounds):
            alone += (await _orders(trading, random, pause(reads / per_s)))[0]
            took, reading = await _orders(trading, random, asked(port, READ, reads, per_s))
            busy += took
            speeds.append(reading.per_s)
    without, beside = latency(alone), latency(busy)
    ratio = round(beside.p99_us / without.p99_us, 2)
    return BesideReport(round(sum(speeds) / len(speeds)), without, beside, ratio)


@asynccontextmanager
async def _trading() -> AsyncGenerator[tuple[Trading, int], None]:
    """A system that trades, with an API in a process of its own; the port of that."""
    trading = Trading(FEW)
    await trading.start()
    bus = trading.system.bus
    bus.spawn(Doorman, None, name="doorman")
    owners = dict.fromkeys(trading.system.register.owners, READER)
    bus.spawn(Api, PARAMS, name="api", assignment=Premises(owners=owners), home=HOME)
    try:
        await bus.started()
        yield trading, urlsplit((await trading.system.console.ask(GetApi())).url).port or 0
    finally:
        await trading.stop()


async def _orders(
    trading: Trading, random: Random, meanwhile: Coroutine[Any, Any, Any]
) -> tuple[list[int], Any]:
    """Play ticks for as long as something else takes; return how long each took, and what that returns."""
    other, took = asyncio.ensure_future(meanwhile), []
    while not other.done():
        took += await trading.nanoseconds(1, random)
        await pause(EVERY_S)
    return took, await other
