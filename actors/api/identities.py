"""Identities: who somebody is, as the AAA plugin said, for as long as that holds."""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

from lts.domain.access import AccessChanged, Identity

REMEMBERED = 10_000
"""Credentials; beyond, the one that was not used for longest is asked after anew."""


class Identities:
    """What is remembered of tokens and keys, under their digests; `now` is UTC nanoseconds."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.changes = 0
        """How often something was forgotten: what was asked before that may hold no more."""
        self._now = now
        self._known: OrderedDict[bytes, Identity] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._known)

    def of(self, token: str) -> Identity | None:
        """Return whose token it is, if that is known and holds."""
        digest = _digest(token)
        identity = self._known.get(digest)
        if identity is None:
            return None
        if identity.expires_at <= self._now():
            del self._known[digest]
            return None
        self._known.move_to_end(digest)
        return identity

    def remember(self, token: str, identity: Identity, asked_at: int) -> None:
        """Remember whose token it is, unless anything has changed since it was asked (`changes` then)."""
        if asked_at == self.changes:
            self._known[_digest(token)] = identity
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def forget(self, changed: AccessChanged) -> None:
        """Forget a credential of a user, or all that the user has."""
        self.changes += 1
        gone = [
            digest
            for digest, identity in self._known.items()
            if identity.user == changed.user and changed.credential in {"", identity.credential}
        ]
        for digest in gone:
            del self._known[digest]


def _digest(token: str) -> bytes:
    return blake2b(token.encode(), digest_size=16).digest()
