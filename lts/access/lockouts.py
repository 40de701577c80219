"""Lock-outs: who has failed too often waits, twice as long each time."""

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from bus import SECOND

MOST = 10_000
"""Whose failures are remembered, at most: who failed longest ago is forgotten first."""
_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """When somebody is locked out, and for how long."""

    after: int
    """Failures in a row that cost nothing yet, and one more that does."""
    first_s: float
    longest_s: float
    forgotten_s: float = 86_400.0
    """Seconds after the last failure in which all of them are forgotten."""

    def standing(self, failures: int, failed_at: int, now: int) -> int:
        """Return how many failures still count."""
        return failures if now - failed_at < self.forgotten_s * SECOND else 0

    def wait_s(self, failures: int, failed_at: int, now: int) -> float:
        """Return for how many seconds nothing more is looked at; 0 if the next attempt is."""
        over = self.standing(failures, failed_at, now) - self.after
        if over < 0:
            return 0.0
        locked_s = min(self.longest_s, self.first_s * 2.0 ** min(over, _DOUBLINGS))
        return max(0.0, locked_s - (now - failed_at) / SECOND)


class Lockouts:
    """The failures of whoever is named by a text: a network, or a user."""

    def __init__(self, rule: Rule, most: int = MOST) -> None:
        self.rule = rule
        self._most = most
        self._failed: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def wait_s(self, whose: str, now: int) -> float:
        """Return for how many seconds nothing more is looked at; 0 if the next attempt is."""
        return self.rule.wait_s(*self._failed.get(whose, (0, 0)), now)

    def count(self, whose: str, now: int) -> None:
        """Count an attempt as failed, before it is looked at: so many at once are not let through."""
        failures, failed_at = self._failed.pop(whose, (0, 0))
        self._failed[whose] = self.rule.standing(failures, failed_at, now) + 1, now
        if len(self._failed) > self._most:
            self._failed.popitem(last=False)

    def uncount(self, whose: str) -> None:
        """Take back what was counted of one attempt: it did not fail."""
        failures, failed_at = self._failed.get(whose, (0, 0))
        if failures > 1:
            self._failed[whose] = failures - 1, failed_at
        else:
            self._failed.pop(whose, None)

    def __len__(self) -> int:
        return len(self._failed)


def network_of(address: str) -> str:
    """Return whose address it is: itself, or its /64, as one subscriber has all of that."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if found.version == 6:  # noqa: PLR2004 - the version of the protocol
        mapped = found.ipv4_mapped
        return str(mapped or ip_network((found, 64), strict=False))
    return str(found)
