"""`lts halt`: the kill switch."""

from typing import Annotated

from typer import Option, Typer

from lts.cli.node import ConfigFile, NodeDir
from lts.cli.options import Json, read_seconds
from lts.cli.scope import Scope, set_state
from lts.domain.risk import TradingState

app = Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def halt(
    scope: Scope,
    *,
    reason: Annotated[
        str, Option("--reason", metavar="TEXT", help="Why; it is kept in the audit.")
    ] = "halted by hand",
    flatten: Annotated[
        bool, Option("--flatten", help="Then close what is held, by market orders that only reduce.")
    ] = False,
    within: Annotated[
        float,
        Option(
            "--within", metavar="SECONDS", parser=read_seconds, help="How long to wait until all is at rest."
        ),
    ] = 10.0,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Halt trading: cancel what is open, and let nothing pass.

    It holds at once, is on disk before this command ends, and outlives the node. Exit code 1 means that
    something is still open, held or in doubt; the node goes on to cancel and close it. Where no node runs,
    the next one starts halted.
    """
    more = {"flatten": flatten, "within_s": within}
    set_state(scope, TradingState.HALTED, reason, config, state_dir, json=json, **more)
