"""What is believed of a market: what is of now, in order, and not too far from what was known."""

from lts.sdk import SECOND, Event

from .messages import Told, Unusable

CONFIRMED = 3
"""So many prices in a row, each near the one before, make a new price of what was a jump."""
MOST_AT_ONCE = 256
"""Things of one sort that have one time."""


class _Latest:
    """What was taken of one sort: the last time, all that had it, and the last number."""

    def __init__(self) -> None:
        self.at = 0
        self.events: set[Event] = set()
        self.number = (0, 0)

    def is_news(self, told: Told) -> bool:
        """Whether something is news; what comes around a loop of nodes is the same again."""
        if told.number[1] and told.number <= self.number:
            return False
        if told.at == self.at:
            return told.event not in self.events and len(self.events) < MOST_AT_ONCE
        return told.at > self.at

    def take(self, told: Told) -> int:
        """Remember something; return how many numbers were left out before it."""
        if told.at != self.at:
            self.at = told.at
            self.events.clear()
        self.events.add(told.event)
        (since, seq), (last_since, last) = told.number, self.number
        if not seq:
            return 0
        self.number = told.number
        return seq - last - 1 if since == last_since else 0


class Belief:
    """Remembers what was taken, and says of what comes whether it can be believed after that.

    Args:
        max_age_s: how old something may be; 0: as old as it likes.
        max_ahead_s: how far ahead of our clock something may be.
        max_jump_pct: how far a price may be off the last one.
    """

    def __init__(self, max_age_s: float, max_ahead_s: float, max_jump_pct: float) -> None:
        self._oldest_ns = max_age_s * SECOND
        self._ahead_ns = max_ahead_s * SECOND
        self._jump = max_jump_pct / 100
        self._latest: dict[type, _Latest] = {}
        self._price: float | None = None
        self._rumour = (0.0, 0)
        """A price that is far off, and how often it was heard in a row."""
        self.missed = 0
        """Numbers that were left out by those who number what they tell."""

    def take(self, told: Told, now: int) -> None:
        """Believe something at a time, in UTC nanoseconds; raises Unusable if it cannot be believed."""
        if told.at > now + self._ahead_ns:
            raise Unusable("ahead")
        if self._oldest_ns and told.at < now - self._oldest_ns:
            raise Unusable("stale")
        latest = self._latest.setdefault(type(told.event), _Latest())
        if not latest.is_news(told):
            raise Unusable("out-of-order")
        self._check_jump(told)
        self.missed += latest.take(told)
        self._price = told.prices[-1]

    def _check_jump(self, told: Told) -> None:
        price, last = told.prices[-1], self._price
        if last is None or all(abs(each / last - 1) <= self._jump for each in told.prices):
            self._rumour = (0.0, 0)
            return
        heard, times = self._rumour
        times = times + 1 if times and abs(price / heard - 1) <= self._jump else 1
        self._rumour = (price, times)
        if times < CONFIRMED:
            raise Unusable("jump")
        self._rumour = (0.0, 0)
