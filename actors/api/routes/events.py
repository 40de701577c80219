"""Events: what was journalled, numbered, for whoever follows it."""

from typing import Annotated, Any

import msgspec
from fastapi import Query
from starlette.responses import Response

from actors.api.call import Call
from actors.api.listings import portfolios_of
from actors.api.pages import USUAL
from actors.api.problems import Kind, Problem
from actors.api.scopes import concerns, discreet
from actors.api.table import Rule, Table
from actors.api.texts import Limit, NameQuery
from lts.domain.event_listings import EventsGone, EventsListed, JournalledEvent, ListEvents
from lts.domain.listings import NotListed
from lts.domain.permissions import Permission
from lts.web.times import to_rfc3339

routes = Table("events", "What was journalled, by number: once each, in the order in which it was committed.")
LAST = 2**63 - 1
After = Annotated[
    int | None,
    Query(ge=0, le=LAST, description="The number after which to go on; none: after the latest."),
]


class EventView(msgspec.Struct, frozen=True):
    """A fact that is on disk."""

    seq: int
    at: str
    """When it was committed: system time."""
    portfolio: str
    """Whose it is; empty for what is of none, or of more than one."""
    type: str
    """The name and version of the message, as in `OrderFilled/1`."""
    body: dict[str, Any]
    """Amounts are strings, times UTC nanoseconds of market time."""


class EventsView(msgspec.Struct, frozen=True):
    """Events, oldest first; whoever has reached `last` has seen all."""

    items: tuple[EventView, ...]
    through: int
    """What to go on after."""
    last: int
    """The latest number that there is."""


@routes.get(
    "/events",
    Rule(needs=Permission.READ_ORDERS, owned_by="portfolio"),
    answers=EventsView,
    problems=(Kind.NOT_FOUND, Kind.GONE),
)
async def list_events(
    call: Call, after: After = None, portfolio: NameQuery = None, limit: Limit = USUAL
) -> Response:
    """List what was journalled after a number.

    There may be fewer than were wanted, even none, with others still to come. Numbers that are not kept any
    more are answered with 410 and where to `begin`: read what is anew, and go on after that.
    """
    portfolios = await portfolios_of(call, Permission.READ_ORDERS, "events", portfolio)
    scopes = None if portfolio is None else ()
    listed = await call.ask(ListEvents(after, portfolios, scopes, limit))
    if isinstance(listed, NotListed):
        raise Problem(Kind.INVALID, listed.reason)
    if isinstance(listed, EventsGone):
        raise Problem(Kind.GONE, listed.reason, begin=listed.begin)
    return call.answer(EventsView(_seen(call, listed), listed.through, listed.last))


def _seen(call: Call, listed: EventsListed) -> tuple[EventView, ...]:
    owners, identity = call.port.premises.owners, call.identity
    return tuple(
        _view(discreet(each, identity, owners)) for each in listed.events if concerns(each, identity, owners)
    )


def _view(each: JournalledEvent) -> EventView:
    return EventView(each.seq, to_rfc3339(each.at), each.portfolio, each.type, each.body)
