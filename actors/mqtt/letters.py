"""Letters: what is told under which topic, as one JSON object with the name and version of its schema."""

from collections.abc import Hashable, Sequence
from typing import Any

import msgspec

from actors.mqtt.params import MqttParams, segment
from bus import Event
from bus.wire import name_of
from lts.domain.accounts import AccountReported
from lts.domain.event_listings import JournalledEvent
from lts.domain.financing import FinancingCharged
from lts.domain.health import HealthReported
from lts.domain.market import Bar, Quote, Trade
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled, OrderJournalled
from lts.domain.positions import PositionChanged
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingStateChanged
from lts.domain.signals import SignalRaised
from lts.web.times import to_rfc3339

_encode = msgspec.json.Encoder(decimal_format="string").encode
_pack = msgspec.msgpack.Encoder(decimal_format="string").encode
JSON, MSGPACK = "application/json", "application/msgpack"
"""As MQTT 5 says of what kind a payload is."""

JOURNALLED: dict[str, tuple[str, str]] = {
    name_of(OrderJournalled): ("orders", "order"),
    name_of(OrderDenied): ("orders", "order"),
    name_of(OrderChanged): ("orders", "order"),
    name_of(OrderFilled): ("fills", "fill"),
    name_of(PositionAdjusted): ("bookings", "booking"),
    name_of(FinancingCharged): ("bookings", "booking"),
    name_of(TradingStateChanged): ("trading-states", "trading-state"),
}
"""To which family a journalled event belongs, and the last word of its topic."""
MARKET_WORDS: dict[type[Event], tuple[str, str]] = {
    Quote: ("quotes", "quote"),
    Bar: ("bars", "bar"),
    Trade: ("trades", "trade"),
}


class Told(msgspec.Struct, frozen=True):
    """What is told. Times are UTC nanoseconds, and the same as text; amounts are text."""

    schema: str
    """The name and version of what `body` is, as in `Quote/1`."""
    node: str
    """Who tells it."""
    seq: int
    """In the journal, as `GET /api/v1/events` has it, or else of this topic, since `since`."""
    at: int
    """When it happened; of what is journalled: when it was committed."""
    time: str
    """The same, as RFC 3339 has it."""
    body: Any
    since: int = 0
    """When the numbers of this topic began, in UTC nanoseconds; 0 of what is journalled."""


class AlertTold(msgspec.Struct, frozen=True):
    """What somebody should look at."""

    type: str
    """The name and version of the message that says so."""
    about: str
    """An order, a scope of trading, an actor, or a number of the journal."""
    reason: str


class Batch(msgspec.Struct, frozen=True):
    """Many told at once."""

    schema: str
    """`Batch/1`."""
    node: str
    """Who tells it."""
    updates: tuple[Told, ...]
    """Each as it would be told alone, in order."""


class Standing(msgspec.Struct, frozen=True):
    """Whether the bridge of a node is there."""

    schema: str
    """`Standing/1`."""
    node: str
    """Whose bridge it is."""
    state: str
    """`online`, or `offline` with the reason."""
    reason: str
    """Why it is not there; empty if it is."""
    at: int
    """Since when, in UTC nanoseconds; of a last will: when it was left with the broker."""
    time: str
    """The same, as RFC 3339 has it."""


