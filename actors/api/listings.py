"""Listings: what persistence keeps, page by page, behind cursors that cannot be read into."""

from typing import TypeVar

from actors.api.call import Call
from actors.api.problems import Kind, Problem, not_found
from bus import Request
from lts.domain.listings import NotListed
from lts.domain.permissions import Permission
from lts.web.times import from_rfc3339

R = TypeVar("R")


class Listing:
    """One list as somebody asks for it.

    Args:
        call: who asks.
        what: the list, and what it is limited to; a cursor of another one is refused.
        cursor: where to go on; None: at the beginning.
    """

    def __init__(self, call: Call, what: object, cursor: str | None) -> None:
        self._call = call
        self._what = f"{what} for {call.user}"
        self.after = "" if cursor is None else str(call.port.cursors.open(self._what, cursor)[0])
        """The mark at which it goes on."""

    async def ask(self, request: Request[R | NotListed]) -> R:
        """Ask for the page.

        Raises:
            Problem: there is no answer, or the question cannot be answered as it was put.
        """
        answer = await self._call.ask(request)
        if isinstance(answer, NotListed):
            raise Problem(Kind.INVALID, answer.reason)
        return answer

    def cursor(self, following: str) -> str | None:
        """Return the cursor of what follows a page, of which the listing has this mark."""
        return self._call.port.cursors.seal(self._what, (following,)) if following else None


async def portfolios_of(
    call: Call, permission: Permission, subject: str, portfolio: str | None
) -> tuple[str, ...] | None:
    """Return the portfolios that an answer is limited to; None: all there are.

    What is others' is recorded as read, before anything of it is given out.

    Raises:
        Problem: the portfolio is not there, or not for the caller.
    """
    owners = call.port.premises.owners
    if portfolio is not None:
        if portfolio not in owners:
            raise not_found()
        call.sees(permission, owners[portfolio])
        await call.reading(subject, owners[portfolio], portfolio)
        return (portfolio,)
    if not call.identity.may(permission, None):
        return tuple(name for name, owner in owners.items() if owner == call.user)
    await call.reading(subject, None)
    return None


def instant(text: str | None) -> int | None:
    """Return an instant that may be left out, in UTC nanoseconds."""
    return None if text is None else from_rfc3339(text)


def interval(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Return both ends of an interval; there is nothing in one that ends before it begins."""
    return instant(since), instant(until)
