"""API keys: the credentials of machines, one's own and others'."""

from typing import Annotated

import msgspec
from pydantic import Field
from starlette.responses import Response

from actors.api.call import Call
from actors.api.pages import USUAL, Page, page_of
from actors.api.problems import Kind, not_found
from actors.api.table import Needs, Rule, Table
from actors.api.texts import Body, CursorQuery, Id, Instant, Limit, NameQuery, Text
from lts.domain.access import EndCredential
from lts.domain.permissions import Permission
from lts.domain.users import ApiKey, ListApiKeys, MakeApiKey
from lts.web.times import from_rfc3339, to_rfc3339

routes = Table("api-keys", "Credentials of machines. On orders and administration they sign their requests.")


Scope = Annotated[Permission, Field(strict=False)]
PublicKey = Annotated[str, Field(max_length=44, pattern=r"^([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)?$")]


class NewApiKey(Body):
    """What a key is to be for."""

    label: Annotated[Text, Field(min_length=1, max_length=64)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Permission))]
    """Permissions; at most those of the user."""
    expires_at: Instant
    public_key: PublicKey = ""
    """Of Ed25519, base64: what signed requests are verified with."""


class ApiKeyView(msgspec.Struct, frozen=True):
    """A key, without its secret."""

    id: str
    user: str
    label: str
    scopes: tuple[Permission, ...]
    made_at: str
    expires_at: str
    used_at: str | None
    public_key: str


class ApiKeyMadeView(msgspec.Struct, frozen=True):
    """A key with its secret, which is shown this once."""

    key: ApiKeyView
    secret: str


@routes.get("/me/api-keys", Rule(needs=Needs.SELF), answers=Page[ApiKeyView])
async def list_my_api_keys(call: Call, cursor: CursorQuery = None, limit: Limit = USUAL) -> Response:
    """List one's API keys."""
    return await _page(call, call.user, cursor, limit)


@routes.post(
    "/me/api-keys",
    Rule(needs=Needs.SELF, in_session=True),
    answers=ApiKeyMadeView,
    status=201,
    example={"label": "my script", "scopes": ["portfolios:read"], "expires_at": "2030-01-01T00:00:00Z"},
)
async def make_api_key(call: Call, body: NewApiKey) -> Response:
    """Make an API key for oneself."""
    expires_at, scopes = from_rfc3339(body.expires_at), frozenset(body.scopes)
    wanted = MakeApiKey(call.user, call.user, body.label, scopes, expires_at, body.public_key)
    made = await call.done(wanted)
    return call.answer(ApiKeyMadeView(_view(made.made), made.secret.value), 201)


@routes.delete("/me/api-keys/{id:name}", Rule(needs=Needs.SELF, in_session=True), problems=(Kind.NOT_FOUND,))
async def revoke_my_api_key(call: Call, id: Id) -> Response:  # noqa: A002 - as it is called outside
    """Revoke one of one's API keys."""
    return await _revoke(call, id, call.user)


@routes.get("/api-keys", Rule(needs=Permission.READ_USERS, nobodys=True), answers=Page[ApiKeyView])
async def list_api_keys(
    call: Call, user: NameQuery = None, cursor: CursorQuery = None, limit: Limit = USUAL
) -> Response:
    """List the API keys of a user, or of all."""
    await call.reading("api_keys", user, *([user] if user else []))
    return await _page(call, user, cursor, limit)


@routes.delete(
    "/api-keys/{id:name}",
    Rule(needs=Permission.WRITE_USERS, nobodys=True, signed=True),
    problems=(Kind.NOT_FOUND,),
)
async def revoke_api_key(call: Call, id: Id) -> Response:  # noqa: A002 - as it is called outside
    """Revoke anybody's API key."""
    return await _revoke(call, id, None)


async def _page(call: Call, user: str | None, cursor: str | None, limit: int) -> Response:
    keys = (await call.ask(ListApiKeys(user))).keys
    what = f"api keys of {user} for {call.user}"
    part = page_of(keys, lambda each: (-each.made_at, each.id), call.port.cursors, what, cursor, limit)
    return call.answer(Page(tuple(map(_view, part.items)), part.next))


async def _revoke(call: Call, key: str, owner: str | None) -> Response:
    if not (await call.ask(EndCredential(f"key:{key}", call.user, owner))).found:
        raise not_found()
    return call.nothing()


def _view(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(
        key.id,
        key.user,
        key.label,
        tuple(sorted(key.scopes)),
        to_rfc3339(key.made_at),
        to_rfc3339(key.expires_at),
        to_rfc3339(key.used_at) if key.used_at else None,
        key.public_key,
    )
