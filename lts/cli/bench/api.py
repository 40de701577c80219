"""What a read over HTTP costs: a portfolio, by a token that is known, from a client in another process.

Beside it, in the same run and served by the same server, stands the least that FastAPI takes for the same
answer: a route with a response model, without anybody being asked who they are.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from statistics import median
from typing import Any

import msgspec

from actors.api.actor import Api
from actors.api.params import Premises
from bus import SECOND, Actor, Bus, LiveDriver, on
from lts.cli.bench.asking import PARAMS, asked
from lts.cli.bench.beside import BesideReport, measure_beside
from lts.cli.bench.rounds import settled
from lts.domain.access import Identify, Identity
from lts.domain.accounts import AccountReported, GetAccount
from lts.domain.permissions import ROLES, Role
from lts.domain.positions import Position

POSITIONS = 3


class ApiReport(msgspec.Struct, frozen=True):
    """What an authenticated read of a portfolio costs."""

    requests_per_s: int
    ratio_to_fastapi: float
    """Of the speed of a bare route of FastAPI with a response model."""
    p99_ms: float
    fastapi_per_s: int
    fastapi_p99_ms: float
    trading: BesideReport
    """Beside half of those reads."""


class Owner(Actor[None]):
    """Knows everybody as alice, and has her portfolio."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Buy."""
        quantity, cost = Decimal(30), Decimal(100)
        self.positions = tuple(
            Position("main", f"I{each}", quantity=quantity, cost=cost) for each in range(POSITIONS)
        )
        yield

    @on
    def identify(self, _: Identify) -> Identity:
        """Answer that it is alice."""
        expires_at = self.system.now() + 3_600 * SECOND
        return Identity("alice", Role.TRADER, ROLES[Role.TRADER], "session:bench", expires_at)

    @on
    def report(self, _: GetAccount) -> AccountReported:
        """Answer what there is."""
        amount = Decimal("1000.5")
        return AccountReported(
            portfolio="main",
            owner="alice",
            currency="USD",
            at=self.clock.now(),
            capital=amount,
            cash=amount,
            equity=amount,
            fees=amount,
            financing=amount,
            realised=amount,
            positions=self.positions,
        )


async def measure_api(rounds: int, requests: int) -> ApiReport:
    """Measure so many requests a round."""
    ours, theirs = [], []
    async with _api() as (port, bare_port):
        for measured in range(rounds + 1):
            with settled():
                bare = await asked(bare_port, "/portfolios/main", requests)
                api = await asked(port, "/api/v1/portfolios/main", requests)
            if measured:  # the first is to warm up
                ours.append(api)
                theirs.append(bare)
    ratios = [one.per_s / other.per_s for one, other in zip(ours, theirs, strict=True)]
    per_s = median(each.per_s for each in ours)
    return ApiReport(
        requests_per_s=round(per_s),
        ratio_to_fastapi=round(median(ratios), 3),
        p99_ms=round(median(each.p99_ms for each in ours), 2),
        fastapi_per_s=round(median(each.per_s for each in theirs)),
        fastapi_p99_ms=round(median(each.p99_ms for each in theirs), 2),
        trading=await measure_beside(rounds, max(1, requests // 2), per_s / 2),
    )


@asynccontextmanager
async def _api() -> AsyncGenerator[tuple[int, int], None]:
    """The API, and the bare route; their ports."""
    # Not at the top: the other measurements do without the libraries of the web.
    from actors.api.bare import bare  # noqa: PLC0415
    from actors.api.service import Service  # noqa: PLC0415

    bus = Bus(LiveDriver())
    bus.spawn(Owner, None, name="owner")
    api: Any = bus.spawn(Api, PARAMS, name="api", assignment=Premises(owners={"main": "alice"})).actor
    await bus.started()
    beside = Service(bare(POSITIONS), PARAMS)
    beside.start()
    try:
        yield api.service.number, beside.number
    finally:
        await beside.stop()
        await bus.stop()
