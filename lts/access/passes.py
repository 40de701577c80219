"""Passes: access tokens whose signature was looked at once, and need not be again while they hold."""

from collections import OrderedDict

from bus import SECOND
from lts.kinds.aaa import Security
from lts.security.claims import Claims

MOST = 20_000
"""Tokens that are remembered; who was shown longest ago is forgotten first."""


class Passes:
    """What tokens say. Whether their session still lives is not among it."""

    def __init__(self, security: Security, most: int = MOST) -> None:
        self._security = security
        self._most = most
        self._read: OrderedDict[str, Claims] = OrderedDict()

    def read(self, token: str, now: int) -> Claims | None:
        """Return what a token of ours says, while it holds; None for all else."""
        claims = self._read.get(token)
        if claims is not None:
            if now < claims.exp * SECOND:
                self._read.move_to_end(token)
                return claims
            del self._read[token]
            return None
        claims = self._security.read(token)
        if claims is not None:
            self._read[token] = claims
            if len(self._read) > self._most:
                self._read.popitem(last=False)
        return claims

    def __len__(self) -> int:
        return len(self._read)
