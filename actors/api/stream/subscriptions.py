"""Subscriptions: whether somebody may follow something, what is so now, and what they have missed."""

from typing import Annotated, Any

import msgspec

from actors.api.port import Port
from actors.api.problems import Kind, Problem, not_found, unavailable
from actors.api.scopes import concerns, discreet
from actors.api.stream.reader import Channel, Reader
from actors.api.stream.snapshots import Snapshots
from actors.api.stream.streams import STATES, journalled
from actors.api.stream.tail import AT_ONCE, Gone
from actors.api.stream.told import Told
from actors.api.stream.topics import TOPIC_OF, TOPICS, Keyed, Topic
from lts.domain.access import Identity
from lts.domain.event_listings import EventsGone, EventsListed, ListEvents
from lts.domain.units import NotPerformed, Perform, RecordRead

MOST = 1_000
"""Of what one reader may follow, at most."""


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe", forbid_unknown_fields=True):
    """Asks to be told of a topic."""

    topic: str
    keys: tuple[str, ...] = ()
    """The instruments or portfolios; none: all that there are for the reader now."""
    after: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    """Of what is journalled: the last number that the reader has; none: begin with what is so now."""
    id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """Comes back in the answer."""


class Subscribed(msgspec.Struct, frozen=True, tag_field="type", tag="subscribed"):
    """It is told from now on; what is so now has been told before, or what was missed."""

    id: str
    topic: str
    keys: tuple[str, ...]


class Subscriptions:
    """Lets readers follow what they may."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._snapshots = Snapshots(port)

    def keys(self, identity: Identity, topic: str, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Return of what somebody follows a topic who asks for these keys.

        Raises:
            Problem: there is no such thing, or not for them.
        """
        what = TOPICS.get(topic)
        if what is None:
            raise Problem(Kind.NOT_FOUND, f"there is no such topic; there are {', '.join(TOPICS)}")
        if what.needs not in identity.permissions or (what.nobodys and not identity.may(what.needs, None)):
            raise Problem(Kind.FORBIDDEN, f"this takes the permission {what.needs.value}")
        there = self._there(identity, what)
        if not set(keys) <= set(there):
            raise not_found()
        return tuple(dict.fromkeys(keys or there))

    async def begin(self, reader: Reader, wanted: Subscribe) -> None:
        """Tell a reader what is so now, or what was missed, and from then on what happens.

        Raises:
            Problem: the reader may not follow it, or it cannot be told.
        """
        topic, what = wanted.topic, TOPICS.get(wanted.topic)
        keys = self.keys(reader.identity, topic, wanted.keys)
        channels = tuple((topic, key) for key in keys)
        if len(reader.channels.union(channels)) > MOST:
            raise Problem(Kind.CONFLICT, f"one stream follows {MOST} things at most")
        assert what is not None  # noqa: S101 - it has keys
        await self._record(reader.identity, what, topic, keys)
        if what.journalled:
            through = await self._from_journal(reader, wanted, channels)
            if through is None:
                return
            for channel in channels:
                self._port.streams.subscribe(reader, channel, through)
        else:
            await self._from_now(reader, what, channels)
        reader.tell(Told(Subscribed(wanted.id, topic, keys), "subscribed"))

    def end(self, reader: Reader, topic: str, keys: tuple[str, ...]) -> None:
        """Tell a reader no more of some keys of a topic; none: of the whole topic."""
        mine = tuple(each for each in reader.channels if each[0] == topic and (not keys or each[1] in keys))
        self._port.streams.unsubscribe(reader, mine)

    def _there(self, identity: Identity, what: Topic) -> tuple[str, ...]:
        premises = self._port.premises
        if what.keyed is Keyed.INSTRUMENT:
            return tuple(each.symbol for each in premises.instruments)
        if what.keyed is Keyed.PORTFOLIO:
            owners = premises.owners.items()
            return tuple(name for name, owner in owners if identity.may(what.needs, owner))
        return ("",)

    async def _record(self, identity: Identity, what: Topic, topic: str, keys: tuple[str, ...]) -> None:
        """Have it recorded that somebody follows what is others'."""
        owners = self._port.premises.owners
        others = [key for key in keys if what.keyed is Keyed.PORTFOLIO and owners[key] != identity.user]
        if not others:
            return
        reads = tuple(RecordRead(f"stream of {topic}", "to follow it", (key,)) for key in others)
        if isinstance(await self._port.ask(Perform(reads, identity.user)), NotPerformed):
            raise unavailable("the read cannot be recorded, and is not given out")

    async def _from_now(self, reader: Reader, what: Topic, channels: tuple[Channel, ...]) -> None:
        for channel in channels:
            if what.keyed is Keyed.PORTFOLIO:
                await self._snapshots.tell_account(reader, channel)
            else:
                self._snapshots.tell_prices(reader, channel)
                self._port.streams.subscribe(reader, channel)
            await reader.room()

    async def _from_journal(
        self, reader: Reader, wanted: Subscribe, channels: tuple[Channel, ...]
    ) -> int | None:
        """Tell what is so, or what was missed; return up to which number of the journal, None: it is gone."""
        through = wanted.after
        if through is None:
            through = await self._tell_what_is(reader, wanted.topic, channels)
        streams = self._port.streams
        portfolios = None if wanted.topic == STATES else tuple(key for _, key in channels)
        looked = wanted.after is None
        while not looked or streams.journal is None or through < streams.journal:
            answer: Any = await self._port.ask(ListEvents(through, portfolios, limit=AT_ONCE))
            if not isinstance(answer, EventsListed):
                reader.tell(_gone(answer))
                return None
            self._tell(reader, wanted.topic, answer)
            through, looked = answer.through, True
            await reader.room()
            if streams.journal is None and through >= answer.last:
                streams.journal = through
        return through

    async def _tell_what_is(self, reader: Reader, topic: str, channels: tuple[Channel, ...]) -> int:
        """Tell what is so; return the number of the journal as of which it is, or later."""
        answer = await self._port.ask(ListEvents())
        if not isinstance(answer, EventsListed):
            raise unavailable("the journal cannot be read")
        if topic == "orders":
            for _, key in channels:
                await self._snapshots.tell_orders(reader, key, answer.last)
        elif topic == STATES:
            await self._snapshots.tell_states(reader, answer.last)
        return answer.last

    def _tell(self, reader: Reader, topic: str, listed: EventsListed) -> None:
        owners, identity = self._port.premises.owners, reader.identity
        for event in listed.events:
            if TOPIC_OF.get(event.type) == topic and concerns(event, identity, owners):
                reader.tell(journalled(discreet(event, identity, owners)))


def _gone(answer: Any) -> Told:
    if isinstance(answer, EventsGone):
        return Told(Gone(answer.begin, answer.reason), "gone")
    raise Problem(Kind.INVALID, answer.reason)
