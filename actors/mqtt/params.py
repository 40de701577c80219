"""How the broker is reached, and what it is told: plain values that travel to another process."""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

MARKET = ("quotes", "bars", "trades")
PORTFOLIO = ("orders", "fills", "bookings", "positions", "account", "signals")
SYSTEM = ("trading-states", "health", "alerts")
FAMILIES = MARKET + PORTFOLIO + SYSTEM
"""What can be told; whether the bridge is there is told always."""


class MqttParams(msgspec.Struct, frozen=True):
    """Where the broker is, who we are to it, and how much is on its way."""

    host: str
    port: int = 1883
    node: str = "lts"
    """The name of this node, which begins all its topics."""
    protocol: str = "5"
    """Or `3.1.1`, where nothing has an expiry and refusals have no reasons."""
    user: str = ""
    password_file: str = ""
    tls: bool = False
    ca: str = ""
    """The file of those who vouch for the broker, PEM; empty: those that this machine trusts."""
    certificate: str = ""
    """The file of our own certificate, PEM; empty: none is shown."""
    key: str = ""
    client_id: str = ""
    """Empty: `lts-` and the node."""
    keepalive_s: int = 15
    session_expiry_s: int = 3_600
    """How long the broker keeps what it has for us when we are away."""
    timeout_s: float = 5.0
    """For the broker to take something, before the connection is given up."""
    in_flight: int = 50
    """Messages that the broker has not acknowledged yet, at most."""
    buffer: int = 10_000
    """Market data of which each one counts that waits for the broker, at most."""
    publish: tuple[str, ...] = FAMILIES
    batch: tuple[str, ...] = ()
    """Families of market data that are told many in one message."""
    batch_ms: int = 20
    rates: Mapping[str, float] = {}
    """Messages a second of one topic at most, by family."""
    msgpack: tuple[str, ...] = ()
    """Families that are told in MessagePack in the place of JSON."""
    retain: bool = True
    """Whether the broker keeps the last quote, bar, position and account for who comes later."""
    commands: bool = False
    """Whether signed commands are taken from the broker."""
    commands_per_s: int = 200
    """How many of them are looked at, on average; a quarter is kept for what takes risk away."""

    @property
    def root(self) -> str:
        """What all topics of this node begin with."""
        return f"lts/v1/{segment(self.node)}"

    @property
    def identifier(self) -> str:
        """Who we are to the broker."""
        return self.client_id or f"lts-{segment(self.node)}"

    @property
    def address(self) -> str:
        """Where the broker is, for sentences about it."""
        return f"{self.host}:{self.port}"


class MqttAssignment(msgspec.Struct, frozen=True):
    """What the bridge tells of, and where it keeps how far the broker has it."""

    portfolios: tuple[str, ...] = ()
    cursor: str = ""
    """The file of the number of the last event that the broker has acknowledged."""
    signature_window_s: int = 60
    """By how much the time of a command may be off."""


_KEPT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@lru_cache(4_096)  # one name is in thousands of topics
def segment(name: str) -> str:
    """Return a name as one level of a topic, whatever is in it.

    >>> segment("BTC/USD"), segment("+#")
    ('BTC%2FUSD', '%2B%23')
    """
    if _KEPT.issuperset(name):
        return name
    return "".join(
        each if each in _KEPT else "".join(f"%{byte:02X}" for byte in each.encode()) for each in name
    )
