"""The entrance: passwords, codes and refresh tokens in, sessions out."""

from msgspec.structs import replace

from lts.sdk import (
    ROLES,
    AccessRefused,
    Busy,
    Denial,
    Identity,
    LoggedIn,
    LogIn,
    Login,
    Permission,
    PutLogin,
    PutSession,
    RefreshLogin,
    Secret,
    Session,
    StoredSession,
)

from .lockouts import network_of
from .policy import LONGEST
from .store import Store
from .users import can_log_in

NO = AccessRefused(Denial.CREDENTIALS)
"""To whoever gives wrong, unknown or locked credentials: they are not told which."""
LATER = AccessRefused(Denial.UNAVAILABLE, 1.0)
LONGEST_AGENT = 200
LONGEST_ADDRESS = 64
_MINUTE = 60


class Entrance:
    """Begins sessions, and goes on with them.

    An attempt counts as failed before it is looked at, and is taken back if it did not fail: however many
    come at once, no more are looked at than the rule says. A user who is locked out is answered as slowly as
    any other, and sessions that they have go on.
    """

    def __init__(self, store: Store, token_minutes: int) -> None:
        self._store = store
        self._token_s = token_minutes * _MINUTE

    async def log_in(self, wanted: LogIn) -> LoggedIn | AccessRefused:
        """Begin a session with a password, and a code where one is needed."""
        store, network = self._store, network_of(wanted.address)
        login = store.users.find(wanted.user)
        whom = login.name if login else ""
        if wait_s := store.addresses.wait_s(network, store.now()):
            store.refusals.count("login", network, whom)
            return AccessRefused(Denial.TOO_MANY, wait_s)
        store.addresses.count(network, store.now())
        known = login if login is not None and can_log_in(login) and self._counted(login) else None
        answer = await self._looked_at(known, wanted)
        if answer is LATER:
            self._take_back(network, known)
        elif isinstance(answer, AccessRefused):
            store.refusals.count("login", network, whom)
            if answer.denial is Denial.CODE_NEEDED:
                self._take_back(network, known)
        else:
            store.addresses.uncount(network)
        return answer

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

    def _counted(self, login: Login) -> bool:
        """Count an attempt on a user, and return whether it is looked at: not if they are locked out."""
        now, rule = self._store.now(), self._store.rule
        if rule.wait_s(login.failures, login.failed_at, now):
            return False
        failures = rule.standing(login.failures, login.failed_at, now) + 1
        self._store.users.note_attempts(login.name, failures, now)
        return True

    def _take_back(self, network: str, login: Login | None) -> None:
        self._store.addresses.uncount(network)
        now = self._store.users.find(login.name) if login else None
        if now is not None:
            self._store.users.note_attempts(now.name, max(0, now.failures - 1), now.failed_at)

    async def _looked_at(self, login: Login | None, wanted: LogIn) -> LoggedIn | AccessRefused:
        """Look at the password first, always; None is nobody, or somebody who is not let in now."""
        password = wanted.password.value if len(wanted.password.value) <= LONGEST else ""
        security = self._store.security
        try:
            fits = await security.fits(login.password.value if login else "", password)
            outdated = fits and login is not None and security.outdated(login.password.value)
            renewed = await security.hashed(password) if outdated else ""
        except Busy:
            return LATER
        if login is None or not fits:
            return NO
        step = 0
        if login.second_factor:
            if not wanted.code:
                return AccessRefused(Denial.CODE_NEEDED)
            if not (step := self._taken(login, wanted.code)):
                return NO
        return await self._begin(login, wanted, step, renewed)

    def _taken(self, login: Login, code: Secret) -> int:
        """Take a code, and return its step; 0 if it is wrong, or was taken before."""
        step = self._store.security.step_of(login.second_factor.value, code.value)
        latest = self._store.users.find(login.name)
        if latest is None or step <= latest.last_step:
            return 0
        self._store.users.note_step(login.name, step)
        return step

    async def _begin(self, proved: Login, wanted: LogIn, step: int, renewed: str) -> LoggedIn | AccessRefused:
        """Begin a session for who has proved to be this user, if they still are."""
        store, token = self._store, self._store.security.new_secret()
        async with store.turn:
            login = store.users.find(proved.name)
            if login is None or not can_log_in(login) or login.password != proved.password:
                return NO
            now = store.now()
            refresh = store.security.digest(token)
            stored = StoredSession(_session(store.security.new_id(), wanted, now, store), refresh)
            surplus = tuple(store.sessions.surplus(login.name, now))
            fresh = replace(
                login,
                failures=0,
                failed_at=0,
                last_step=max(login.last_step, step),
                password=Secret(renewed) if renewed else login.password,
            )
            if await store.keep(login.name, PutLogin(fresh), PutSession(stored)):
                return LATER
            store.users.put(fresh)
            store.sessions.put(stored)
            await store.end("system", surplus)
        return self._logged_in(stored.session, token)

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


def _session(id_: str, wanted: LogIn, now: int, store: Store) -> Session:
    return Session(
        id_,
        wanted.user,
        now,
        now,
        now + store.sessions.lifetime.whole,
        _printable(wanted.address)[:LONGEST_ADDRESS],
        _printable(wanted.agent)[:LONGEST_AGENT],
    )


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)
