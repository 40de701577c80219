"""Logging in, going on, and logging out."""

from functools import partial
from typing import Annotated

import msgspec
from fastapi import Query
from msgspec import structs
from starlette.responses import RedirectResponse, Response

from actors.api.call import Call
from actors.api.guard import refusal
from actors.api.problems import Kind
from actors.api.table import ROOT, Needs, Rule, Table
from actors.api.texts import Body, Hidden, Name
from lts.domain.access import (
    AccessRefused,
    BeginProviderLogin,
    EndCredential,
    FinishProviderLogin,
    LoggedIn,
    LogIn,
    RefreshLogin,
)
from lts.domain.permissions import Permission, Role
from lts.domain.secret import Secret
from lts.web.times import to_rfc3339

routes = Table(
    "auth",
    "Logging in with a password, or at a provider of identities where the node has one, and going on with "
    "what was given for it.",
)
TRIED = Rule(needs=Needs.PUBLIC, strict=True, urgent=True)
AWAY, BACK = TRIED, structs.replace(TRIED, lenient=True)
AT_PROVIDER = 30.0
"""Seconds that the provider of identities is waited for."""
TICKET = "lts-login"
_TICKET = 64
_SAYS = partial(Query, max_length=2_048, pattern=r"^[\x20-\x7e]*$")
State = Annotated[str, _SAYS(description="Which login it is that the provider sends back from.")]
Code = Annotated[str, _SAYS(description="What the provider gives the identity for, once.")]
Issuer = Annotated[str, _SAYS(description="Who the provider says that it is.")]
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
    wanted = LogIn(body.user, Secret(body.password), Secret(body.code or ""), call.address, _agent(call))
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


@routes.get("/auth/oidc/start", AWAY, status=303, problems=(Kind.NOT_FOUND,))
async def begin_at_provider(call: Call) -> Response:
    """Log in at the provider of identities: leads there, with a cookie for the way back."""
    begun = await call.port.find(BeginProviderLogin(call.address), AT_PROVIDER)
    if isinstance(begun, AccessRefused):
        raise refusal(begun)
    return _with_ticket(call, RedirectResponse(begun.url, 303), begun.ticket.value)


@routes.get("/auth/oidc/callback", BACK, answers=LoginView, problems=(Kind.NOT_FOUND, Kind.UNAUTHENTICATED))
async def finish_at_provider(call: Call, state: State, code: Code = "", iss: Issuer = "") -> Response:
    """Come back from the provider of identities, as `beginAtProvider` leads there, and be logged in."""
    ticket = Secret(call.cookies.get(TICKET, "")[:_TICKET])
    wanted = FinishProviderLogin(state, Secret(code), ticket, iss, call.address, _agent(call))
    return _with_ticket(call, _let_in(call, await call.port.find(wanted, AT_PROVIDER)), "")


def _with_ticket(call: Call, response: Response, ticket: str) -> Response:
    """Have a browser keep a ticket for as long as a login may take; an empty one takes it away."""
    response.set_cookie(
        TICKET,
        ticket,
        max_age=600 if ticket else 0,
        path=f"{ROOT}/auth/oidc",
        secure=call.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


def _agent(call: Call) -> str:
    return "".join(filter(str.isprintable, call.headers.get("user-agent", "")))[:_AGENT]


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
