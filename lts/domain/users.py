"""Users: who may log in, in what role, and what they hold: sessions and API keys."""

from enum import StrEnum

import msgspec

from bus.message import Event, Request
from lts.domain.permissions import Permission, Role
from lts.domain.secret import Secret


class User(msgspec.Struct, frozen=True):
    """Somebody as the AAA plugin knows them."""

    name: str
    role: Role
    active: bool
    can_log_in: bool
    """Whether a password is set, or a provider knows them; who was only named as an owner has neither."""
    second_factor: bool
    created_at: int
    revision: int = 1
    """Grows with each change."""


class Session(msgspec.Struct, frozen=True):
    """A login that goes on."""

    id: str
    user: str
    begun_at: int
    used_at: int
    expires_at: int
    address: str
    agent: str


class ApiKey(msgspec.Struct, frozen=True):
    """A machine's credential, as it may be shown."""

    id: str
    user: str
    label: str
    scopes: frozenset[Permission]
    made_at: int
    expires_at: int
    used_at: int = 0
    public_key: str = ""
    """Of Ed25519, base64: what its signed requests are verified with; empty where it signs none."""


class Fault(StrEnum):
    """Why something about a user could not be done."""

    UNKNOWN = "unknown"
    TAKEN = "taken"
    """There is a user of this name."""
    TOO_WEAK = "too_weak"
    NOT_PROVED = "not_proved"
    """The password is not the one that it takes."""
    WRONG_CODE = "wrong_code"
    CONFLICT = "conflict"
    """It was changed by somebody else in between."""
    LAST_ADMIN = "last_admin"
    """Nobody could administer the node any more."""
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"
    """It cannot be stored for the time being."""


class NotDone(Event):
    """Nothing was changed, for this reason."""

    fault: Fault
    reason: str


class UsersListed(Event):
    """Users by name."""

    users: tuple[User, ...]


class ListUsers(Request[UsersListed]):
    """Asks for the users, or for one of them."""

    name: str | None = None


class UserChanged(Event):
    """A user as they are now."""

    user: User


class AddUser(Request[UserChanged | NotDone]):
    """Makes a user who can log in; one without a password cannot until it is set."""

    name: str
    role: Role
    who: str
    password: Secret = Secret()


class ChangeUser(Request[UserChanged | NotDone]):
    """Gives a user another role, or takes them out of service and back: their credentials end with it."""

    name: str
    who: str
    role: Role | None = None
    active: bool | None = None
    revision: int | None = None
    """Which the change is based on; None: whatever it is."""


class SetPassword(Request[UserChanged | NotDone]):
    """Gives a user another password, which ends all sessions but the one it is asked in.

    One that somebody else sets ends the user's API keys as well.
    """

    name: str
    who: str
    new: Secret
    old: Secret | None = None
    """Needed of users for themselves; None: an administrator sets it."""
    session: str = ""
    keys: bool = False
    """Whether the user's API keys are to end as well, where they set it themselves."""


class SecondFactorOffered(Event):
    """The secret to set up an authenticator with; it counts once a code has confirmed it."""

    uri: Secret
    """`otpauth://…`."""


class OfferSecondFactor(Request[SecondFactorOffered | NotDone]):
    """Makes a secret for codes by time (RFC 6238)."""

    name: str
    password: Secret


class ConfirmSecondFactor(Request[UserChanged | NotDone]):
    """Takes the offered secret into use."""

    name: str
    code: Secret


class DropSecondFactor(Request[UserChanged | NotDone]):
    """Lets a user log in without codes again."""

    name: str
    who: str
    password: Secret | None = None
    """Needed of users for themselves; None: an administrator does it."""


class SessionsListed(Event):
    """Sessions that live, the latest first."""

    sessions: tuple[Session, ...]


class ListSessions(Request[SessionsListed]):
    """Asks for the sessions of a user, or of all."""

    user: str | None = None


class ApiKeysListed(Event):
    """API keys that live, the latest first."""

    keys: tuple[ApiKey, ...]


class ListApiKeys(Request[ApiKeysListed]):
    """Asks for the API keys of a user, or of all."""

    user: str | None = None


class ApiKeyMade(Event):
    """A key, with the secret that is shown this once."""

    made: ApiKey
    secret: Secret
    """What is sent as a bearer token."""


class MakeApiKey(Request[ApiKeyMade | NotDone]):
    """Makes an API key for a user; its scopes are at most what their role may do."""

    user: str
    who: str
    label: str
    scopes: frozenset[Permission]
    expires_at: int
    public_key: str = ""
