"""The keeper of access: users, sessions and API keys in memory and in the node's database."""

from collections.abc import AsyncGenerator, Coroutine
from typing import Any, Generic, TypeVar

from bus import Later, Time, every, on
from lts.access.desk import Desk
from lts.access.doors import ALL_PASSWORDS, Doors
from lts.access.entrance import Entrance
from lts.access.gate import Gate
from lts.access.passwords import PasswordDoor
from lts.access.store import Store
from lts.access.users import shown
from lts.domain.access import (
    AccessRefused,
    CredentialEnded,
    EndCredential,
    Identify,
    IdentifySigned,
    Identity,
    LoggedIn,
    LogIn,
    RefreshLogin,
)
from lts.domain.users import (
    AddUser,
    ApiKeyMade,
    ApiKeysListed,
    ChangeUser,
    ConfirmSecondFactor,
    DropSecondFactor,
    ListApiKeys,
    ListSessions,
    ListUsers,
    MakeApiKey,
    NotDone,
    OfferSecondFactor,
    SecondFactorOffered,
    SessionsListed,
    SetPassword,
    UserChanged,
    UsersListed,
)
from lts.kinds.aaa import Aaa
from lts.kinds.plugin import Params

P = TypeVar("P", bound=Params)
R = TypeVar("R")

TIDY_S = 60
"""Seconds between two looks at what is over."""
TELL_S = 10
"""Seconds between two reports of refusals to the audit."""


class AccessKeeper(Aaa[P], Generic[P]):
    """Answers from memory what it can, and in a background task what takes a hash or the disk.

    A plugin that extends it says which `doors` there are, and opens those that are not for passwords.
    """

    @property
    def doors(self) -> Doors:
        """By what users may log in: by their passwords, all of them, unless a plugin says otherwise."""
        return ALL_PASSWORDS

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Take up what is stored."""
        self.store = Store(self, await self.recalled())
        self.entrance = Entrance(self.store, self.access.token_minutes)
        self.passwords = PasswordDoor(self.store, self.entrance)
        self.gate = Gate(self.store)
        self.desk = Desk(self.store, self.access.key_days)
        yield

    # Who is it?

    @on
    def log_in(self, wanted: LogIn) -> Later[LoggedIn | AccessRefused]:
        """Begin a session; a failure is stored after the answer, which tells by its time of no user."""
        return self.answered(self._log_in(wanted))

    @on
    def refresh(self, wanted: RefreshLogin) -> Later[LoggedIn | AccessRefused]:
        """Go on with a session."""
        return self.answered(self.entrance.refresh(wanted))

    @on
    def identify(self, wanted: Identify) -> Identity | AccessRefused:
        """Tell whose access token or API key this is."""
        return self.gate.identify(wanted)

    @on
    def identify_signed(self, wanted: IdentifySigned) -> Later[Identity | AccessRefused]:
        """Tell who signed a request."""
        return self.answered(self.gate.identify_signed(wanted))

    @on
    def end_credential(self, wanted: EndCredential) -> Later[CredentialEnded]:
        """End a session, or revoke a key."""
        return self.answered(self.desk.end_credential(wanted))

    # Users, and what is theirs

    @on
    def list_users(self, wanted: ListUsers) -> UsersListed:
        """Tell who is known."""
        logins = self.store.users.all()
        return UsersListed(tuple(shown(each) for each in logins if wanted.name in {None, each.name}))

    @on
    def add_user(self, wanted: AddUser) -> Later[UserChanged | NotDone]:
        """Make a user."""
        return self.answered(self.desk.add(wanted))

    @on
    def change_user(self, wanted: ChangeUser) -> Later[UserChanged | NotDone]:
        """Change a user's role, or whether they are in service."""
        return self.answered(self.desk.change(wanted))

    @on
    def set_password(self, wanted: SetPassword) -> Later[UserChanged | NotDone]:
        """Change a user's password."""
        return self.answered(self.desk.set_password(wanted))

    @on
    def offer_second_factor(self, wanted: OfferSecondFactor) -> Later[SecondFactorOffered | NotDone]:
        """Make a secret for codes."""
        return self.answered(self.desk.offer_second_factor(wanted))

    @on
    def confirm_second_factor(self, wanted: ConfirmSecondFactor) -> Later[UserChanged | NotDone]:
        """Take the offered secret into use."""
        return self.answered(self.desk.confirm_second_factor(wanted))

    @on
    def drop_second_factor(self, wanted: DropSecondFactor) -> Later[UserChanged | NotDone]:
        """Do without codes."""
        return self.answered(self.desk.drop_second_factor(wanted))

    @on
    def list_sessions(self, wanted: ListSessions) -> SessionsListed:
        """Tell which sessions live."""
        return SessionsListed(self.store.sessions.of(wanted.user, self.security.now()))

    @on
    def list_keys(self, wanted: ListApiKeys) -> ApiKeysListed:
        """Tell which API keys live."""
        return ApiKeysListed(self.store.keys.of(wanted.user, self.security.now()))

    @on
    def make_key(self, wanted: MakeApiKey) -> Later[ApiKeyMade | NotDone]:
        """Make an API key."""
        return self.answered(self.desk.make_key(wanted))

    # What goes on beside that

    @every(TIDY_S, time=Time.SYSTEM)
    def tidy(self) -> None:
        """End what is over."""
        self.background(self.store.tidy())

    @every(TELL_S, time=Time.SYSTEM)
    def tell(self) -> None:
        """Tell the audit of refusals."""
        self.background(self.store.tell())

    def debug_info(self) -> dict[str, Any]:
        """Say how much of everything there is."""
        store = self.store
        return super().debug_info() | {
            "users": len(store.users.all()),
            "sessions": len(store.sessions),
            "keys": len(store.keys),
            "nonces": len(store.nonces),
            "tokens": len(store.passes),
            "addresses that failed": len(store.addresses),
        }

    def answered(self, work: Coroutine[Any, Any, R]) -> Later[R]:
        """Answer when some work is done; neither market time nor anybody else waits for it."""
        later: Later[R] = self.later(holds=False)

        async def answer() -> None:
            later.answer(await work)

        self.background(answer())
        return later

    async def _log_in(self, wanted: LogIn) -> LoggedIn | AccessRefused:
        answer = await self.passwords.log_in(wanted)
        if isinstance(answer, AccessRefused):
            self.background(self.store.note_failure(wanted.user))
        return answer