class Letter(msgspec.Struct, frozen=True, gc=False):
    """A message as the broker gets it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool = False
    content: str = JSON


class Update(msgspec.Struct, frozen=True):
    """Something that waits to be told, and is put into words when it goes."""

    family: str
    topic: str
    told: Told
    slot: Hashable = None
    """Of what it is the latest; None: each one counts."""
    retain: bool = False


class Letters:
    """Puts into words what this node tells.

    Args:
        params: the node, and what the broker keeps.
        since: UTC nanoseconds, from which on the numbers of topics count.
    """

    def __init__(self, params: MqttParams, since: int) -> None:
        self.params = params
        self.root = params.root
        self.since = since
        self._numbers: dict[str, int] = {}
        self._places: dict[tuple[type, str], tuple[str, str, str, Hashable, bool]] = {}

    def market(self, event: Quote | Bar | Trade) -> Update:
        """Return a piece of market data, numbered: a gap in the numbers is what was not told."""
        kind, instrument = type(event), event.instrument
        place = self._places.get((kind, instrument))
        if place is None:
            place = self._places[kind, instrument] = self._place(kind, instrument)
        family, topic, schema, slot, retain = place
        at = event.closed_at if kind is Bar else event.at  # type: ignore[union-attr]
        return Update(family, topic, self._told(schema, topic, event, at), slot, retain)

    def position(self, changed: PositionChanged, at: int) -> Update:
        """Return what a portfolio holds in one place; a newer one takes its place."""
        place = segment(changed.position.place)
        topic = f"{self.root}/portfolio/{segment(changed.portfolio)}/position/{place}"
        return self._update("positions", topic, changed, at, topic, retain=self.params.retain)

    def account(self, account: AccountReported) -> Update:
        """Return what a portfolio has; a newer one takes its place."""
        topic = f"{self.root}/portfolio/{segment(account.portfolio)}/account"
        return self._update("account", topic, account, account.at, topic, retain=self.params.retain)

    def signal(self, raised: SignalRaised, at: int) -> Update:
        """Return a signal of a portfolio: each one counts."""
        topic = f"{self.root}/portfolio/{segment(raised.portfolio)}/signal"
        return self._update("signals", topic, raised, at, None, retain=False)

    def health(self, health: HealthReported, at: int) -> Update:
        """Return how the system is; a newer one takes its place."""
        topic = f"{self.root}/system/health"
        return self._update("health", topic, health, at, topic, retain=True)

    def alert(self, alert: AlertTold, at: int) -> Update:
        """Return what somebody should look at: each one counts."""
        topic = f"{self.root}/system/alert"
        return Update("alerts", topic, self._told("Alert/1", topic, alert, at))

    def journalled(self, event: JournalledEvent) -> Letter | None:
        """Return an event of the journal; None if it is not to be told."""
        family, word = JOURNALLED.get(event.type, ("", ""))
        if family not in self.params.publish:
            return None
        if family == "trading-states":
            topic = f"{self.root}/system/{word}"
        else:
            topic = f"{self.root}/portfolio/{segment(event.portfolio)}/{word}"
        told = Told(event.type, self.params.node, event.seq, event.at, to_rfc3339(event.at), event.body)
        return Letter(topic, *self._written(family, told, 1))

    def standing(self, *, online: bool, reason: str, at: int) -> Letter:
        """Return whether the bridge is there; the broker keeps it, and says the last will itself."""
        state = "online" if online else "offline"
        told = Standing("Standing/1", self.params.node, state, reason, at, to_rfc3339(at))
        return Letter(f"{self.root}/system/status", _encode(told), 1, retain=True)

    def batch(self, family: str, updates: Sequence[Update]) -> Letter:
        """Return many updates of one family as one message: acknowledged, unless only the latest counts."""
        told = Batch("Batch/1", self.params.node, tuple(each.told for each in updates))
        topic = f"{self.root}/batch/{family}"
        return Letter(topic, *self._written(family, told, 0 if family == "quotes" else 1))

    def letter(self, update: Update) -> Letter:
        """Return an update as the broker gets it: once where only the latest counts, else acknowledged."""
        written = self._written(update.family, update.told, int(update.slot is None), retain=update.retain)
        return Letter(update.topic, *written)

    def _written(
        self, family: str, told: Told | Batch, qos: int, *, retain: bool = False
    ) -> tuple[bytes, int, bool, str]:
        packed = family in self.params.msgpack
        return _pack(told) if packed else _encode(told), qos, retain, MSGPACK if packed else JSON

    def _place(self, kind: type[Event], instrument: str) -> tuple[str, str, str, Hashable, bool]:
        """Where a kind of market data of an instrument is told: the same for each of its updates."""
        family, word = MARKET_WORDS[kind]
        topic = f"{self.root}/market/{segment(instrument)}/{word}"
        slot = topic if kind is Quote else None
        return family, topic, name_of(kind), slot, self.params.retain and kind is not Trade

    def _update(  # noqa: PLR0913 - all that makes one
        self, family: str, topic: str, event: Event, at: int, slot: Hashable, *, retain: bool
    ) -> Update:
        return Update(family, topic, self._told(name_of(type(event)), topic, event, at), slot, retain)

    def _told(self, schema: str, topic: str, body: Any, at: int) -> Told:
        number = self._numbers[topic] = self._numbers.get(topic, 0) + 1
        return Told(schema, self.params.node, number, at, to_rfc3339(at), body, self.since)
