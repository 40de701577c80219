"""What a person who watches a system sees of it at one moment."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from bus import SECOND
from lts.domain.accounts import AccountReported
from lts.domain.blotter import BlotterReported, GetBlotter
from lts.domain.health import GetHealth, HealthReported
from lts.domain.performance import EquityCurve
from lts.main import System

REMEMBERED = 2 * SECOND
"""Over how much time the rate of events is taken, at least."""


@dataclass(frozen=True, slots=True)
class View:
    """A system at one moment."""

    at: int
    """Market time, in UTC nanoseconds."""
    running_s: float
    accounts: list[AccountReported]
    curves: Mapping[str, EquityCurve]
    """How the equity of each has moved."""
    blotter: BlotterReported
    health: HealthReported
    events_per_s: float


@dataclass
class Viewer:
    """Looks at a system again and again; the system has to be `watched`."""

    system: System
    _looks: deque[tuple[int, int]] = field(default_factory=deque, init=False)
    """When somebody looked, and how many events there had been."""
    _begun: int = field(init=False)

    def __post_init__(self) -> None:
        """Begin to count."""
        self._begun = self.system.bus.system.monotonic()
        self._looks.append((self._begun, self.system.bus.vitals().messages))

    async def look(self) -> View:
        """Return what there is to see now.

        Raises:
            AskError: something that has to answer is out of service.
        """
        system = self.system
        health = await system.console.ask(GetHealth())
        now = system.bus.system.monotonic()
        return View(
            system.bus.clock.now(),
            (now - self._begun) / SECOND,
            await system.accounts(),
            await system.curves(),
            await system.console.ask(GetBlotter()),
            health,
            self._rate(now, health.messages),
        )

    def _rate(self, now: int, events: int) -> float:
        self._looks.append((now, events))
        while len(self._looks) > 1 and now - self._looks[1][0] >= REMEMBERED:
            self._looks.popleft()
        since, before = self._looks[0]
        return (events - before) * SECOND / (now - since) if now > since else 0.0
