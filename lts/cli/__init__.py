"""The command line: one file a command. This one holds no more than `lts --help` needs."""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

from typer import Exit, Option, Typer, echo
from typer.core import TyperGroup
from typer.main import get_command

from lts.cli.failure import Failed
from lts.refusal import Refused

COMMANDS = {
    "demo": "Watch two people trade a day of recorded prices.",
    "run": "Run the system that a file describes.",
    "backtest": "Trade the feeds of a file to their end, and sum up.",
    "replay": "Trade a recorded session again, and compare.",
    "halt": "Halt trading: cancel what is open, and let nothing pass.",
    "reset": "Let trade again what was halted, or was only reducing.",
    "approve": "Take what a venue has for true, where it differs.",
    "plugin": "See which plugins there are.",
    "check": "See whether a node is in order.",
    "db": "Look after the database of a node.",
    "keys": "Make new keys for a node, while it runs or not.",
    "user": "See who may log in, and change that.",
    "messages": "See what a node tells an MQTT broker, and under which topics.",
    "bench": "Measure this machine, ratios included.",
}
"""The first line of each command's own help."""


class Commands(TyperGroup):
    """Imports a command when it is the one that was asked for: help for all of them needs none."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is meant, with the arguments that are left for it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, get_command(import_module(f"lts.cli.{name}").app), rest


app = Typer(
    cls=Commands,
    name="lts",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="Exit code 0 is success, 1 a failure that is explained in one sentence, 2 wrong usage.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        echo(f"lts {version('lts')}")
        raise Exit


@app.callback()
def lts(
    _version: Annotated[
        bool, Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A live trading system: many users, many portfolios, one event bus."""


def _stand_in() -> None:
    """Stand where a command stands that has not been imported."""


for _name, _about in COMMANDS.items():
    app.command(_name, help=_about)(_stand_in)


def main() -> None:
    """Run the command that the arguments name."""
    try:
        app(prog_name="lts")
    except (Refused, Failed) as told:
        sys.exit(" ".join(str(told).split()))
    except OSError as error:
        sys.exit(f"the result cannot be written: {error.strerror}")
