"""Limits: token buckets, one for each that asks, and how they are told of in headers."""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from actors.api.params import Rate

SECOND = 1_000_000_000
REMEMBERED = 10_000
"""Buckets of one sort; beyond, the one that was not used for longest is forgotten."""


class Buckets:
    """The buckets of one sort of asker: each holds a burst, and is refilled steadily.

    Args:
        name: what the limit is called in headers.
        rate: how much a bucket holds, and within how many seconds it is full again.
        now: monotonic nanoseconds.
        remembered: how many buckets are kept at most.
    """

    def __init__(self, name: str, rate: Rate, now: Callable[[], int], remembered: int = REMEMBERED) -> None:
        self.name = name
        self.rate = rate
        self.policy = f'"{name}";q={rate.requests};w={rate.within_s}'
        self._now = now
        self._remembered = remembered
        self._each_ns = rate.within_s * SECOND / rate.requests
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """What each asker has left, and when that was so."""

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._buckets)

    def take(self, asker: str) -> float:
        """Take one request; return 0, or the seconds until there is one to take."""
        now = self._now()
        left = self._left(asker, now)
        allowed = left >= 1
        self._buckets[asker] = (left - 1 if allowed else left, now)
        self._buckets.move_to_end(asker)
        if len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) * self._each_ns / SECOND

    def told(self, asker: str) -> str:
        """Return what an asker has left, and in how many seconds all of it is back, for a header."""
        left = self._left(asker, self._now())
        missing = self.rate.requests - left
        return f'"{self.name}";r={int(left)};t={ceil(missing * self._each_ns / SECOND)}'

    def _left(self, asker: str, now: int) -> float:
        found = self._buckets.get(asker)
        if found is None:
            return float(self.rate.requests)
        left, at = found
        return min(float(self.rate.requests), left + (now - at) / self._each_ns)
