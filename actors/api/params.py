"""How the API is served, and what it tells of the plan: plain values that travel to another process."""

from collections.abc import Mapping
from ipaddress import ip_address, ip_network

import msgspec

from lts.domain.market import Instrument

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Rate(msgspec.Struct, frozen=True):
    """So many requests at once, and as many again within so many seconds."""

    requests: int
    within_s: int = 60


class ApiLimits(msgspec.Struct, frozen=True):
    """How much the API takes of anybody."""

    body_bytes: int = 1_048_576
    body_s: float = 10.0
    """Until a body has arrived."""
    head_s: float = 10.0
    """Until the head of a request has arrived, from when its connection is open."""
    connections: int = 2_000
    streams: int = 1_500
    """Readers of the stream, at once."""
    streams_each: int = 1_000
    """Of one user."""
    stream_buffer: int = 1_000
    """Events of which each one counts that may wait for a reader, before they are dropped as too slow."""
    drain_s: float = 5.0
    """For what is under way when the API stops."""
    address: Rate = Rate(1_200)
    user: Rate = Rate(1_200)
    key: Rate = Rate(600)
    login: Rate = Rate(20)
    """Of an address, for what takes a password or a refresh token."""


class ApiParams(msgspec.Struct, frozen=True):
    """Where the API is served, and to whom."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any that is free."""
    certificate: str = ""
    """The file of the certificate and those that vouch for it, PEM; empty: plain HTTP."""
    key: str = ""
    """The file of its key."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks whose word on where a request came from is taken."""
    hosts: tuple[str, ...] = ()
    """The names by which it is called; on a loopback address, those of the machine itself as well."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may call it."""
    limits: ApiLimits = ApiLimits()

    @property
    def on_loopback(self) -> bool:
        """Whether nobody can reach it from another machine."""
        return self.host == "localhost" or ip_address(self.host).is_loopback

    def objection(self) -> str:
        """Return why it cannot be served like this; empty if it can."""
        try:
            on_loopback = self.on_loopback
            for proxy in self.proxies:
                ip_network(proxy)
        except ValueError as error:
            return f"the API takes addresses in numbers, and networks of them: {error}"
        if bool(self.certificate) is not bool(self.key):
            return "a certificate and its key go together; name both files or neither"
        if on_loopback:
            return ""
        if not self.certificate and not self.proxies:
            return (
                f"{self.host} can be reached from elsewhere, and plain HTTP can be read on the way; give a "
                "certificate and its key, or name the proxies that have one"
            )
        if not self.hosts:
            return f"{self.host} can be reached from elsewhere; name the hosts by which the API is called"
        return ""


class Premises(msgspec.Struct, frozen=True):
    """What the plan says that the API shows, or needs to know whose something is."""

    instruments: tuple[Instrument, ...] = ()
    owners: Mapping[str, str] = {}
    """The user of each portfolio."""
