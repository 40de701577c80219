"""`lts check`: a doctor for a node."""

from typing import Annotated

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text
from typer import Option, Typer

from actors.persistence.doctor import Check, examine
from lts.cli.failure import Failed
from lts.cli.node import ConfigFile, NodeDir, backups_of, conduct, storage_at
from lts.cli.options import Json
from lts.cli.report import say
from lts.config.schema import BackupPlan

app = Typer(add_completion=False, rich_markup_mode=None)

ROUNDS_MISSED = 2
"""Scheduled backups after which the latest one is old."""
COLOURS = {"ok": "green", "warning": "yellow", "failure": "red"}


@app.command()
def check(
    *,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    deep: Annotated[
        bool,
        Option(
            "--deep",
            help="Also verify all that is stored, and restore a backup of it into a scratch database.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """See whether a node is in order.

    That is its state directory, its key, the room on its disk, its backups, its database with the audit in
    it, and the clock. Nothing is altered, and the node may be running. Exit code 1 if anything fails.
    """
    backups = backups_of(config)
    checks = conduct(
        examine(
            storage_at(config, state_dir),
            deep=deep,
            shelf=backups.directory,
            oldest_backup_h=ROUNDS_MISSED * (backups.every_h or BackupPlan().every_h),
        )
    )
    failed = [each.name for each in checks if each.status == "failure"]
    say({"ok": not failed, "checks": checks}, _table(checks), json=json)
    if failed:
        raise Failed(f"not in order: {', '.join(failed)}")


def _table(checks: list[Check]) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", show_edge=False, show_header=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in checks:
        table.add_row(Text(each.status, style=COLOURS[each.status]), each.name, Text(each.sentence))
    return table
