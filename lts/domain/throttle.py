"""A token bucket in market time."""

from bus.clock import SECOND


class Throttle:
    """Lets `rate` actions a second pass on average, and a second's worth (at least one) at once."""

    __slots__ = ("_at", "_rate", "_tokens")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._tokens = max(1.0, rate)
        self._at: int | None = None

    def take(self, now: int) -> bool:
        """Take one token at a market time; False if there is none."""
        if self._at is not None:
            self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._at) / SECOND * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
