"""The caller: who they are, their password and their second factor."""

import msgspec
from starlette.responses import Response

from actors.api.call import Call
from actors.api.problems import Kind
from actors.api.table import Needs, Rule, Table
from actors.api.texts import Body, Hidden
from lts.domain.permissions import Permission, Role
from lts.domain.secret import Secret
from lts.domain.users import ConfirmSecondFactor, DropSecondFactor, OfferSecondFactor, SetPassword

routes = Table("me", "The caller.")
OWN = Rule(needs=Needs.SELF, enrols=True)
LOGIN = Rule(needs=Needs.SELF, in_session=True, strict=True)
FACTOR = Rule(needs=Needs.SELF, in_session=True, strict=True, enrols=True)


class MeView(msgspec.Struct, frozen=True):
    """Who calls, by which credential, and what they may."""

    user: str
    role: Role
    credential: str
    permissions: tuple[Permission, ...]
    second_factor_required: bool
    """Whether nothing else may be done until a second factor is set up."""


class NewPassword(Body):
    """The password that holds, and the one that is to hold."""

    old: Hidden
    new: Hidden
    revoke_api_keys: bool = False
    """Whether one's API keys end as well: they do not hang on the password."""


class Proof(Body):
    """The caller's password, for what a token alone is not enough for."""

    password: Hidden


class Code(Body):
    """What the authenticator shows."""

    code: Hidden


class SecondFactorView(msgspec.Struct, frozen=True):
    """What to set the authenticator up with."""

    uri: str


@routes.get("/me", OWN, answers=MeView)
async def read_me(call: Call) -> Response:
    """See who one is."""
    who = call.identity
    may = tuple(sorted(who.permissions))
    return call.answer(MeView(who.user, who.role, who.credential, may, who.enrols))


@routes.put("/me/password", LOGIN, problems=(Kind.INVALID, Kind.FORBIDDEN))
async def change_password(call: Call, body: NewPassword) -> Response:
    """Change one's password: all other sessions end, and API keys if it is said."""
    session = call.identity.credential.removeprefix("session:")
    old, new = Secret(body.old), Secret(body.new)
    await call.done(SetPassword(call.user, call.user, new, old, session, body.revoke_api_keys))
    return call.nothing()


@routes.post("/me/second-factor", FACTOR, answers=SecondFactorView, problems=(Kind.FORBIDDEN,))
async def offer_second_factor(call: Call, body: Proof) -> Response:
    """Begin to set up an authenticator; it counts once a code confirms it."""
    offered = await call.done(OfferSecondFactor(call.user, Secret(body.password)))
    return call.answer(SecondFactorView(offered.uri.value))


@routes.put("/me/second-factor", FACTOR, problems=(Kind.INVALID,))
async def confirm_second_factor(call: Call, body: Code) -> Response:
    """Take the authenticator into use."""
    await call.done(ConfirmSecondFactor(call.user, Secret(body.code)))
    return call.nothing()


@routes.post("/me/second-factor/removal", LOGIN, problems=(Kind.FORBIDDEN,))
async def remove_second_factor(call: Call, body: Proof) -> Response:
    """Log in without codes again."""
    await call.done(DropSecondFactor(call.user, call.user, Secret(body.password)))
    return call.nothing()
