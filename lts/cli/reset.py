"""`lts reset`: the way back from a halt."""

from typing import Annotated

from typer import Option, Typer

from lts.cli.node import ConfigFile, NodeDir
from lts.cli.options import Json
from lts.cli.scope import Scope, set_state
from lts.domain.risk import TradingState

app = Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def reset(
    scope: Scope,
    *,
    reason: Annotated[
        str, Option("--reason", metavar="TEXT", help="Why; it is kept in the audit.")
    ] = "reset by hand",
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Let trade again what was halted, or was only reducing.

    Nothing else is lifted: a portfolio stays halted for as long as its user or the system is, and an account
    that differs, or a disk that is full, still bars. Exit code 1 means that something does. Limits on losses
    are measured anew from here.
    """
    set_state(scope, TradingState.ACTIVE, reason, config, state_dir, json=json)
