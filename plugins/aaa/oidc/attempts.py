"""Attempts: logins that have begun here, and go on at the provider."""

from collections import OrderedDict
from dataclasses import dataclass
from hmac import compare_digest

from lts.sdk import SECOND, Security

LASTS_S = 600
"""Seconds that somebody may take at the provider."""
MOST = 10_000
"""At a time; the one that began first is forgotten first."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a login that comes back is held against."""

    nonce: str
    """It is in the ID token."""
    verifier: str
    """Whoever redeems the code has it (RFC 7636)."""
    ticket: bytes
    """The hash of what the browser has."""
    until: int


class Attempts:
    """Those under way, by their state. They are in memory alone: after a restart one begins anew."""

    def __init__(self, security: Security) -> None:
        self._security = security
        self._begun: OrderedDict[bytes, Attempt] = OrderedDict()

    def begin(self) -> tuple[str, str, Attempt]:
        """Return the state of a new attempt, the browser's ticket for it, and itself."""
        draw, digest = self._security.new_secret, self._security.digest
        state, ticket = draw(), draw()
        until = self._security.now() + LASTS_S * SECOND
        attempt = Attempt(draw(), draw(), digest(ticket), until)
        self._begun[digest(state)] = attempt
        if len(self._begun) > MOST:
            self._begun.popitem(last=False)
        return state, ticket, attempt

    def take(self, state: str, ticket: str) -> Attempt | None:
        """Return the attempt that a browser comes back from, once; None if it is none of its own."""
        attempt = self._begun.pop(self._security.digest(state), None)
        if attempt is None or attempt.until <= self._security.now():
            return None
        return attempt if compare_digest(attempt.ticket, self._security.digest(ticket)) else None

    def __len__(self) -> int:
        return len(self._begun)
