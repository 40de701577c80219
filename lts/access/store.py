"""What is kept of who may come in, and who has to hear that it changed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bus import SECOND
from lts.access.keys import Keys
from lts.access.lockouts import Lockouts, Rule
from lts.access.nonces import Nonces
from lts.access.passes import Passes
from lts.access.refusals import Refusals
from lts.access.sessions import Lifetime, Sessions
from lts.access.users import Users
from lts.domain.access import AccessChanged
from lts.domain.credentials import (
    AccessRecalled,
    DropApiKeys,
    DropNonces,
    DropSessions,
    Login,
    MarkUse,
    PutLogin,
)
from lts.domain.permissions import Role
from lts.domain.units import Command
from lts.domain.users import Fault, NotDone

if TYPE_CHECKING:
    from lts.access.keeper import AccessKeeper

_HOUR = 3_600 * SECOND
_FORGIVING_S = 3_600.0
"""Seconds after which the failures of an address are forgotten: it may be somebody else's by then."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Sessions and keys that end, by id."""

    sessions: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    whole: bool = False
    """Whether it is all that a user has."""


NOTHING = Ending()


class Store:
    """All state of the plugin: what is in memory, and the way to the disk.

    What ends, ends in memory first and is told at once; what begins is on disk before it counts.
    """

    def __init__(self, aaa: "AccessKeeper[Any]", recalled: AccessRecalled) -> None:
        plan, security = aaa.access, aaa.security
        lifetime = Lifetime(round(plan.session_idle_h * _HOUR), round(plan.session_days * 24 * _HOUR))
        self._aaa = aaa
        self._second_factor = plan.second_factor
        self._doors = aaa.doors
        self.security = security
        self.users = Users(recalled.logins, aaa.doors)
        self.sessions = Sessions(lifetime, recalled.sessions, recalled.spent)
        self.keys = Keys(recalled.keys)
        self.nonces = Nonces(plan.signature_window_s, recalled.nonces)
        self.passes = Passes(security)
        self.refusals = Refusals()
        self.rule = Rule(plan.lock_after, plan.lock_first_s, plan.lock_longest_s)
        self.addresses = Lockouts(
            Rule(plan.lock_address_after, plan.lock_first_s, plan.lock_longest_s, _FORGIVING_S)
        )
        self.proofs = Lockouts(self.rule)
        """Attempts of users to prove themselves once more, by user: apart from those to log in, which
        anybody can make in their name."""
        self.turn = asyncio.Lock()
        """Held by whoever changes a user: one after the other."""
        self._noted = {each.name: (each.failures, each.failed_at) for each in recalled.logins}
        """The failures of which the disk knows, by user."""
        self._left: tuple[set[str], set[str]] = set(), set()
        """Sessions and keys that are over, and not on disk as such."""

    def now(self) -> int:
        """Return system time."""
        return self.security.now()

    async def keep(self, who: str, *commands: Command) -> NotDone | None:
        """Have something stored, all or nothing; return why it is not."""
        reason = await self._aaa.keep(who, *commands)
        return NotDone(Fault.UNAVAILABLE, reason) if reason else None

    async def change(
        self, who: str, login: Login, wished: Callable[[Login], Login], ending: Ending = NOTHING
    ) -> Login | NotDone:
        """Have a user changed with what ends by it, on disk and then here; for whoever holds the `turn`."""
        current = self.users.find(login.name) or login
        ends = DropSessions(ending.sessions), DropApiKeys(ending.keys)
        if refused := await self.keep(who, PutLogin(wished(current)), *ends):
            return refused
        # Attempts are counted at any time, and not lost.
        done = wished(self.users.find(login.name) or current)
        self.users.put(done)
        if ending.whole:
            self._aaa.publish(AccessChanged(login.name))
        self._forget(ending)
        return done

    def ending(self, user: str, but: str = "", *, keys: bool = False) -> Ending:
        """Return what ends when all sessions of a user do but one, and their keys if it says so."""
        now = self.now()
        sessions = tuple(each.id for each in self.sessions.of(user, now) if each.id != but)
        return Ending(sessions, tuple(each.id for each in self.keys.of(user, now)) if keys else (), not but)

    def needs_factor(self, login: Login) -> bool:
        """Return whether a user has to have a second factor; a provider of identities sees to its own."""
        if not self._doors.open_by_password(login):
            return False
        match self._second_factor:
            case "required":
                return True
            case "admins":
                return login.role is Role.ADMIN
            case _:
                return False

    def lacks_factor(self, login: Login) -> bool:
        """Return whether a user has yet to set up the second factor that is required of them."""
        return self.needs_factor(login) and not login.second_factor

    def looked_at_anew(self, user: str) -> Ending:
        """Return what ends when a user's second factor changes: where one is required, what others know."""
        login = self.users.find(user)
        return Ending(whole=login is not None and self.needs_factor(login))

    async def note_failure(self, name: str) -> None:
        """Have it stored how often a user's logins failed, unless it is."""
        async with self.turn:
            login = self.users.find(name)
            if login is None or not login.revision:
                return
            counted = login.failures, login.failed_at
            if self._noted.get(name) != counted and not await self.keep(self._aaa.name, PutLogin(login)):
                self._noted[name] = counted

    async def end(
        self, who: str, sessions: tuple[str, ...] = (), keys: tuple[str, ...] = ()
    ) -> NotDone | None:
        """End sessions and revoke keys: here at once, and then on disk; those who know them are told."""
        self._forget(Ending(sessions, keys))
        self._left[0].update(sessions)
        self._left[1].update(keys)
        return await self._drop(who, sessions, keys)

    async def tidy(self) -> None:
        """End what is over, try again what could not be stored, keep when credentials were used."""
        now, who = self.now(), self._aaa.name
        await self.end(who, tuple(self.sessions.over(now)), tuple(self.keys.over(now)))
        sessions, keys = map(tuple, self._left)
        await self._drop(who, sessions, keys)
        used = MarkUse(self.sessions.to_mark(), self.keys.to_mark())
        if used.sessions or used.keys:
            await self.keep(who, used)
        if self.nonces.forget(now):
            await self.keep(who, DropNonces(now))

    async def tell(self) -> None:
        """Tell the audit what was refused."""
        if (told := self.refusals.report()) and await self.keep(self._aaa.name, *told):
            self.refusals.take_back(told)

    def _forget(self, ending: Ending) -> None:
        """Know nothing any more of what ends, and tell those who do."""
        for session in filter(None, map(self.sessions.end, ending.sessions)):
            self._aaa.publish(AccessChanged(session.user, f"session:{session.id}"))
        for key in filter(None, map(self.keys.revoke, ending.keys)):
            self._aaa.publish(AccessChanged(key.user, f"key:{key.id}"))

    async def _drop(self, who: str, sessions: tuple[str, ...], keys: tuple[str, ...]) -> NotDone | None:
        if not sessions and not keys:
            return None
        refused = await self.keep(who, DropSessions(sessions), DropApiKeys(keys))
        if refused is None:
            self._left[0].difference_update(sessions)
            self._left[1].difference_update(keys)
        return refused
