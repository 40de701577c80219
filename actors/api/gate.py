"""The gate: under which host, from which address, and how often."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from actors.api.limits import Buckets
from actors.api.names import path_of
from actors.api.params import LOOPBACK, ApiParams
from actors.api.problems import Kind, Problem, too_many

Network = IPv4Network | IPv6Network
NOWHERE = "0.0.0.0"  # noqa: S104 - not an address to listen at, but one that nobody has


class Gate:
    """Lets requests through that name a host of ours, from addresses that do not ask too much.

    Behind it, `scope["client"]` and `scope["scheme"]` are those of whoever asked the proxies.
    """

    def __init__(self, app: ASGIApp, params: ApiParams, addresses: Buckets) -> None:
        self.app = app
        self._addresses = addresses
        self._hosts = {host.lower() for host in params.hosts}
        if params.on_loopback:
            self._hosts |= {*LOOPBACK, params.host.lower()}
        self._proxies: list[Network] = [ip_network(proxy) for proxy in params.proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] in {"http", "websocket"}:
            self._check_host(scope)
            self._follow_proxies(scope)
            if b"%2" in scope["raw_path"]:
                scope["path"] = path_of(scope["raw_path"].decode("ascii"))
            network = network_of(address_of(scope))
            scope["state"]["limit"] = (self._addresses, network)
            if wait := self._addresses.take(network):
                raise too_many("too many requests from this address", wait)
        await self.app(scope, receive, send)

    def _check_host(self, scope: Scope) -> None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        name = hosts[0].decode("latin-1").lower() if len(hosts) == 1 else ""
        if name not in self._hosts and name.rpartition(":")[0] not in self._hosts:
            raise Problem(Kind.MISDIRECTED)

    def _follow_proxies(self, scope: Scope) -> None:
        """Take the word of proxies that are trusted, and nobody else's."""
        if not self._proxies or not self._trusts(address_of(scope)):
            return
        headers = Headers(scope=scope)
        if (scheme := headers.get("x-forwarded-proto", "").lower()) in {"http", "https"}:
            scope["scheme"] = scheme
        for said in _backwards(headers.getlist("x-forwarded-for")):
            scope["client"] = (said, 0)
            if not self._trusts(said):
                return

    def _trusts(self, address: str) -> bool:
        told = ip_address(address)
        return any(told in network for network in self._proxies)


def address_of(scope: Scope) -> str:
    """Return from where a request comes."""
    return scope["client"][0] if scope.get("client") else NOWHERE


def network_of(address: str) -> str:
    """Return by what an address is limited: itself, or its /64, as one subscriber has all of that.

    >>> network_of("192.0.2.7"), network_of("2001:db8::7"), network_of("::ffff:192.0.2.7")
    ('192.0.2.7', '2001:db8::/64', '192.0.2.7')
    """
    if ":" not in address:
        return address
    found = IPv6Address(address.partition("%")[0])
    return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))


def _backwards(forwarded: list[str]) -> Iterator[str]:
    """Yield the addresses of X-Forwarded-For, the nearest first, up to one that is none."""
    for said in reversed([each.strip() for line in forwarded for each in line.split(",")]):
        try:
            yield str(ip_address(said))
        except ValueError:
            return
