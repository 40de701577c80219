"""Channels: under which topics what is told, how often it arrives, and what the broker keeps of it."""

from collections.abc import Iterator

import msgspec

from actors.mqtt.letters import AlertTold, Standing
from actors.mqtt.params import MqttParams
from bus import Event
from bus.wire import name_of
from lts.domain.accounts import AccountReported
from lts.domain.financing import FinancingCharged
from lts.domain.health import HealthReported
from lts.domain.market import Bar, Quote, Trade
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled, OrderJournalled
from lts.domain.positions import PositionChanged
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingStateChanged
from lts.domain.signals import SignalRaised

ALWAYS = "status"
"""The family that is told whatever the settings say."""
SCHEMAS: dict[type, str] = {AlertTold: "Alert/1", Standing: "Standing/1"}
"""What is made here is no message of the bus, and has a name of its own."""


class Channel(msgspec.Struct, frozen=True):
    """A topic for each instrument, portfolio or system, and what passes there."""

    family: str
    address: str
    """Below the root of the node; what stands in braces is percent-encoded."""
    types: tuple[type, ...]
    qos: int
    retained: bool = False
    journalled: bool = False
    """Whether `seq` is the number that the event has in the journal."""
    batched: bool = False
    """Whether many are one message, as the node is set."""

    @property
    def name(self) -> str:
        """What it is called among the others: the words of its address that are the same for all."""
        words = [word for word in self.address.split("/") if not word.startswith("{")]
        return "-".join(words if self.batched else words[1:])

    @property
    def schemas(self) -> tuple[str, ...]:
        """The names and versions of what passes."""
        return ("Batch/1",) if self.batched else tuple(map(schema_of, self.types))


_ORDERS = (OrderJournalled, OrderDenied, OrderChanged)
_BOOKINGS = (PositionAdjusted, FinancingCharged)
_MARKET: tuple[tuple[str, str, type[Event], int], ...] = (
    ("quotes", "quote", Quote, 0),
    ("bars", "bar", Bar, 1),
    ("trades", "trade", Trade, 1),
)


def schema_of(told: type) -> str:
    """Return the name and version under which something is told.

    >>> schema_of(Quote), schema_of(AlertTold)
    ('Quote/1', 'Alert/1')
    """
    return SCHEMAS.get(told) or name_of(told)


def channels(params: MqttParams, batched: tuple[str, ...] = ()) -> Iterator[Channel]:
    """Yield the channels of a node.

    Args:
        params: what it tells.
        batched: the families whose batches are described beside their single messages.
    """
    for each in _all(params):
        one_by_one = each.family not in params.batch
        if each.family == ALWAYS or (each.family in params.publish and one_by_one):
            yield each
    for family, _, told, qos in _MARKET:
        if family in params.publish and family in {*params.batch, *batched}:
            yield Channel(family, f"batch/{family}", (told,), qos, batched=True)


def _all(params: MqttParams) -> Iterator[Channel]:
    kept = params.retain
    for family, word, told, qos in _MARKET:
        stays = kept and told is not Trade
        yield Channel(family, f"market/{{instrument}}/{word}", (told,), qos, retained=stays)
    of_one = "portfolio/{portfolio}"
    yield Channel("orders", f"{of_one}/order", _ORDERS, 1, journalled=True)
    yield Channel("fills", f"{of_one}/fill", (OrderFilled,), 1, journalled=True)
    yield Channel("bookings", f"{of_one}/booking", _BOOKINGS, 1, journalled=True)
    yield Channel("positions", f"{of_one}/position/{{place}}", (PositionChanged,), 0, retained=kept)
    yield Channel("account", f"{of_one}/account", (AccountReported,), 0, retained=kept)
    yield Channel("signals", f"{of_one}/signal", (SignalRaised,), 1)
    yield Channel("trading-states", "system/trading-state", (TradingStateChanged,), 1, journalled=True)
    yield Channel("health", "system/health", (HealthReported,), 0, retained=True)
    yield Channel("alerts", "system/alert", (AlertTold,), 1)
    yield Channel(ALWAYS, "system/status", (Standing,), 1, retained=True)
