"""`lts user`: who may log in to a node, and as what."""

import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from rich.table import Table
from typer import Argument, Option, Typer, prompt

from bus import Request
from lts.cli.door import me, through_the_door
from lts.cli.failure import Failed
from lts.cli.node import ConfigFile, NodeDir, conduct, storage_at
from lts.cli.options import Json
from lts.cli.report import say
from lts.config.file import read_system
from lts.config.schema import AccessPlan, PluginsPlan
from lts.domain.permissions import Role
from lts.domain.secret import Secret
from lts.domain.users import AddUser, ChangeUser, ListUsers, SetPassword
from lts.live import asked_of_aaa
from lts.main import catalogue

app = Typer(add_completion=False, rich_markup_mode=None)

Name = Annotated[str, Argument(metavar="NAME", help="What the user is called.")]
Generate = Annotated[
    bool, Option("--generate", help="Make a password and show it, this once; else it is asked for, or read.")
]
_COMMANDS = {
    AddUser: "add-user",
    ChangeUser: "change-user",
    ListUsers: "list-users",
    SetPassword: "set-password",
}
_RANDOM_BYTES = 18


@app.callback()
def user() -> None:
    """See who may log in, and change that."""


@app.command()
def add(
    name: Name,
    *,
    role: Annotated[Role, Option("--role", help="What they are here for.")] = Role.TRADER,
    generate: Generate = False,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Make a user; the password is asked for, read from stdin, or made.

    A service has none: it comes in by API keys.
    """
    password = Secret() if role is Role.SERVICE else _password(generate=generate)
    answer = _asked(AddUser(name, role, me(), password), config, state_dir)
    _tell(answer, password if generate and password else Secret(), json=json)


@app.command(name="list")
def list_users(*, config: ConfigFile = None, state_dir: NodeDir = None, json: Json = False) -> None:
    """List the users of a node."""
    answer = _asked(ListUsers(), config, state_dir)
    say(answer, _table(answer["users"]), json=json)


@app.command()
def role(
    name: Name,
    new: Annotated[Role, Argument(metavar="ROLE", help="What they are here for from now on.")],
    *,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Give a user another role; their sessions and keys end."""
    _tell(_asked(ChangeUser(name, me(), role=new), config, state_dir), json=json)


@app.command()
def disable(name: Name, *, config: ConfigFile = None, state_dir: NodeDir = None, json: Json = False) -> None:
    """Take a user out of service; their sessions and keys end."""
    _tell(_asked(ChangeUser(name, me(), active=False), config, state_dir), json=json)


@app.command()
def enable(name: Name, *, config: ConfigFile = None, state_dir: NodeDir = None, json: Json = False) -> None:
    """Take a user back into service."""
    _tell(_asked(ChangeUser(name, me(), active=True), config, state_dir), json=json)


@app.command()
def password(
    name: Name,
    *,
    generate: Generate = False,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Give a user another password; their sessions end."""
    new = _password(generate=generate)
    answer = _asked(SetPassword(name, me(), new), config, state_dir)
    _tell(answer, new if generate else Secret(), json=json)


def _asked(request: Request[Any], config: Path | None, state_dir: Path | None) -> dict[str, Any]:
    """Return the answer of the node that runs, or of its plugin and its database where none does."""
    storage = storage_at(config, state_dir)
    told = {name: value for name, value in msgspec.to_builtins(request).items() if name != "who"}
    answer = through_the_door(storage.state_dir, _COMMANDS[type(request)], told)
    if answer is None:
        plan = read_system(config) if config else None
        known = catalogue((plan.plugins if plan else PluginsPlan()).directories)
        access = plan.access if plan else AccessPlan()
        answer = msgspec.to_builtins(conduct(asked_of_aaa(storage, known, access, request)))
    if "fault" in answer:
        raise Failed(f"nothing was changed: {answer['reason']}")
    found: dict[str, Any] = answer
    return found


def _password(*, generate: bool) -> Secret:
    """Return a password that stands in no history and no list of processes."""
    if generate:
        return Secret(secrets.token_urlsafe(_RANDOM_BYTES))
    if sys.stdin.isatty():
        return Secret(prompt("Password", hide_input=True, confirmation_prompt=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Failed("there is no password on stdin; write it there, or say --generate")
    return Secret(line)


def _tell(answer: dict[str, Any], made: Secret = Secret(), *, json: bool) -> None:
    table = _table([answer["user"]])
    if made:
        table.add_row("password", made.value)
        answer |= {"password": made.value}
    say(answer, table, json=json)


def _table(users: list[dict[str, Any]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for each in users:
        table.add_row(each["name"], each["role"], ", ".join(_remarks(each)))
    return table


def _remarks(told: dict[str, Any]) -> list[str]:
    """Return what is to be known of a user, in words."""
    remarks = [] if told["active"] else ["out of service"]
    if not told["can_log_in"]:
        remarks.append("API keys alone" if told["role"] == Role.SERVICE else "no password")
    return remarks + (["second factor"] if told["second_factor"] else [])
