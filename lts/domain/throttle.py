"""A token bucket in market time."""

from bus.clock import SECOND


class Throttle:
    """Lets `rate` messages a second pass on average, and a second's worth (at least one) at once.

    Args:
        rate: messages a second.
        kept: of a second's worth, how many only those may use that make things safer.
    """

    __slots__ = ("_at", "_kept", "_rate", "_tokens")

    def __init__(self, rate: float, kept: float = 0.0) -> None:
        self._rate = rate
        self._kept = kept
        self._tokens = max(1.0, rate)
        self._at: int | None = None

    def take(self, now: int, *, safer: bool = False) -> bool:
        """Take one token at a market time; False if there is none, or none for what makes nothing safer."""
        self._fill(now)
        if self._tokens < (1 if safer else 1 + self._kept):
            return False
        self._tokens -= 1
        return True

    def note(self, now: int) -> None:
        """Count a message that nobody may hold up."""
        self._fill(now)
        self._tokens = max(0.0, self._tokens - 1)

    def _fill(self, now: int) -> None:
        if self._at is not None:
            self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._at) / SECOND * self._rate)
        self._at = now
