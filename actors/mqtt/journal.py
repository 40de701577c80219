"""The journal, told to the broker: every event once it is on disk, and again if it may not have arrived."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from actors.mqtt.cursor import read_cursor, write_cursor
from actors.mqtt.letters import Letter, Letters
from actors.mqtt.params import MqttAssignment
from bus import AskError, Request, pause
from lts.domain.event_listings import EventsGone, EventsListed, ListEvents
from lts.domain.listings import NotListed

AT_ONCE = 500
GATHER_S = 0.02
"""After something was said, for what comes with it."""
LOOKS = (0.03, 0.1, 0.3, 1.0)
"""Seconds between looks since something was said, which is before it is on disk; in the end the last."""


class Sends(Protocol):
    """`Line.send_all`."""

    async def __call__(self, letters: list[Letter], /) -> None:
        """Have the broker take messages."""


class Asks(Protocol):
    """`Actor.ask`."""

    async def __call__(
        self, request: Request[EventsListed | EventsGone | NotListed], /
    ) -> EventsListed | EventsGone | NotListed:
        """Ask for events."""


class Journal:
    """Follows the journal behind a cursor, which moves when the broker has acknowledged.

    Args:
        letters: how events are put into words.
        assignment: where the cursor is kept.
        ask: the port to who keeps the journal.
        gone: what is called when events are not kept any more that the broker does not have.
    """

    def __init__(
        self, letters: Letters, assignment: MqttAssignment, ask: Asks, gone: Callable[[EventsGone], None]
    ) -> None:
        self._letters = letters
        self._path = Path(assignment.cursor)
        self._ask = ask
        self._gone = gone
        self._said = asyncio.Event()
        self.through: int | None = None
        """Up to which number the broker has it."""

    async def open(self) -> None:
        """Find out where to go on; raises ValueError if the file of the cursor cannot be read."""
        self.through = await asyncio.to_thread(read_cursor, self._path, self._letters.params.node)

    def hint(self) -> None:
        """Have it look soon: something has happened that will be journalled."""
        self._said.set()

    async def tell(self, send: Sends) -> None:
        """Tell what is journalled, for as long as the line holds; raises MqttError."""
        look = 0
        while True:
            with suppress(AskError):  # storage does not answer: it is asked again
                await self._catch_up(send)
            try:
                async with asyncio.timeout(LOOKS[look]):
                    await self._said.wait()
            except TimeoutError:
                look = min(look + 1, len(LOOKS) - 1)
            else:
                self._said.clear()
                look = 0
                await pause(GATHER_S)

    async def _catch_up(self, send: Sends) -> None:
        while True:
            answer = await self._ask(ListEvents(self.through, limit=AT_ONCE))
            if isinstance(answer, EventsGone):
                self._gone(answer)
                await self._keep(answer.begin)
            elif isinstance(answer, EventsListed):
                told = [letter for each in answer.events if (letter := self._letters.journalled(each))]
                await send(told)
                await self._keep(answer.through)
                if answer.through >= answer.last:
                    return
            else:
                return

    async def _keep(self, through: int) -> None:
        if through != self.through:
            await asyncio.to_thread(write_cursor, self._path, self._letters.params.node, through)
            self.through = through
