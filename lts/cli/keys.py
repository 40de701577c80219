"""`lts keys`: what everything is sealed, authenticated and signed with."""

from typing import Annotated, Any

from rich.table import Table
from typer import Option, Typer

from lts.cli.door import through_the_door
from lts.cli.failure import Failed
from lts.cli.node import ConfigFile, NodeDir, conduct, storage_at
from lts.cli.options import Json
from lts.cli.report import say
from lts.live import rotated

app = Typer(add_completion=False, rich_markup_mode=None)


@app.callback()
def keys() -> None:
    """Make new keys for a node, while it runs or not."""


@app.command()
def rotate(
    *,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    node_key: Annotated[
        bool, Option("--node-key", help="Renew the node's own key as well, which wraps the others.")
    ] = False,
    json: Json = False,
) -> None:
    """Make new keys, and seal everything anew; a node that runs goes on meanwhile.

    Keys of before only open and verify from then on. The old node key stays in the key file, for the
    backups that were made under it: keep a copy of the new one somewhere else.
    """
    storage = storage_at(config, state_dir)
    answer = through_the_door(storage.state_dir, "rotate-keys", {"node_key": node_key})
    if answer is None:
        answer = conduct(rotated(storage, node_key=node_key))
    if "reason" in answer:
        raise Failed(str(answer["reason"]))
    say(answer, _table(answer), json=json)


def _table(answer: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("node key", answer["node_key"])
    for purpose, key in answer["keys"].items():
        table.add_row(f"{purpose} key", key)
    return table
