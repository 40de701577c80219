"""Credentials as they are stored: logins, sessions, API keys and nonces, and the commands that keep them.

Only hashes of what is shown to others are among them; what has to be known again is sealed on disk.
"""

from collections.abc import Mapping

import msgspec

from bus.message import Event, Request
from lts.domain.permissions import Role
from lts.domain.secret import Secret
from lts.domain.users import ApiKey, Session

SPENT = "this nonce was taken before"
"""Why a nonce cannot be spent."""


class Login(msgspec.Struct, frozen=True):
    """How a user logs in, and how that went of late."""

    name: str
    role: Role
    active: bool
    created_at: int
    password: Secret = Secret()
    """The hash, in PHC form; empty where no password is set."""
    second_factor: Secret = Secret()
    """What codes are made of, in base32; empty where none are needed."""
    last_step: int = 0
    """The step of time of the last code that was taken (RFC 6238): none is taken twice."""
    failures: int = 0
    """Attempts in a row that failed."""
    failed_at: int = 0
    """UTC nanoseconds of system time of the last of them."""
    revision: int = 1
    """Grows with each change that somebody made; 0 for who was only named as an owner."""
    issuer: str = ""
    """The provider that knows this user; empty where none does."""
    subject: str = ""
    """By what it knows them, for good; at most one user by each."""


class StoredSession(msgspec.Struct, frozen=True):
    """A session, and the hash of the refresh token that goes on with it."""

    session: Session
    refresh: bytes
    """SHA-256, 32 bytes."""


class StoredApiKey(msgspec.Struct, frozen=True):
    """An API key, and the hash of its secret."""

    key: ApiKey
    secret: bytes
    """SHA-256, 32 bytes."""


class Nonce(msgspec.Struct, frozen=True):
    """A nonce that a signed request has spent."""

    key_id: str
    nonce: str
    expires_at: int
    """UTC nanoseconds of system time, from which on no request of its time is taken any more."""


class PutLogin(msgspec.Struct, frozen=True, tag=True):
    """Make a user known with a login, or give one who is known another."""

    login: Login


class PutSession(msgspec.Struct, frozen=True, tag=True):
    """Begin a session, or go on with it."""

    stored: StoredSession
    spent: bytes = b""
    """The hash of the refresh token that was taken for this one: never to be taken again."""


class DropSessions(msgspec.Struct, frozen=True, tag=True):
    """End sessions; one that is over already stays over."""

    ids: tuple[str, ...]


class PutApiKey(msgspec.Struct, frozen=True, tag=True):
    """Keep a new API key."""

    stored: StoredApiKey


class DropApiKeys(msgspec.Struct, frozen=True, tag=True):
    """Revoke API keys, with the nonces of their requests; one that is revoked already stays so."""

    ids: tuple[str, ...]


class MarkUse(msgspec.Struct, frozen=True, tag=True):
    """Keep when sessions and API keys were used last, by id; those that are over are left out."""

    sessions: Mapping[str, int] = {}
    keys: Mapping[str, int] = {}


class SpendNonce(msgspec.Struct, frozen=True, tag=True):
    """Spend a nonce, once; a second time the unit is not performed, and says `SPENT`."""

    nonce: Nonce


class DropNonces(msgspec.Struct, frozen=True, tag=True):
    """Forget the nonces that expired before an instant."""

    before: int


class NoteRefusals(msgspec.Struct, frozen=True, tag=True):
    """Tell the audit of credentials that were refused."""

    what: str
    """What was tried: `login`, `provider` (a login there), `refresh`, `key`, `signature`, or the `password`
    of who is in already."""
    count: int
    address: str
    """Where from."""
    user: str = ""
    """A user whom there is; never what a stranger has typed."""


class AccessRecalled(Event):
    """All that is stored of who may come in."""

    logins: tuple[Login, ...] = ()
    """Of every user, by name; who was only named as an owner has one without a password."""
    sessions: tuple[StoredSession, ...] = ()
    spent: Mapping[bytes, str] = {}
    """The sessions of refresh tokens that were taken, by their hashes."""
    keys: tuple[StoredApiKey, ...] = ()
    nonces: tuple[Nonce, ...] = ()


class RecallAccess(Request[AccessRecalled]):
    """Asks for all that is stored of who may come in."""
