"""Users, as an administrator sees them."""

import msgspec
from pydantic import Field
from starlette.responses import Response

from actors.api.call import Call
from actors.api.etags import etag, known, meant
from actors.api.pages import USUAL, Page, page_of
from actors.api.problems import Kind, Problem, not_found
from actors.api.table import Rule, Table
from actors.api.texts import Body, CursorQuery, Hidden, IfMatchNeeded, IfNoneMatch, InPath, Limit, Name
from lts.domain.permissions import ROLES, Permission, Role
from lts.domain.secret import Secret
from lts.domain.users import AddUser, ChangeUser, DropSecondFactor, ListUsers, SetPassword, User
from lts.web.times import to_rfc3339

routes = Table("users", "Who may log in, and in what role.")
READ = Rule(needs=Permission.READ_USERS, nobodys=True)
WRITE = Rule(needs=Permission.WRITE_USERS, nobodys=True, signed=True)


class NewUser(Body):
    """Who is to be let in."""

    name: Name
    role: Role = Field(strict=False)
    password: Hidden | None = None


class UserChange(Body):
    """What is to be different; what is not named stays."""

    role: Role | None = Field(None, strict=False)
    active: bool | None = None


class UserPassword(Body):
    """The password that is to hold."""

    password: Hidden


class UserView(msgspec.Struct, frozen=True):
    """A user."""

    name: str
    role: Role
    active: bool
    can_log_in: bool
    """Whether a password is set."""
    second_factor: bool
    created_at: str
    revision: int


class RoleView(msgspec.Struct, frozen=True):
    """A role, and what it may."""

    name: Role
    permissions: tuple[Permission, ...]


@routes.get("/users", READ, answers=Page[UserView])
async def list_users(call: Call, cursor: CursorQuery = None, limit: Limit = USUAL) -> Response:
    """List the users."""
    await call.reading("users", None)
    users = (await call.ask(ListUsers())).users
    part = page_of(users, lambda each: (each.name,), call.port.cursors, "users", cursor, limit)
    return call.answer(Page(tuple(map(_view, part.items)), part.next))


@routes.post(
    "/users",
    WRITE,
    answers=UserView,
    status=201,
    problems=(Kind.CONFLICT,),
    example={"name": "bob", "role": "trader", "password": "correct horse battery staple"},
    headers=("ETag",),
)
async def add_user(call: Call, body: NewUser) -> Response:
    """Add a user; an administrator takes a login."""
    await _takes_login(call, body.name, body.role)
    wanted = AddUser(body.name, body.role, call.user, Secret(body.password or ""))
    return _shown(call, (await call.done(wanted)).user, 201)


@routes.get("/users/{name:name}", READ, answers=UserView, problems=(Kind.NOT_FOUND,), headers=("ETag",))
async def read_user(call: Call, name: InPath, if_none_match: IfNoneMatch = None) -> Response:
    """Read a user."""
    await call.reading("users", name, name)
    found = (await call.ask(ListUsers(name))).users
    if not found:
        raise not_found()
    if known(if_none_match, etag(found[0].revision)):
        return Response(status_code=304, headers={"ETag": etag(found[0].revision)})
    return _shown(call, found[0])


@routes.patch(
    "/users/{name:name}",
    WRITE,
    answers=UserView,
    problems=(Kind.NOT_FOUND, Kind.CONFLICT, Kind.CHANGED, Kind.PRECONDITION_NEEDED),
    example={"active": False},
    headers=("ETag",),
)
async def change_user(call: Call, name: InPath, body: UserChange, if_match: IfMatchNeeded) -> Response:
    """Give a user another role, or take them out of service; what they hold ends with it."""
    await _takes_login(call, name, body.role)
    revision = meant(if_match)
    wanted = ChangeUser(name, call.user, body.role, body.active, revision)
    return _shown(call, (await call.done(wanted)).user)


@routes.put("/users/{name:name}/password", WRITE, problems=(Kind.NOT_FOUND,))
async def set_password(call: Call, name: InPath, body: UserPassword) -> Response:
    """Set a user's password: all their sessions end, and their API keys."""
    await _takes_login(call, name)
    await call.done(SetPassword(name, call.user, Secret(body.password)))
    return call.nothing()


@routes.delete("/users/{name:name}/second-factor", WRITE, problems=(Kind.NOT_FOUND,))
async def drop_second_factor(call: Call, name: InPath) -> Response:
    """Let a user log in without codes again."""
    await _takes_login(call, name)
    await call.done(DropSecondFactor(name, call.user))
    return call.nothing()


@routes.get("/roles", READ, answers=Page[RoleView])
async def list_roles(call: Call) -> Response:
    """List the roles, and what each may."""
    return call.listed([RoleView(role, tuple(sorted(may))) for role, may in ROLES.items()])


async def _takes_login(call: Call, name: str, role: Role | None = None) -> None:
    """Refuse an API key what makes, changes or lets in an administrator: that is for people."""
    if call.identity.credential.startswith("session:"):
        return
    users = (await call.ask(ListUsers(name))).users
    if Role.ADMIN in {role, *(each.role for each in users)}:
        raise Problem(Kind.FORBIDDEN, "what concerns an administrator takes a login")


def _shown(call: Call, user: User, status: int = 200) -> Response:
    return call.answer(_view(user), status, {"ETag": etag(user.revision)})


def _view(user: User) -> UserView:
    return UserView(
        user.name,
        user.role,
        user.active,
        user.can_log_in,
        user.second_factor,
        to_rfc3339(user.created_at),
        user.revision,
    )
