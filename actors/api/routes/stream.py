"""The stream: what happens, as it happens."""

from typing import Annotated

import msgspec
from fastapi import Query
from starlette.responses import Response

from actors.api.call import Call
from actors.api.problems import Kind, Problem, Reason
from actors.api.routes.events import After
from actors.api.stream.lines import Lines
from actors.api.stream.subscriptions import Subscribe, Subscriptions
from actors.api.stream.topics import TOPICS
from actors.api.table import Needs, Rule, Table
from lts.web.times import to_rfc3339

_TOPICS = "; ".join(
    f"`{name}`: {topic.about[0].lower()}{topic.about[1:-1]}" for name, topic in TOPICS.items()
)
routes = Table(
    "stream",
    "What happens, as it happens. Ask for a ticket, open a WebSocket at `/api/v1/stream?ticket=…` within "
    'seconds, and send `{"type": "subscribe", "topic": "orders", "keys": ["main"]}`. What is so now comes as '
    "`snapshot`, then each `event` with its number. What is journalled is resumed by `after` with the last "
    "number that one has. `unsubscribe` ends it; `renew` with another ticket lets the stream outlive the "
    f"token that it began with. Whoever reads too slowly is told so and dropped. Topics: {_TOPICS}",
)
SELF = Rule(needs=Needs.SELF)
Wanted = Annotated[
    str,
    Query(
        min_length=1,
        max_length=2_000,
        pattern=r"^[A-Za-z0-9 ._/:,-]+$",
        description="What to follow: topics, each with a portfolio or an instrument behind a colon, or "
        "without for all, as in `orders:main,quotes`.",
    ),
]


class TicketView(msgspec.Struct, frozen=True):
    """What lets one stream in, once."""

    ticket: str
    expires_at: str


@routes.post("/auth/stream-ticket", SELF, answers=TicketView)
async def make_stream_ticket(call: Call) -> Response:
    """Ask for a ticket to open a stream with; it is good once, for seconds."""
    ticket, until = call.port.tickets.give(call.identity)
    return call.answer(TicketView(ticket, to_rfc3339(until)))


@routes.get(
    "/stream/events",
    SELF,
    answers=str,
    form="text/event-stream",
    problems=(Kind.NOT_FOUND, Kind.FORBIDDEN),
)
async def follow(
    call: Call,
    subscribe: Wanted,
    after: After = None,
    once: Annotated[bool, Query(description="Whether to end when what is so now has been told.")] = False,  # noqa: FBT002
) -> Response:
    """Follow what happens as server-sent events.

    Their ids are numbers of the journal: a reader who comes back with `Last-Event-ID` misses nothing of what
    is journalled.
    """
    through = _last_id(call) if after is None else after
    wanted = [Subscribe(topic, keys, through) for topic, keys in _parsed(subscribe).items()]
    subscriptions = Subscriptions(call.port)
    for each in wanted:
        subscriptions.keys(call.identity, each.topic, each.keys)
    return Lines(call.port, call.identity, wanted, once=once)


def _parsed(subscribe: str) -> dict[str, tuple[str, ...]]:
    """Return the topics with their keys; none: all."""
    found: dict[str, tuple[str, ...]] = {}
    for part in subscribe.split(","):
        topic, _, key = part.partition(":")
        found[topic] = (*found.get(topic, ()), *filter(None, (key,)))
    return found


def _last_id(call: Call) -> int | None:
    told = call.headers.get("last-event-id")
    if told is None:
        return None
    if told.isascii() and told.isdigit() and len(told) < len(str(2**63)):
        return int(told)
    raise Problem(Kind.INVALID, errors=(Reason("header", "/Last-Event-ID", "it is no number of an event"),))
