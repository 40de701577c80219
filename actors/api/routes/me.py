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
OWN = Rule(needs=Needs.SELF)
LOGIN = Rule(needs=Needs.SELF, in_session=True, strict=True)


class MeView(msgspec.Struct, frozen=True):
    """Who calls, by which credential, and what they may."""

    user: str
    role: Role
    credential: str
    permissions: tuple[Permission, ...]


class NewPassword(Body):
    """The password that holds, and the one that is to hold."""

    old: Hidden
    new: Hidden


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
    return call.answer(MeView(who.user, who.role, who.credential, tuple(sorted(who.permissions))))


@routes.put("/me/password", LOGIN, problems=(Kind.INVALID, Kind.FORBIDDEN))
async def change_password(call: Call, body: NewPassword) -> Response:
    """Change one's password: all other sessions end."""
    session = call.identity.credential.removeprefix("session:")
    await call.done(SetPassword(call.user, call.user, Secret(body.new), Secret(body.old), session))
    return call.nothing()


@routes.post("/me/second-factor", LOGIN, answers=SecondFactorView, problems=(Kind.FORBIDDEN,))
async def offer_second_factor(call: Call, body: Proof) -> Response:
    """Begin to set up an authenticator; it counts once a code confirms it."""
    offered = await call.done(OfferSecondFactor(call.user, Secret(body.password)))
    return call.answer(SecondFactorView(offered.uri.value))


@routes.put("/me/second-factor", LOGIN, problems=(Kind.INVALID,))
async def confirm_second_factor(call: Call, body: Code) -> Response:
    """Take the authenticator into use."""
    await call.done(ConfirmSecondFactor(call.user, Secret(body.code)))
    return call.nothing()


@routes.post("/me/second-factor/removal", LOGIN, problems=(Kind.FORBIDDEN,))
async def remove_second_factor(call: Call, body: Proof) -> Response:
    """Log in without codes again."""
    await call.done(DropSecondFactor(call.user, call.user, Secret(body.password)))
    return call.nothing()
