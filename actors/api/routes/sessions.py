"""Sessions: logins that go on, one's own and others'."""

import msgspec
from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import USUAL, Page, page_of
from actors.api.problems import Kind, not_found
from actors.api.table import Needs, Rule, Table
from actors.api.texts import CursorQuery, Id, Limit, NameQuery
from lts.domain.access import EndCredential
from lts.domain.permissions import Permission
from lts.domain.users import ListSessions, Session
from lts.web.times import to_rfc3339

routes = Table("sessions", "Logins that go on.")


class SessionView(msgspec.Struct, frozen=True):
    """A login that goes on."""

    id: str
    user: str
    begun_at: str
    used_at: str
    expires_at: str
    address: str
    agent: str
    current: bool
    """Whether it is the one in which this is asked."""


@routes.get("/me/sessions", Rule(needs=Needs.SELF), answers=Page[SessionView])
async def list_my_sessions(call: Call, cursor: CursorQuery = None, limit: Limit = USUAL) -> Response:
    """List one's sessions."""
    return await _page(call, call.user, cursor, limit)


@routes.delete("/me/sessions/{id:name}", Rule(needs=Needs.SELF, in_session=True), problems=(Kind.NOT_FOUND,))
async def end_my_session(call: Call, id: Id) -> Response:  # noqa: A002 - as it is called outside
    """End one of one's sessions."""
    return await _end(call, id, call.user)


@routes.get(
    "/sessions",
    Rule(needs=Permission.READ_USERS, nobodys=True),
    answers=Page[SessionView],
)
async def list_sessions(
    call: Call, user: NameQuery = None, cursor: CursorQuery = None, limit: Limit = USUAL
) -> Response:
    """List the sessions of a user, or of all."""
    await call.reading("sessions", user, *([user] if user else []))
    return await _page(call, user, cursor, limit)


@routes.delete(
    "/sessions/{id:name}",
    Rule(needs=Permission.WRITE_USERS, nobodys=True, signed=True),
    problems=(Kind.NOT_FOUND,),
)
async def end_session(call: Call, id: Id) -> Response:  # noqa: A002 - as it is called outside
    """End anybody's session."""
    return await _end(call, id, None)


async def _page(call: Call, user: str | None, cursor: str | None, limit: int) -> Response:
    sessions = (await call.ask(ListSessions(user))).sessions
    what = f"sessions of {user} for {call.user}"
    part = page_of(sessions, lambda each: (-each.begun_at, each.id), call.port.cursors, what, cursor, limit)
    return call.answer(Page(tuple(_view(each, call) for each in part.items), part.next))


async def _end(call: Call, session: str, owner: str | None) -> Response:
    if not (await call.ask(EndCredential(f"session:{session}", call.user, owner))).found:
        raise not_found()
    return call.nothing()


def _view(session: Session, call: Call) -> SessionView:
    return SessionView(
        session.id,
        session.user,
        to_rfc3339(session.begun_at),
        to_rfc3339(session.used_at),
        to_rfc3339(session.expires_at),
        session.address,
        session.agent,
        current=call.identity.credential == f"session:{session.id}",
    )
