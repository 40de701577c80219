"""Statistics: what was measured over time."""

from typing import Annotated, Literal

import msgspec
from fastapi import Query
from starlette.responses import Response

from actors.api.call import Call
from actors.api.listings import Listing, portfolios_of
from actors.api.pages import USUAL, Page
from actors.api.problems import Kind, not_found
from actors.api.table import Rule, Table
from actors.api.texts import CursorQuery, InstantQuery, Limit, NameQuery
from bus import SECOND
from lts.domain.permissions import Permission
from lts.domain.statistics import DAY, HOUR, MINUTE, ListSeries, RecallStatistics
from lts.web.times import from_rfc3339, to_rfc3339

routes = Table("statistics", "Series over time. Floats: for pictures, not for books.")
RESOLUTIONS = {"sample": (0, MINUTE), "minute": (MINUTE, MINUTE), "hour": (HOUR, HOUR), "day": (DAY, DAY)}
"""By name: the seconds that a series is kept at, and the least that lies between two of its points."""
MOST = 10_000
"""Points in one answer."""
Series = Annotated[
    str,
    Query(
        max_length=200, pattern=r"^(portfolio|system)/[A-Za-z0-9._/ -]+$", examples=["portfolio/main/equity"]
    ),
]


class MeasuredView(msgspec.Struct, frozen=True):
    """What a series measured within one interval."""

    at: str
    """When the interval began."""
    samples: int
    first: float
    lowest: float
    highest: float
    last: float
    mean: float


@routes.get(
    "/statistics",
    Rule(needs=Permission.READ_STATISTICS, owned_by="series"),
    answers=Page[MeasuredView],
    problems=(Kind.NOT_FOUND,),
)
async def read_statistics(  # noqa: PLR0913, PLR0917 - by what it can be limited
    call: Call,
    series: Series,
    resolution: Literal["sample", "minute", "hour", "day"] = "minute",
    since: InstantQuery = None,
    until: InstantQuery = None,
    cursor: CursorQuery = None,
) -> Response:
    """Read a series between two instants, by default the last day of it, in market time."""
    page = Listing(call, ("statistics", series, resolution, until), cursor)
    owner = _owner(call, series)
    call.sees(Permission.READ_STATISTICS, owner)
    seconds, step = RESOLUTIONS[resolution]
    end = from_rfc3339(until) if until else _newest(call)
    begin = from_rfc3339(since) if since else end - DAY * SECOND
    begin = int(page.after) if page.after else begin
    through = min(end, begin + MOST * step * SECOND)
    await call.reading("statistics", owner, series)
    recalled = await call.ask(RecallStatistics(series, seconds, begin, through))
    views = [
        MeasuredView(
            to_rfc3339(each.at),
            each.samples,
            each.first,
            each.lowest,
            each.highest,
            each.last,
            each.total / each.samples,
        )
        for each in recalled.measured
    ]
    return call.answer(Page(tuple(views), page.cursor(str(through) if through < end else "")))


@routes.get(
    "/statistics/series",
    Rule(needs=Permission.READ_STATISTICS, owned_by="portfolio"),
    answers=Page[str],
    problems=(Kind.NOT_FOUND,),
)
async def list_series(
    call: Call, portfolio: NameQuery = None, cursor: CursorQuery = None, limit: Limit = USUAL
) -> Response:
    """List the names of the series that one may read."""
    page = Listing(call, ("series", portfolio), cursor)
    portfolios = await portfolios_of(call, Permission.READ_STATISTICS, "statistics", portfolio)
    listed = await page.ask(ListSeries(portfolios, page.after, limit))
    return call.answer(Page(listed.series, page.cursor(listed.next)))


def _newest(call: Call) -> int:
    """Market time as the prices that went by have it, or system time where there are none."""
    return max((each.closed_at for each in call.port.bars.values()), default=call.port.now()) + 1


def _owner(call: Call, series: str) -> str | None:
    """Return whose a series is; raises a Problem for a portfolio that there is not."""
    kind, _, rest = series.partition("/")
    if kind != "portfolio":
        return None
    owners = call.port.premises.owners
    whose = [name for name in owners if rest.startswith(f"{name}/")]
    if not whose:
        raise not_found()
    return owners[max(whose, key=len)]
