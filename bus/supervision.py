"""How an actor that fails is treated: how often it may try again, how fast, and who restarts with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import TYPE_CHECKING

from bus.clock import SECOND

if TYPE_CHECKING:
    from bus.cell import Cell


@dataclass(frozen=True, slots=True)
class Supervision:
    """A restart budget and a backoff. Times are seconds of market time.

    After failure n within the window, the actor rests for
    `first × 2**(n-1)` seconds, at most `longest`, give or take `jitter` of it.
    """

    restarts: int = 5
    """Failures within the window that are answered by a restart; one more means quarantine."""
    window: float = 60.0
    calm: int = 1_000
    """Inputs from outside that must have come in as well before a failure is forgotten: where market
    time leaps from bar to bar, the window alone would forget each failure before the next."""
    first: float = 0.1
    longest: float = 30.0
    jitter: float = 0.2
    policy: str = "hold"
    """What its keeper does about a quarantine; the bus only passes the word on."""

    def rest(self, failures: int, random: Random) -> float:
        """Return the seconds to wait before the restart that follows the n-th failure."""
        pause: float = min(self.longest, self.first * 2.0 ** min(failures - 1, 64))
        return pause * (1.0 + self.jitter * random.uniform(-1.0, 1.0))

    def count(self, failures: list[tuple[int, int]], now: int, inputs: int) -> int:
        """Add a failure, forget those that are long past, and return how many are left.

        Args:
            failures: the market time of each, and the number of inputs there had been.
            now: market time.
            inputs: the number of inputs there have been.
        """
        failures.append((now, inputs))
        oldest, first = now - round(self.window * SECOND), inputs - self.calm
        failures[:] = [(at, number) for at, number in failures if at >= oldest or number > first]
        return len(failures)


class Together(Enum):
    """Which members of a group restart when one fails."""

    ONE_FOR_ONE = "one for one"
    REST_FOR_ONE = "rest for one"
    """The one that failed and all that were spawned after it."""


@dataclass(slots=True)
class Group:
    """Actors that depend on each other, in the order in which they were spawned."""

    name: str
    together: Together = Together.ONE_FOR_ONE
    members: list[Cell] = field(default_factory=list)

    def affected_by(self, cell: Cell) -> list[Cell]:
        """Return the members to restart when a cell has failed, the cell itself excluded."""
        if self.together is Together.ONE_FOR_ONE:
            return []
        return self.members[self.members.index(cell) + 1 :]


class Overwhelmed(Exception):
    """An actor was given more than it could take, for too long."""


def explained(error: BaseException) -> str:
    """Return what went wrong, as one line."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an error that cannot say what it is
        return type(error).__name__
