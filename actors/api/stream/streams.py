"""The streams: who reads what, and whom an event is told."""

from collections.abc import Mapping
from typing import Any

from actors.api.params import ApiLimits
from actors.api.problems import too_many
from actors.api.scopes import concerns, discreet
from actors.api.stream.endings import Ending
from actors.api.stream.reader import Channel, Reader
from actors.api.stream.told import News, Told
from actors.api.stream.topics import TOPIC_OF, TOPICS
from lts.domain.access import AccessChanged, Identity
from lts.domain.event_listings import JournalledEvent
from lts.web.times import to_rfc3339

AGAIN_S = 5
FEW = 10
"""Streams of one user that are taken also where places have become rare."""
RARE = 5
"""What part of all places (one in so many) is for users who have few."""
STATES = "trading-states"


class Streams:
    """All readers. An event costs a look-up, and then as much as there are readers who want it."""

    def __init__(self, limits: ApiLimits, owners: Mapping[str, str]) -> None:
        self._limits = limits
        self._owners = owners
        self._users: dict[str, set[Reader]] = {}
        self._channels: dict[Channel, dict[Reader, int]] = {}
        """Who wants what, and up to which number of the journal they have it."""
        self._numbers: dict[Channel, int] = {}
        self.journal: int | None = None
        """Up to which number the journal was told; None: nobody wants it."""

    def __len__(self) -> int:
        """How many readers there are."""
        return sum(map(len, self._users.values()))

    def admit(self, identity: Identity) -> Reader:
        """Return a new reader.

        Raises:
            Problem: there are too many.
        """
        mine = self._users.setdefault(identity.user, set())
        if objection := self._objection_to(len(mine)):
            if not mine:
                del self._users[identity.user]
            raise too_many(objection, AGAIN_S)
        reader = Reader(identity, self._limits.stream_buffer)
        mine.add(reader)
        return reader

    def _objection_to(self, held: int) -> str:
        """Why nobody who has so many streams gets another one: a few users do not keep all others out."""
        limits, taken = self._limits, len(self)
        if held >= limits.streams_each:
            return "you have too many streams"
        few = min(FEW, max(limits.streams // RARE, 1))
        if taken >= limits.streams or (held >= few and taken >= limits.streams - limits.streams // RARE):
            return "there are too many streams"
        return ""

    def leave(self, reader: Reader) -> None:
        """Tell a reader nothing any more."""
        self.unsubscribe(reader, tuple(reader.channels))
        user = reader.identity.user
        if mine := self._users.get(user):
            mine.discard(reader)
            if not mine:
                del self._users[user]

    def end(self, changed: AccessChanged) -> None:
        """End the streams of a credential that holds no more."""
        for reader in tuple(self._users.get(changed.user, ())):
            if reader.held_by(changed):
                reader.end(Ending.ENDED)
                self.leave(reader)

    def close(self) -> None:
        """End all streams: the API stops."""
        for reader in [each for mine in self._users.values() for each in mine]:
            reader.end(Ending.STOPPING)
            self.leave(reader)

    def subscribe(self, reader: Reader, channel: Channel, through: int = 0) -> None:
        """Tell a reader what happens in a channel, from behind a number of the journal."""
        if reader.ending is None:
            reader.channels.add(channel)
            self._channels.setdefault(channel, {})[reader] = through

    def unsubscribe(self, reader: Reader, channels: tuple[Channel, ...]) -> None:
        """Tell a reader no more of some channels."""
        for channel in channels:
            reader.channels.discard(channel)
            if (readers := self._channels.get(channel)) is not None:
                readers.pop(reader, None)
                if not readers:
                    del self._channels[channel]

    def keys(self, topic: str) -> list[str]:
        """Return of what somebody wants a topic."""
        return [key for name, key in self._channels if name == topic]

    @property
    def wants_journal(self) -> bool:
        """Whether somebody wants what is journalled."""
        return any(TOPICS[topic].journalled for topic, _ in self._channels)

    def number(self, channel: Channel) -> int:
        """Return the number of the last event of a channel that is not journalled."""
        return self._numbers.get(channel, 0)

    def wanted(self, channel: Channel) -> int:
        """Count an event that is not journalled; return its number, 0 where nobody wants it."""
        number = self._numbers[channel] = self._numbers.get(channel, 0) + 1
        return number if channel in self._channels else 0

    def tell(self, channel: Channel, seq: int, data: Any, part: str = "") -> None:
        """Tell those who want it what has happened; a newer one takes its place if only the latest counts."""
        topic, key = channel
        slot = (topic, key, part) if TOPICS[topic].latest else None
        told = Told(News("event", topic, key, seq, data), topic, slot=slot, seq=seq)
        for reader in tuple(self._channels.get(channel, ())):
            reader.tell(told)

    def tell_journalled(self, event: JournalledEvent) -> None:
        """Tell those who want it what was journalled, unless they have it."""
        topic = TOPIC_OF.get(event.type, "")
        channel = (topic, "" if topic == STATES else event.portfolio)
        readers = self._channels.get(channel)
        if not readers:
            return
        told = journalled(event)
        for reader, through in tuple(readers.items()):
            if event.seq <= through:
                continue
            if topic == STATES:
                if concerns(event, reader.identity, self._owners):
                    reader.tell(journalled(discreet(event, reader.identity, self._owners)))
            else:
                reader.tell(told)

    def journal_gone(self, told: Told) -> None:
        """Tell everybody who wants what is journalled that they have to begin anew."""
        for channel in [each for each in self._channels if TOPICS[each[0]].journalled]:
            for reader in tuple(self._channels.get(channel, ())):
                reader.tell(told)
                self.unsubscribe(reader, (channel,))


def journalled(event: JournalledEvent) -> Told:
    """Return a journalled event as it is told."""
    topic = TOPIC_OF[event.type]
    data = {"at": to_rfc3339(event.at), "type": event.type, "body": event.body}
    key = "" if topic == STATES else event.portfolio
    return Told(News("event", topic, key, event.seq, data), topic, seq=event.seq, journalled=True)
