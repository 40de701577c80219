"""What goes wrong on command, and how often it did: each fault draws from a seed of its own."""

import re
from dataclasses import asdict, dataclass, field, fields
from random import Random

from tests.venues.instants import SECOND, Clock, true_time
from tests.venues.instruments import Json

BEFORE = ("maintenance", "lost_request", "delay_before", "rate_limit", "error_before")
"""Kinds that meet a request before it is handled."""
AFTER = ("delay_after", "lost_ack", "torn_ack", "error_after")
"""Kinds that meet its answer: the request has been handled."""
ON_A_STREAM = ("drop", "duplicate", "reorder", "disconnect", "silent")
LASTING = ("maintenance", "silent", "stale", "clock_skew")
"""Kinds that hold for `seconds` from the command on (clock_skew: until it is cleared)."""
KINDS = (*BEFORE, *AFTER, *ON_A_STREAM, "stale", "clock_skew")


@dataclass
class Fault:
    """One thing that goes wrong, with what it meets and how often."""

    kind: str
    probability: float = 1.0
    count: int = -1
    """How often at most; -1 is without end."""
    skip: int = 0
    """How many that it could have met are spared first."""
    method: str = ""
    path: str = ""
    """A regular expression, searched in the path (of a stream: `/transactions/stream`, `/pricing/stream`)."""
    seconds: float = 0.0
    status: int = 503
    hold: bool = False
    """A silent stream keeps what it did not say, and says it afterwards."""
    seed: int = 0
    id: int = 0
    at: int = 0
    met: int = 0
    fired: int = 0
    draw: Random = field(default_factory=Random, repr=False)

    def strikes(self, method: str, path: str, now: int) -> bool:
        """Tell whether it happens to this request or message, and count it."""
        if (self.method and self.method != method) or not re.search(self.path, path) or not self.lasts(now):
            return False
        self.met += 1
        if self.met <= self.skip or self.fired == self.count or self.draw.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def lasts(self, now: int) -> bool:
        return self.kind not in LASTING or not self.seconds or now < self.at + round(self.seconds * SECOND)

    def told(self) -> Json:
        return {name: value for name, value in asdict(self).items() if name != "draw"}


class Faults:
    """The faults in force."""

    def __init__(self, clock: Clock, seed: int = 0) -> None:
        self.clock, self.seed = clock, seed
        self.faults: list[Fault] = []
        self.total: dict[str, int] = {}
        self.numbered = 0

    def add(self, command: Json) -> Fault:
        """Put a fault in force.

        Raises:
            ValueError: there is no such kind, or no such property.
        """
        known = {each.name for each in fields(Fault)} - {"draw", "id", "at", "met", "fired"}
        if strange := command.keys() - known:
            raise ValueError(
                f"a fault has no {', '.join(sorted(strange))}; it has {', '.join(sorted(known))}"
            )
        if command.get("kind") not in KINDS:
            raise ValueError(f"no kind of fault: {command.get('kind')!r}; there are {', '.join(KINDS)}")
        try:
            re.compile(command.get("path", ""))
        except re.error as wrong:
            raise ValueError(f"{command['path']!r} is no regular expression: {wrong}") from None
        fault = Fault(**command)
        self.numbered += 1
        fault.id, fault.at = self.numbered, true_time()
        fault.draw = Random(f"{self.seed} {fault.seed} {fault.id}")
        self.faults.append(fault)
        if fault.kind == "clock_skew":
            self.clock.skew, fault.fired = fault.seconds, 1
            self.total["clock_skew"] = self.total.get("clock_skew", 0) + 1
        return fault

    def forget(self) -> None:
        """Be as at the start."""
        self.clear()
        self.total.clear()
        self.numbered = 0

    def clear(self, number: int | None = None) -> None:
        """End one fault, or all."""
        gone = [each for each in self.faults if number in (None, each.id)]
        self.faults = [each for each in self.faults if each not in gone]
        if any(each.kind == "clock_skew" for each in gone):
            self.clock.skew = 0.0

    def struck(self, kind: str, method: str, path: str) -> Fault | None:
        """Return the fault of a kind that happens now, if one does."""
        now = true_time()
        for fault in self.faults:
            if fault.kind == kind and fault.strikes(method, path, now):
                self.total[kind] = self.total.get(kind, 0) + 1
                return fault
        return None

    def stale(self) -> int:
        """Return the instant after which what was created is not shown yet: reads come from a slow copy."""
        now = true_time()
        slow = [each for each in self.faults if each.kind == "stale" and each.seconds]
        for each in slow:
            each.fired += 1
        return (
            self.clock.now() - round(max((each.seconds for each in slow), default=0.0) * SECOND)
            if slow
            else now * 2
        )
