"""Loss marks: what a scope's losses are measured from, which has to outlive whoever measures them."""

from collections.abc import Mapping

import msgspec

from bus.message import Event, Request


class LossMarks(msgspec.Struct, frozen=True):
    """The best moment of a scope, where its day began, and what it has broken since."""

    peak: float | None = None
    """The highest equity; None if it is to be measured anew."""
    opening: float = 0.0
    """The equity at which the day began."""
    since: int = 0
    """When that was, in UTC nanoseconds."""
    fell: str = ""
    """Which limit was broken since the measurement began; empty if none was."""


class LossesMarked(Event, key="scope"):
    """The losses of a scope are measured from other marks than before."""

    scope: str
    marks: LossMarks
    at: int


class LossMarksRecalled(Event):
    """The last marks of every scope."""

    marks: Mapping[str, LossMarks] = {}


class RecallLossMarks(Request[LossMarksRecalled]):
    """Asks the journal from what losses were measured last."""
