"""Logging in, going on, and logging out."""

import msgspec
from starlette.responses import Response

from actors.api.call import Call
from actors.api.guard import refusal
from actors.api.problems import Kind
from actors.api.table import Needs, Rule, Table
from actors.api.texts import Body, Hidden, Name
from lts.domain.access import AccessRefused, EndCredential, LoggedIn, LogIn, RefreshLogin
from lts.domain.permissions import Permission, Role
from lts.domain.secret import Secret
from lts.web.times import to_rfc3339

routes = Table("auth", "Logging in with a password, and going on with what was given for it.")
TRIED = Rule(needs=Needs.PUBLIC, strict=True, urgent=True)
_AGENT = 200


class Login(Body):
    """Somebody's name and password, and a code where a second factor is set up."""

    user: Name
    password: Hidden
    code: Hidden | None = None


class Refresh(Body):
    """The refresh token of a session; it is good for once."""

    refresh_token: Hidden


class LoginView(msgspec.Struct, frozen=True):
    """What to show from now on, and who that is."""

    access_token: str
    """To be sent as `Authorization: Bearer …`, until it expires."""
    expires_at: str
    refresh_token: str
    """Good for one refresh; shown twice, it ends the session."""
    refresh_expires_at: str
    user: str
    role: Role
    permissions: tuple[Permission, ...]
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme


@routes.post(
    "/auth/login",
    TRIED,
    answers=LoginView,
    problems=(Kind.UNAUTHENTICATED, Kind.CODE_NEEDED),
    example={"user": "alice", "password": "correct horse battery staple"},
)
async def log_in(call: Call, body: Login) -> Response:
    """Log in."""
    agent = "".join(filter(str.isprintable, call.headers.get("user-agent", "")))[:_AGENT]
    wanted = LogIn(body.user, Secret(body.password), Secret(body.code or ""), call.address, agent)
    return _let_in(call, await call.ask(wanted))


@routes.post("/auth/refresh", TRIED, answers=LoginView, problems=(Kind.UNAUTHENTICATED,))
async def refresh(call: Call, body: Refresh) -> Response:
    """Go on with a session."""
    return _let_in(call, await call.ask(RefreshLogin(Secret(body.refresh_token), call.address)))


@routes.post("/auth/logout", Rule(needs=Needs.SELF, in_session=True, urgent=True, enrols=True))
async def log_out(call: Call) -> Response:
    """Log out: the session of the access token is over."""
    await call.ask(EndCredential(call.identity.credential, call.user, call.user))
    return call.nothing()


def _let_in(call: Call, answer: LoggedIn | AccessRefused) -> Response:
    if isinstance(answer, AccessRefused):
        raise refusal(answer)
    identity = answer.identity
    return call.answer(
        LoginView(
            answer.access_token.value,
            to_rfc3339(identity.expires_at),
            answer.refresh_token.value,
            to_rfc3339(answer.refresh_expires_at),
            identity.user,
            identity.role,
            tuple(sorted(identity.permissions)),
        )
    )
