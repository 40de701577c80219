"""A welcome: who may log in to a node that has just come up, and how."""

import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import structlog

from bus import AskError
from lts.domain.permissions import Role
from lts.domain.secret import Secret
from lts.domain.users import AddUser, ListUsers, UserChanged
from lts.main import System

RANDOM_BYTES = 18

log = structlog.get_logger("lts")


async def first_passwords(system: System, names: Iterable[str]) -> dict[str, str]:
    """Make a password for each of these who has none, and return those that were made: nobody keeps them."""
    made = {}
    known = {user.name for user in (await system.console.ask(ListUsers())).users if user.can_log_in}
    for name in dict.fromkeys(names):
        if name in known:
            continue
        password = _password_for(name)
        wanted = AddUser(name, Role.TRADER, "demo", Secret(password))
        if isinstance(await system.console.ask(wanted), UserChanged):
            made[name] = password
    return made


async def advise(system: System, state_dir: Path) -> None:
    """Say in the log how to make a user, where the API is served and nobody can log in to it."""
    if system.plan.api is None:
        return
    with suppress(AskError):
        users = (await system.console.ask(ListUsers())).users
        if not any(user.can_log_in for user in users):
            command = f"lts user add NAME --role admin --state-dir {state_dir}"
            log.warning("nobody can log in to the API yet", make_a_user_by=command)


def _password_for(name: str) -> str:
    """Return what is hard to guess, and does not happen to hold a name."""
    while name.lower() in (made := secrets.token_urlsafe(RANDOM_BYTES)).lower():
        continue
    return made
