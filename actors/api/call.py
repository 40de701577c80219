"""A call: one request, who it comes from, and how it is answered."""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors.api.gate import address_of
from actors.api.pages import Page
from actors.api.port import Port
from actors.api.problems import Kind, Problem, not_found, unavailable
from bus import Request as BusRequest
from lts.domain.access import Identity
from lts.domain.permissions import Permission
from lts.domain.units import NotPerformed, Perform, RecordRead
from lts.domain.users import Fault, NotDone

R = TypeVar("R")
T = TypeVar("T")

_FAULTS = {
    Fault.UNKNOWN: Kind.NOT_FOUND,
    Fault.TAKEN: Kind.CONFLICT,
    Fault.CONFLICT: Kind.CHANGED,
    Fault.LAST_ADMIN: Kind.CONFLICT,
    Fault.NOT_PROVED: Kind.FORBIDDEN,
    Fault.UNAVAILABLE: Kind.UNAVAILABLE,
}
MOST_VALUES = 10_000
"""In one body: whatever is looked at value by value holds up nobody for long."""
_encode = msgspec.json.Encoder(decimal_format="string").encode


class Call(Request):
    """A request that the guard has let in."""

    port: Port
    who: Identity | None = None
    """Who calls; None only where the route is public."""

    @property
    def identity(self) -> Identity:
        """Who calls."""
        if self.who is None:
            raise Problem(Kind.UNAUTHENTICATED)
        return self.who

    @property
    def user(self) -> str:
        """In whose name it is done."""
        return self.identity.user

    @property
    def address(self) -> str:
        """From where it comes."""
        return address_of(self.scope)

    async def json(self) -> Any:
        """Return the body, read strictly: no NaN, no number that is out of range, no broken text."""
        try:
            body = msgspec.json.decode(await self.body())
        except (msgspec.MsgspecError, RecursionError):
            raise Problem(Kind.MALFORMED, "the body is no JSON that is taken here") from None
        if _values_in(body) > MOST_VALUES:
            raise Problem(Kind.MALFORMED, f"at most {MOST_VALUES} values are taken in one body")
        return body

    async def ask(self, request: BusRequest[R]) -> R:
        """Ask over the bus; raises a Problem where there is no answer."""
        return await self.port.ask(request)

    async def done(self, request: BusRequest[R | NotDone]) -> R:
        """Have something about users done; raises a Problem that says why it was not."""
        answer = await self.port.ask(request)
        if isinstance(answer, NotDone):
            raise Problem(_FAULTS.get(answer.fault, Kind.INVALID), answer.reason)
        return answer

    def sees(self, permission: Permission, owner: str | None) -> None:
        """Raise the Problem of what is not there, unless the caller may do this to what is an owner's."""
        if not self.identity.may(permission, owner):
            raise not_found()

    async def reading(self, subject: str, owner: str | None, *key: str) -> None:
        """Have it recorded that somebody reads what is not their own; nothing is given out otherwise.

        Args:
            subject: the table, or what else is read.
            owner: whose it is; None: nobody's in particular.
            key: which one; none: all of it.
        """
        if owner == self.user:
            return
        read = RecordRead(subject, f"{self.method} {self.scope['route'].path_format} for {self.address}", key)
        if isinstance(await self.port.ask(Perform((read,), self.user)), NotPerformed):
            raise unavailable("the read cannot be recorded, and is not given out")

    def answer(self, view: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """Answer with a view."""
        return Response(_encode(view), status, headers, "application/json")

    def nothing(self) -> Response:
        """Answer that it is done, and there is nothing to show."""
        return Response(status_code=204)

    def listed(self, items: list[T]) -> Response:
        """Answer with a whole list, which is short."""
        return self.answer(Page(tuple(items), None))


def _values_in(body: Any) -> int:
    """Return how many values a body holds, as far as they are no more than are taken."""
    found, left = 1, [body]
    while left and found <= MOST_VALUES:
        each = left.pop()
        inside = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        found += len(inside)
        left.extend(inside)
    return found
