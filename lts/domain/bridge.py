"""The MQTT bridge as it speaks of itself: whether it reaches its broker, and what it has passed on."""

from collections.abc import Mapping
from enum import StrEnum

from bus.message import Delivery, Event


class BridgeState(StrEnum):
    """How the bridge stands to its broker."""

    CONNECTING = "connecting"
    """It has not reached it yet, since it started."""
    CONNECTED = "connected"
    LOST = "lost"
    """It is not reached, and is tried again and again; nothing of trading waits for that."""


class BridgeReported(Event, delivery=Delivery.LATEST):
    """How the bridge is, and what it has counted since it started."""

    state: BridgeState
    trouble: str = ""
    """Why it does not reach its broker, in one sentence."""
    connections: int = 0
    sent: int = 0
    """Messages that the broker has taken: acknowledged, or written where nothing is acknowledged."""
    conflated: int = 0
    """Values that were not sent because a newer one took their place."""
    dropped: int = 0
    """Of which each one counts, and which found no room: the numbers of their topics have a gap."""
    refused: int = 0
    """Messages that the broker did not take from this user, by its access rules."""
    waiting: int = 0
    journal: int = 0
    """The number of the last journalled event that the broker has."""
    commands: Mapping[str, int] = {}
    """Of commands from the broker, by what became of them: `taken`, or why not."""
