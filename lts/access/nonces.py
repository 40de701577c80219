"""Nonces: what makes each signed request good once."""

from collections.abc import Iterable

from bus import SECOND
from lts.domain.access import SignedRequest
from lts.domain.credentials import Nonce

_LENGTHS = range(16, 129)


class Nonces:
    """The nonces that were spent by requests of the present: older requests are not taken anyway.

    Args:
        window_s: by how many seconds the time of a request may be off ours.
        stored: those that were spent before a restart.
    """

    def __init__(self, window_s: int, stored: Iterable[Nonce] = ()) -> None:
        self._window_s = window_s
        self._spent = {(each.key_id, each.nonce): each.expires_at for each in stored}

    def is_timely(self, request: SignedRequest, now: int) -> bool:
        """Return whether a request is of the present."""
        return abs(now // SECOND - request.created) <= self._window_s

    def spend(self, request: SignedRequest) -> Nonce | None:
        """Spend the nonce of a request; None if it was spent before."""
        place = request.key_id, request.nonce
        if place in self._spent:
            return None
        expires_at = (request.created + 2 * self._window_s) * SECOND
        self._spent[place] = expires_at
        return Nonce(*place, expires_at)

    def forget(self, now: int) -> int:
        """Forget the nonces of requests that would not be taken any more, and return how many they were."""
        old = [place for place, expires_at in self._spent.items() if expires_at < now]
        for place in old:
            del self._spent[place]
        return len(old)

    def __len__(self) -> int:
        return len(self._spent)


def is_nonce(text: str) -> bool:
    """Return whether this can be a nonce: long enough, and printable."""
    return len(text) in _LENGTHS and text.isascii() and text.isprintable()
