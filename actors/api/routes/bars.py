"""Bars: what a market did."""

from typing import Annotated

import msgspec
from fastapi import Query
from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import Page
from actors.api.problems import Kind
from actors.api.table import Rule, Table
from actors.api.texts import InPath
from lts.domain.market import RecentBars
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("bars", "What markets did.")
MOST = 1_000


class BarView(msgspec.Struct, frozen=True):
    """What a market did between two instants. Floats: for pictures and indicators, not for books."""

    opened_at: str
    closed_at: str
    open: float
    high: float
    low: float
    close: float
    volume: float


@routes.get(
    "/instruments/{symbol:name}/bars",
    Rule(needs=Permission.READ_MARKET),
    answers=Page[BarView],
    problems=(Kind.NOT_FOUND,),
)
async def list_bars(
    call: Call, symbol: InPath, count: Annotated[int, Query(ge=1, le=MOST, description="How many.")] = 100
) -> Response:
    """List the last bars of an instrument, oldest first."""
    history = await call.port.find(RecentBars(symbol, count))
    views = [
        BarView(
            to_rfc3339(each.opened_at),
            to_rfc3339(each.closed_at),
            each.open,
            each.high,
            each.low,
            each.close,
            each.volume,
        )
        for each in history.bars
    ]
    return call.listed(views)
