"""The entrance: where sessions begin and go on, by whatever door somebody came."""

from collections.abc import Callable

from lts.access.lockouts import network_of
from lts.access.store import Store
from lts.domain.access import (
    AccessRefused,
    Denial,
    FinishProviderLogin,
    Identity,
    LoggedIn,
    LogIn,
    RefreshLogin,
)
from lts.domain.credentials import Login, PutLogin, PutSession, StoredSession
from lts.domain.permissions import ROLES, Permission
from lts.domain.secret import Secret
from lts.domain.users import Session

NO = AccessRefused(Denial.CREDENTIALS)
"""To whoever gives wrong, unknown or locked credentials: they are not told which."""
LATER = AccessRefused(Denial.UNAVAILABLE, 1.0)
LONGEST_AGENT = 200
LONGEST_ADDRESS = 64
_MINUTE = 60


class Entrance:
    """Begins sessions, and goes on with them.

    An attempt of an address counts as failed before it is looked at, and is taken back if it did not fail:
    however many come at once, no more are looked at than the rule says.
    """

    def __init__(self, store: Store, token_minutes: int) -> None:
        self._store = store
        self._token_s = token_minutes * _MINUTE

    def held_off(self, network: str) -> AccessRefused | None:
        """Count an attempt from a network, and return why it is not looked at; None if it is."""
        store = self._store
        if wait_s := store.addresses.wait_s(network, store.now()):
            return AccessRefused(Denial.TOO_MANY, wait_s)
        store.addresses.count(network, store.now())
        return None

    def take_back(self, network: str) -> None:
        """Take back what was counted of an attempt from a network: it has not failed."""
        self._store.addresses.uncount(network)

    async def begin(
        self, name: str, visit: LogIn | FinishProviderLogin, welcomed: Callable[[Login], Login | None]
    ) -> LoggedIn | AccessRefused:
        """Begin a session for who has proved to be this user.

        Args:
            name: of the user.
            visit: where from, and with what.
            welcomed: what becomes of the user by it; None if they are let in no more.
        """
        store, token = self._store, self._store.security.new_secret()
        async with store.turn:
            login = store.users.find(name)
            fresh = None if login is None else welcomed(login)
            if fresh is None:
                return NO
            now = store.now()
            stored = StoredSession(
                _session(store.security.new_id(), name, visit, now, store), store.security.digest(token)
            )
            surplus = tuple(store.sessions.surplus(name, now))
            if await store.keep(name, PutLogin(fresh), PutSession(stored)):
                return LATER
            store.users.put(fresh)
            store.sessions.put(stored)
            await store.end("system", surplus)
        return self._logged_in(stored.session, token)

    async def refresh(self, wanted: RefreshLogin) -> LoggedIn | AccessRefused:
        """Go on with a session; a token that was taken before ends it."""
        store, now = self._store, self._store.now()
        shown = store.security.digest(wanted.refresh_token.value)
        if stolen := store.sessions.family(shown):
            living = store.sessions.find(stolen, now)
            store.refusals.count("refresh", network_of(wanted.address), living.user if living else "")
            await store.end("system", (stolen,))
            return NO
        session = store.sessions.holder(shown, now)
        if session is None or not store.users.permissions(session.user):
            return NO
        token = store.security.new_secret()
        after = store.sessions.turn(session.id, store.security.digest(token), now)
        if await store.keep(session.user, PutSession(after, shown)):
            store.sessions.turn_back(session.id, shown)
            return LATER
        return self._logged_in(session, token) if store.sessions.find(session.id, now) else NO

    def _logged_in(self, session: Session, refresh_token: str) -> LoggedIn:
        store = self._store
        access_token, ends_at = store.security.issue(session.user, session.id, self._token_s)
        return LoggedIn(
            identity_of(session, store, ends_at),
            Secret(access_token),
            Secret(refresh_token),
            store.sessions.ends_at(session.id),
        )


def identity_of(session: Session, store: Store, until: int) -> Identity:
    """Return who somebody with a session is, until they have to show another token."""
    login = store.users.find(session.user)
    assert login is not None  # noqa: S101 - a session is a user's, and users stay
    enrols = store.lacks_factor(login)
    may = frozenset[Permission]() if enrols else ROLES[login.role]
    return Identity(session.user, login.role, may, f"session:{session.id}", until, enrols=enrols)


def _session(id_: str, user: str, visit: LogIn | FinishProviderLogin, now: int, store: Store) -> Session:
    return Session(
        id_,
        user,
        now,
        now,
        now + store.sessions.lifetime.whole,
        _printable(visit.address)[:LONGEST_ADDRESS],
        _printable(visit.agent)[:LONGEST_AGENT],
    )


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)
