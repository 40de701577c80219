"""A reader: somebody who follows a stream, what waits for them, and what they have subscribed to."""

import asyncio
from collections.abc import Callable

import msgspec

from actors.api.stream.endings import Ending
from actors.api.stream.outbox import MOST, Outbox
from actors.api.stream.told import Told
from bus import pause
from lts.domain.access import AccessChanged, Identity

Channel = tuple[str, str]
"""A topic, and of what: a portfolio, an instrument; empty where there is no such thing."""
BREATH_S = 0.02


class Dropped(msgspec.Struct, frozen=True, tag_field="type", tag="dropped"):
    """The last that a reader is told."""

    reason: str
    detail: str


class Reader:
    """Somebody who follows. Whatever they cannot be told any more ends their stream."""

    def __init__(self, identity: Identity, most: int = MOST) -> None:
        self.identity = identity
        self.outbox = Outbox(most)
        self._roomy = most // 2
        """With fewer waiting, what lies in the past is fetched for them."""
        self.channels: set[Channel] = set()
        self.ready = asyncio.Event()
        """Set while something waits, or the stream is over."""
        self.ending: Ending | None = None
        self.hang_up: Callable[[Ending], None] | None = None
        """Ends the connection, at once."""

    def tell(self, told: Told) -> None:
        """Have the reader told something."""
        if self.ending is not None:
            return
        if self.outbox.put(told):
            self.ready.set()
        else:
            self.end(Ending.TOO_SLOW)

    def end(self, ending: Ending) -> None:
        """End the stream, for a reason, if it goes on."""
        if self.ending is not None:
            return
        self.ending = ending
        self.outbox.clear()
        self.ready.set()
        if self.hang_up is not None:
            self.hang_up(ending)

    def taken(self) -> list[Told]:
        """Take some of what waits."""
        part = self.outbox.take()
        if not self.outbox and self.ending is None:
            self.ready.clear()
        return part

    async def room(self) -> None:
        """Wait until only little waits, or the stream is over."""
        while len(self.outbox) > self._roomy and self.ending is None:
            await pause(BREATH_S)

    def held_by(self, changed: AccessChanged) -> bool:
        """Whether it lives by a credential that holds no more."""
        return self.identity.user == changed.user and changed.credential in {"", self.identity.credential}


def last_words(ending: Ending) -> Told:
    """Return the last that a reader is told."""
    return Told(Dropped(ending.word, ending.sentence), "dropped")
