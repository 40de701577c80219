"""The port of the routes: they ask over the bus, know the time, and see the latest prices."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import msgspec

from actors.api.identities import Identities
from actors.api.limits import Buckets
from actors.api.pages import Cursors
from actors.api.params import ApiLimits, Premises
from actors.api.problems import not_found, unavailable
from actors.api.stream.streams import Streams
from actors.api.stream.tickets import Tickets
from bus import AskError, AskTimeout, Request, SystemClock, Unowned
from lts.domain.bridge import BridgeReported
from lts.domain.market import Bar, Quote

R = TypeVar("R")

PATIENCE = 5.0
"""Seconds that a route waits for an answer."""


class Ask(Protocol):
    """`Actor.ask`."""

    def __call__(self, request: Request[R], within: float = ..., /) -> Awaitable[R]:
        """Put a request to its owner and await the answer."""


class Port:
    """What routes may do. It holds nothing of trading but the latest prices, as they went by."""

    def __init__(self, ask: Ask, system: SystemClock, premises: Premises, limits: ApiLimits) -> None:
        self.owners = dict(premises.owners)
        """The user of each portfolio; it grows with those that are made at run time."""
        self.premises = msgspec.structs.replace(premises, owners=self.owners)
        self.now: Callable[[], int] = system.now
        self.cursors = Cursors()
        self.identities = Identities(system.now)
        self.tickets = Tickets(system.now)
        self.streams = Streams(limits, self.owners)
        self.pressed: set[str] = set()
        """The actors whose mailboxes are too full."""
        self.bridge: BridgeReported | None = None
        """How the MQTT bridge is; None where there is none."""
        self.quotes: dict[str, Quote] = {}
        self.bars: dict[str, Bar] = {}
        self.addresses, self.users, self.keys, self.logins = (
            Buckets(name, rate, system.monotonic)
            for name, rate in (
                ("address", limits.address),
                ("user", limits.user),
                ("key", limits.key),
                ("login", limits.login),
            )
        )
        self._ask = ask

    async def ask(self, request: Request[R], within: float = PATIENCE) -> R:
        """Put a request to its owner and await the answer.

        Raises:
            Problem: there is none.
        """
        try:
            return await self._ask(request, within)
        except AskTimeout:
            raise unavailable(
                "no answer came in time; if something was to be changed, look whether it was"
            ) from None
        except AskError:
            raise unavailable("what answers this is out of service") from None

    async def find(self, request: Request[R], within: float = PATIENCE) -> R:
        """Put a request to the owner of what its key names.

        Raises:
            Problem: there is no such thing, or no answer.
        """
        try:
            return await self._ask(request, within)
        except Unowned:
            raise not_found() from None
        except AskError:
            raise unavailable("what answers this is out of service") from None
