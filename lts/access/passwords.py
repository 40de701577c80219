"""The door for passwords: a password, and a code where one is needed."""

from msgspec.structs import replace

from lts.access.entrance import LATER, NO, Entrance
from lts.access.lockouts import network_of
from lts.access.policy import LONGEST
from lts.access.store import Store
from lts.domain.access import AccessRefused, Denial, LoggedIn, LogIn
from lts.domain.credentials import Login
from lts.domain.secret import Secret
from lts.security.busy import Busy


class PasswordDoor:
    """Looks at passwords and codes.

    An attempt on a user, too, counts as failed before it is looked at. A user who is locked out is answered
    as slowly as any other, and sessions that they have go on.
    """

    def __init__(self, store: Store, entrance: Entrance) -> None:
        self._store = store
        self._entrance = entrance

    async def log_in(self, wanted: LogIn) -> LoggedIn | AccessRefused:
        """Begin a session with a password, and a code where one is needed."""
        store, network = self._store, network_of(wanted.address)
        login = store.users.find(wanted.user)
        whom = login.name if login else ""
        if refused := self._entrance.held_off(network):
            store.refusals.count("login", network, whom)
            return refused
        opens = store.users.doors.open_by_password
        known = login if login is not None and opens(login) and self._counted(login) else None
        answer = await self._looked_at(known, wanted)
        if answer is LATER:
            self._take_back(network, known)
        elif isinstance(answer, AccessRefused):
            store.refusals.count("login", network, whom)
            if answer.denial is Denial.CODE_NEEDED:
                self._take_back(network, known)
        else:
            self._entrance.take_back(network)
        return answer

    def _counted(self, login: Login) -> bool:
        """Count an attempt on a user, and return whether it is looked at: not if they are locked out."""
        now, rule = self._store.now(), self._store.rule
        if rule.wait_s(login.failures, login.failed_at, now):
            return False
        failures = rule.standing(login.failures, login.failed_at, now) + 1
        self._store.users.note_attempts(login.name, failures, now)
        return True

    def _take_back(self, network: str, login: Login | None) -> None:
        self._entrance.take_back(network)
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
        return await self._welcome(login, wanted, step, renewed)

    def _taken(self, login: Login, code: Secret) -> int:
        """Take a code, and return its step; 0 if it is wrong, or was taken before."""
        step = self._store.security.step_of(login.second_factor.value, code.value)
        latest = self._store.users.find(login.name)
        if latest is None or step <= latest.last_step:
            return 0
        self._store.users.note_step(login.name, step)
        return step

    async def _welcome(
        self, proved: Login, wanted: LogIn, step: int, renewed: str
    ) -> LoggedIn | AccessRefused:
        """Let in who has proved to be this user, if they still are."""
        opens = self._store.users.doors.open_by_password

        def welcomed(login: Login) -> Login | None:
            if not opens(login) or login.password != proved.password:
                return None
            return replace(
                login,
                failures=0,
                failed_at=0,
                last_step=max(login.last_step, step),
                password=Secret(renewed) if renewed else login.password,
            )

        return await self._entrance.begin(proved.name, wanted, welcomed)
