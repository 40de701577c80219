"""Users as they are now: what is stored of them, in memory."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from pydantic import TypeAdapter, ValidationError

from lts.access.doors import ALL_PASSWORDS, Doors
from lts.config.schema import Name
from lts.domain.credentials import Login
from lts.domain.permissions import ROLES, Permission, Role
from lts.domain.users import Fault, NotDone, User

_NAME: TypeAdapter[str] = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user is to become: a role, in service or not; None leaves it."""

    role: Role | None = None
    active: bool | None = None
    revision: int | None = None
    """What the wish is based on; None: whatever it is."""


class Users:
    """Everybody who is known, by name."""

    def __init__(self, logins: Iterable[Login], doors: Doors = ALL_PASSWORDS) -> None:
        self.doors = doors
        self._logins = {login.name: login for login in logins}
        self._by_identity = {
            (each.issuer, each.subject): each.name for each in self._logins.values() if each.subject
        }

    def find(self, name: str) -> Login | None:
        """Return a user; None if there is none of this name."""
        return self._logins.get(name)

    def known_as(self, issuer: str, subject: str) -> Login | None:
        """Return the user whom a provider knows by this subject; None if there is none."""
        name = self._by_identity.get((issuer, subject))
        return None if name is None else self._logins[name]

    def put(self, login: Login) -> None:
        """Take a user for what was stored."""
        before = self._logins.get(login.name)
        if before is not None and before.subject:
            self._by_identity.pop((before.issuer, before.subject), None)
        if login.subject:
            self._by_identity[login.issuer, login.subject] = login.name
        self._logins[login.name] = login

    def all(self) -> list[Login]:
        """Return everybody, by name."""
        return [self._logins[name] for name in sorted(self._logins)]

    def note_attempts(self, name: str, failures: int, failed_at: int) -> Login:
        """Note how many attempts in a row have failed, and when the last one did."""
        noted = msgspec.structs.replace(self._logins[name], failures=failures, failed_at=failed_at)
        self._logins[name] = noted
        return noted

    def note_step(self, name: str, step: int) -> None:
        """Note the step of a code: it, and those before it, are taken."""
        self._logins[name] = msgspec.structs.replace(self._logins[name], last_step=step)

    def permissions(self, name: str) -> frozenset[Permission]:
        """Return what a user may do: nothing if there is none, or they are out of service."""
        login = self._logins.get(name)
        return ROLES[login.role] if login is not None and login.active else frozenset()

    def objection_to_new(self, name: str) -> NotDone | None:
        """Return why there can be no new user of this name; None if there can."""
        try:
            _NAME.validate_python(name, strict=True)
        except ValidationError as error:
            return NotDone(Fault.INVALID, str(error.errors()[0]["msg"]).removeprefix("Value error, "))
        known = self._logins.get(name)
        if known is not None and known.revision:
            return NotDone(Fault.TAKEN, f"there is a user named {name} already")
        return None

    def changed(self, name: str, wish: Wish) -> Login | NotDone:
        """Return a user as somebody wishes them, or why they cannot become that."""
        login = self._logins.get(name)
        if login is None:
            return unknown(name)
        if wish.revision not in {None, login.revision}:
            return NotDone(Fault.CONFLICT, f"{name} was changed in between, to revision {login.revision}")
        wanted = msgspec.structs.replace(
            login,
            role=login.role if wish.role is None else wish.role,
            active=login.active if wish.active is None else wish.active,
        )
        if wanted == login:
            return login
        administers = self.doors.administers
        if administers(login) and not administers(wanted) and self._is_alone(name):
            return NotDone(Fault.LAST_ADMIN, f"{name} is the last who can administer the node")
        return revised(wanted)

    def _is_alone(self, name: str) -> bool:
        return not any(self.doors.administers(each) for each in self._logins.values() if each.name != name)


def unknown(name: str) -> NotDone:
    """Return the answer to whoever speaks of a user who is not there."""
    return NotDone(Fault.UNKNOWN, f"there is no user named {name!r}")


def revised(login: Login) -> Login:
    """Return a user after a change that somebody made."""
    return msgspec.structs.replace(login, revision=login.revision + 1)


def shown(login: Login) -> User:
    """Return a user as they may be shown."""
    return User(
        login.name,
        login.role,
        login.active,
        bool(login.password or login.subject),
        bool(login.second_factor),
        login.created_at,
        login.revision,
    )
