"""Access: who somebody is, as the AAA plugin has found, and what they may do."""

from enum import StrEnum

import msgspec

from bus.message import Delivery, Event, Request
from lts.domain.permissions import Permission, Role
from lts.domain.secret import Secret


class Identity(msgspec.Struct, frozen=True):
    """Somebody whom the AAA plugin knows, by one of their credentials."""

    user: str
    role: Role
    permissions: frozenset[Permission]
    """What the role may do, as far as the credential's scopes let it."""
    credential: str
    """`session:` or `key:` with its id."""
    expires_at: int
    """UTC nanoseconds of system time, from which on the credential is to be shown anew."""
    signs: bool = False
    """Whether it has to sign what changes orders or is for administrators: an API key does."""
    enrols: bool = False
    """Whether it may do nothing but set up the second factor that is required of its user."""

    def may(self, permission: Permission, owner: str | None) -> bool:
        """Whether they may do something to what is an owner's; None: to what is nobody's in particular."""
        return permission in self.permissions and (
            owner == self.user or Permission.OTHERS in self.permissions
        )


class Denial(StrEnum):
    """Why somebody was not let in, as far as they are told."""

    CREDENTIALS = "credentials"
    """Wrong, unknown, expired, revoked or locked: whoever asks is not told which."""
    CODE_NEEDED = "code_needed"
    """The password is right, and a code of the second factor is needed."""
    TOO_MANY = "too_many"
    """Too many attempts; `retry_after_s` says when the next one is looked at."""
    REPLAYED = "replayed"
    """The signed request was seen before, or is too old."""
    SIGNATURE = "signature"
    """The signature does not fit what was sent."""
    UNAVAILABLE = "unavailable"
    """What it takes cannot be stored, or too many passwords are being looked at; later it can."""


class AccessRefused(Event):
    """Nobody was let in."""

    denial: Denial
    retry_after_s: float = 0.0


class LoggedIn(Event):
    """A session has begun, or goes on."""

    identity: Identity
    access_token: Secret
    refresh_token: Secret
    refresh_expires_at: int
    """UTC nanoseconds of system time."""


class LogIn(Request[LoggedIn | AccessRefused]):
    """Begins a session with a password, and a code where a second factor is set up."""

    user: str
    password: Secret
    code: Secret = Secret()
    address: str = ""
    """Where from, for lock-outs and the audit."""
    agent: str = ""
    """With what, as it says of itself."""


class ProviderLoginBegun(Event):
    """Where to go on with a login at a provider of identities."""

    url: str
    """Of the provider; it leads back with a code."""
    ticket: Secret
    """Kept by the browser, and shown when it is back: nobody else's code is taken from it."""


class BeginProviderLogin(Request[ProviderLoginBegun | AccessRefused]):
    """Begins a login at the provider of identities; nobody answers where there is none."""

    address: str = ""


class FinishProviderLogin(Request[LoggedIn | AccessRefused]):
    """Begins a session with what a browser brings back from the provider, once."""

    state: str
    """Which login it belongs to."""
    code: Secret
    """For which the provider says who it is; empty where it has let nobody in."""
    ticket: Secret = Secret()
    issuer: str = ""
    """Who says so, where it is told (RFC 9207)."""
    address: str = ""
    agent: str = ""


class RefreshLogin(Request[LoggedIn | AccessRefused]):
    """Goes on with a session: takes a refresh token, once, for new ones; taken twice, the session ends."""

    refresh_token: Secret
    address: str = ""


class CredentialEnded(Event):
    """A session is over, or a key is revoked; it was none that lived if `found` is False."""

    found: bool


class EndCredential(Request[CredentialEnded]):
    """Ends a session or revokes a key, in somebody's name."""

    credential: str
    """As `Identity.credential`."""
    who: str
    owner: str | None = None
    """Whose it has to be; None: anybody's."""


class Identify(Request[Identity | AccessRefused]):
    """Asks whose access token or API key this is."""

    token: Secret
    address: str = ""


class SignedRequest(msgspec.Struct, frozen=True):
    """What of an HTTP request is signed by RFC 9421, and how."""

    key_id: str
    """The id of the API key."""
    base: bytes
    """The signature base, as the receiver made it of what arrived."""
    signature: bytes
    nonce: str
    created: int
    """Seconds since 1970."""


class IdentifySigned(Request[Identity | AccessRefused]):
    """Asks who signed a request; a nonce is taken once, also across restarts."""

    request: SignedRequest
    address: str = ""


class AccessChanged(Event, delivery=Delivery.URGENT):
    """What was known of a user's credentials, or of one of them, holds no more: it is to be asked anew."""

    user: str
    credential: str = ""
    """Empty: all that the user has."""
