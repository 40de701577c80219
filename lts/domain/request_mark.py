"""A request's mark: by it, a command that comes twice is carried out once."""

import msgspec

from bus.message import Event, Request
from lts.domain.order_status import OrderStatus

LONGEST = {"user": 64, "key": 255, "digest": 128}
"""Characters of each part of a mark, at most."""


class RequestMark(msgspec.Struct, frozen=True, gc=False):
    """The key that a user gave to a command, which no other command of that user has, and a digest of it."""

    user: str
    key: str
    digest: str

    @property
    def name(self) -> tuple[str, str]:
        """What tells it from others: whose it is, and the key."""
        return self.user, self.key

    def objection(self) -> str:
        """Return why it can be no mark; empty if it can."""
        for part, longest in LONGEST.items():
            if not 0 < len(getattr(self, part)) <= longest:
                return f"the {part} of a request's mark has 1 to {longest} characters"
        return ""


class Marked(msgspec.Struct, frozen=True):
    """What a command with a mark has led to."""

    mark: RequestMark
    """As it came first."""
    resource: str
    """The id of the order, or the name of the portfolio: a digest tells which, two commands have not one."""
    status: OrderStatus | None
    """Where the order stands now; None if it was archived, or is a portfolio."""
    reason: str = ""
    """Why it was denied, if it was."""


class MarkRecalled(Event):
    """What a mark has led to, if it has led to anything that is durable."""

    mark: RequestMark
    """As it was asked for."""
    found: Marked | None = None


class RecallMark(Request[MarkRecalled]):
    """Asks the journal what a command with this mark has led to."""

    mark: RequestMark
