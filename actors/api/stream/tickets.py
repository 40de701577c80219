"""Tickets: each lets one stream in, once and soon, in the name of whoever asked for it."""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from secrets import token_urlsafe

from bus import SECOND
from lts.domain.access import AccessChanged, Identity

GOOD_FOR_S = 30
KEPT = 10_000
"""Tickets; beyond, the oldest is void."""


class Tickets:
    """The tickets that were given out and not taken, under their digests; `now` is UTC nanoseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._given: OrderedDict[bytes, tuple[Identity, int]] = OrderedDict()

    def give(self, identity: Identity) -> tuple[str, int]:
        """Return a ticket for somebody, and until when it is good."""
        ticket, until = token_urlsafe(32), self._now() + GOOD_FOR_S * SECOND
        until = min(until, identity.expires_at)
        self._given[_digest(ticket)] = identity, until
        if len(self._given) > KEPT:
            self._given.popitem(last=False)
        return ticket, until

    def take(self, ticket: str) -> Identity | None:
        """Return whose ticket it is, once; None: it is none, or none any more."""
        identity, until = self._given.pop(_digest(ticket), (None, 0))
        return identity if until > self._now() else None

    def forget(self, changed: AccessChanged) -> None:
        """Void the tickets of a credential that holds no more."""
        for digest, (identity, _) in list(self._given.items()):
            if identity.user == changed.user and changed.credential in {"", identity.credential}:
                del self._given[digest]


def _digest(ticket: str) -> bytes:
    return blake2b(ticket.encode("utf-8", "replace"), digest_size=16).digest()
