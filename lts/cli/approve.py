"""`lts approve`: an operator's word that what a venue has is right."""

from typing import Any

from rich.table import Table
from typer import Typer

from lts.cli.door import through_the_door
from lts.cli.failure import Failed
from lts.cli.node import ConfigFile, NodeDir, storage_at
from lts.cli.options import Json
from lts.cli.report import say
from lts.cli.scope import Scope

app = Typer(add_completion=False, rich_markup_mode=None)
_ACCOUNT = "account:"


@app.command()
def approve(
    scope: Scope,
    *,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Take what a venue has for true, where it differs.

    Positions are adjusted, which is no trade, and orders that nobody here has sent are let stand.
    """
    if not scope.startswith(_ACCOUNT):
        raise Failed(f"{scope} is no account, such as account:BROKER, and nothing else can be approved")
    storage = storage_at(config, state_dir)
    broker = scope.removeprefix(_ACCOUNT)
    answer = through_the_door(storage.state_dir, "approve-account", {"broker": broker})
    if answer is None:
        raise Failed(f"no node runs on {storage.state_dir}, so that nothing waits for an approval")
    if "reason" in answer:
        raise Failed(f"nothing was approved: {answer['reason']}")
    say(answer, _shown(answer), json=json)


def _shown(answer: dict[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for each in answer["adjustments"]:
        grid.add_row(" adjusted", each["portfolio"], each["instrument"], f"by {each['quantity']}")
    for order in answer["foreign_orders"]:
        grid.add_row(" let stand", f"order {order}")
    if not (answer["adjustments"] or answer["foreign_orders"]):
        grid.add_row(" nothing had to be changed")
    return grid
