"""The tail of the journal: one reads it for all readers, and tells it in order."""

import asyncio
from contextlib import suppress
from typing import Protocol

import msgspec

from actors.api.problems import Problem
from actors.api.stream.streams import Streams
from actors.api.stream.told import Told
from bus import Request, pause
from lts.domain.event_listings import EventsGone, EventsListed, ListEvents
from lts.domain.listings import NotListed

AT_ONCE = 500
LOOKS = (0.03, 0.1, 0.3, 1.0)
"""Seconds between looks since something was said, which is before it is on disk; in the end the last."""
GATHER_S = 0.02
"""After something was said, for what comes with it."""


class Gone(msgspec.Struct, frozen=True, tag_field="type", tag="gone"):
    """What was journalled is not kept any more: read what is anew, and go on after `begin`."""

    begin: int
    reason: str


class Asks(Protocol):
    """`Port.ask`."""

    async def __call__(
        self, request: Request[EventsListed | EventsGone | NotListed], /
    ) -> EventsListed | EventsGone | NotListed:
        """Ask for events."""


class Tail:
    """Follows the journal while somebody wants it."""

    def __init__(self, streams: Streams, ask: Asks) -> None:
        self._streams = streams
        self._ask = ask
        self._said = asyncio.Event()

    def hint(self) -> None:
        """Have it look soon: something has happened that will be journalled."""
        if self._streams.journal is not None:
            self._said.set()

    async def follow(self) -> None:
        """Tell what is journalled, for good."""
        look = 0
        while True:
            try:
                await asyncio.wait_for(self._said.wait(), LOOKS[look])
            except TimeoutError:
                look = min(look + 1, len(LOOKS) - 1)
            else:
                self._said.clear()
                look = 0
                await pause(GATHER_S)
            with suppress(Problem):  # storage does not answer: it is asked again
                await self._catch_up()

    async def _catch_up(self) -> None:
        streams = self._streams
        if not streams.wants_journal:
            streams.journal = None
        while streams.journal is not None:
            after = streams.journal
            answer = await self._ask(ListEvents(after, limit=AT_ONCE))
            if isinstance(answer, EventsGone):
                streams.journal = None
                streams.journal_gone(Told(Gone(answer.begin, answer.reason), "gone"))
            elif isinstance(answer, EventsListed):
                for event in answer.events:
                    streams.tell_journalled(event)
                streams.journal = answer.through
                if answer.through >= answer.last:
                    return
            else:
                return
