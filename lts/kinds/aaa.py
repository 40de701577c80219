"""AAA: authentication, authorization, accounting. Who somebody is, what they may do, and what they did."""

from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from bus import AskError
from lts.config.schema import AccessPlan
from lts.domain.access import (
    AccessChanged,
    BeginProviderLogin,
    EndCredential,
    FinishProviderLogin,
    Identify,
    IdentifySigned,
    LogIn,
    RefreshLogin,
)
from lts.domain.credentials import AccessRecalled, RecallAccess
from lts.domain.units import Command, NotPerformed, Perform
from lts.domain.users import (
    AddUser,
    ChangeUser,
    ConfirmSecondFactor,
    DropSecondFactor,
    ListApiKeys,
    ListSessions,
    ListUsers,
    MakeApiKey,
    OfferSecondFactor,
    SetPassword,
)
from lts.kinds.plugin import EVERYONE, Params, Plugin
from lts.security.claims import Claims

P = TypeVar("P", bound=Params)

UNANSWERED = "it cannot be stored for the time being"
STORED_WITHIN = 10.0
"""Seconds in which something has to be on disk."""


class Security(Protocol):
    """Hashes, draws, signs and verifies: a plugin is handed this, and sees no key."""

    def now(self) -> int:
        """Return system time, in UTC nanoseconds."""

    async def hashed(self, password: str) -> str:
        """Return the hash of a password, another one each time; raises Busy when too many wait for one."""

    async def fits(self, known: str, password: str) -> bool:
        """Return whether a password is the one of a hash; an empty hash fits none, and takes as long.

        Raises:
            Busy: too many wait; nothing was looked at.
        """

    def outdated(self, known: str) -> bool:
        """Return whether a hash was made at other costs than hashes are made now."""

    def new_id(self) -> str:
        """Return a random id of 16 hexadecimal digits."""

    def new_secret(self) -> str:
        """Return 256 random bits as 43 letters, digits, hyphens and underscores."""

    def digest(self, secret: str) -> bytes:
        """Return what of such a secret may be stored: 32 bytes."""

    def new_code_secret(self) -> str:
        """Return a secret for codes by time (RFC 6238), in base32."""

    def code_uri(self, secret: str, user: str) -> str:
        """Return what an authenticator is set up with, `otpauth://totp/…`."""

    def step_of(self, secret: str, code: str) -> int:
        """Return the step of time that a code belongs to, 0 if it is wrong now; take none twice."""

    def issue(self, user: str, session: str, lifetime_s: int) -> tuple[str, int]:
        """Return an access token, and when it ends in UTC nanoseconds."""

    def read(self, token: str) -> Claims | None:
        """Return what an access token of ours says, while it holds; None for all else."""

    def is_public_key(self, text: str) -> bool:
        """Return whether this is a public key of Ed25519, in base64."""

    def is_signed(self, public_key: str, signature: bytes, base: bytes) -> bool:
        """Return whether the holder of the key behind `public_key` (base64) signed this."""


@dataclass(frozen=True, slots=True)
class AaaAssignment:
    """By which rules somebody may come in, and what it takes to look at credentials."""

    access: AccessPlan
    security: Security


class Aaa(Plugin[P], Generic[P]):
    """Owns users, sessions and API keys. Subclasses answer every request of the kind.

    Those of a login at a provider they answer only if there is one.

    What is asked takes no market time: plain handlers return `self.later(holds=False)`, and a task
    in the background answers, so that one login does not wait for another's.
    """

    kind: ClassVar[str] = "aaa"
    publishes = (AccessChanged,)
    hears = (
        *EVERYONE,
        LogIn,
        BeginProviderLogin,
        FinishProviderLogin,
        RefreshLogin,
        EndCredential,
        Identify,
        IdentifySigned,
        ListUsers,
        AddUser,
        ChangeUser,
        SetPassword,
        OfferSecondFactor,
        ConfirmSecondFactor,
        DropSecondFactor,
        ListSessions,
        ListApiKeys,
        MakeApiKey,
    )
    asks = (Perform, RecallAccess)

    @property
    def access(self) -> AccessPlan:
        """The rules, as the system file has them."""
        plan: AccessPlan = self.assignment.access
        return plan

    @property
    def security(self) -> Security:
        """Hashes, chance and signatures."""
        security: Security = self.assignment.security
        return security

    async def recalled(self) -> AccessRecalled:
        """Return all that is stored of who may come in; for use in `lifespan`."""
        return await self.ask(RecallAccess(), within=60.0)

    async def keep(self, who: str, *commands: Command) -> str:
        """Have something stored in somebody's name, all of it or nothing.

        Returns:
            Why it is not; empty when it is on disk.
        """
        try:
            answer = await self.ask(Perform(commands, who), within=STORED_WITHIN)
        except AskError:
            return UNANSWERED
        return answer.reason if isinstance(answer, NotPerformed) else ""
