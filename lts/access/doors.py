"""The doors of a node: by what its users may log in."""

from dataclasses import dataclass

from lts.domain.credentials import Login
from lts.domain.permissions import Role


@dataclass(frozen=True, slots=True)
class Doors:
    """By passwords, by the word of a provider of identities, or by both."""

    passwords: frozenset[str] | None = None
    """Whose passwords count; None: everybody's."""
    issuer: str = ""
    """Whose word counts; empty: nobody's."""

    def take_password(self, name: str) -> bool:
        """Return whether the password of a user counts."""
        return self.passwords is None or name in self.passwords

    def open_by_password(self, login: Login) -> bool:
        """Return whether a password lets this user in."""
        return bool(login.password) and self.take_password(login.name) and _may_log_in(login)

    def open_by_provider(self, login: Login) -> bool:
        """Return whether the provider's word lets this user in."""
        return bool(self.issuer) and login.issuer == self.issuer and _may_log_in(login)

    def open_to(self, login: Login) -> bool:
        """Return whether this user can log in at all."""
        return self.open_by_password(login) or self.open_by_provider(login)

    def administers(self, login: Login) -> bool:
        """Return whether this user can log in as an administrator."""
        return login.role is Role.ADMIN and self.open_to(login)


ALL_PASSWORDS = Doors()
"""Everybody's password, and nobody's word."""


def _may_log_in(login: Login) -> bool:
    return login.active and login.role is not Role.SERVICE
