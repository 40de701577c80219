"""`lts plugin`: what can be plugged in, and from where."""

from pathlib import Path
from typing import Annotated, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text
from typer import Option, Typer

from lts.admission.catalogue import Catalogue, Listing
from lts.admission.loader import examine
from lts.cli.options import Json
from lts.cli.report import say
from lts.config.file import read_system
from lts.main import catalogue
from lts.refusal import Refused

app = Typer(add_completion=False, rich_markup_mode=None)


@app.callback()
def plugin() -> None:
    """See which plugins there are."""


class Row(NamedTuple):
    """One plugin as it is listed."""

    kind: str
    name: str
    version: str | None
    source: str
    directory: str
    description: str | None
    problem: str | None
    """Why it cannot be used; None if nothing speaks against it."""


@app.command("list")
def list_plugins(
    *,
    json: Json = False,
    config: Annotated[
        Path | None,
        Option(metavar="FILE", help="Also list those in the directories that this system's file names."),
    ] = None,
) -> None:
    """List the plugins that a system's file can name.

    They are built in, installed, or in the directories that the file names. None of their code is run.
    """
    known = catalogue(read_system(config).plugins.directories if config else ())
    rows = [_row(listing, known) for listing in known.all()]
    say(
        {"plugins": [row._asdict() for row in rows], "unlisted": known.unlisted},
        Group(_table(rows), *(Text(problem, style="red") for problem in known.unlisted)),
        json=json,
    )


def _row(listing: Listing, known: Catalogue) -> Row:
    kind, name, directory, source = listing.kind, listing.name, str(listing.directory), listing.source
    try:
        manifest = examine(listing, known)
    except Refused as refused:
        return Row(kind, name, None, source, directory, None, str(refused))
    return Row(kind, name, manifest.version, source, directory, manifest.description, None)


def _table(rows: list[Row]) -> Table:
    table = Table(box=SIMPLE_HEAD, header_style="bold", show_edge=False)
    for column in ("kind", "name", "version", "from"):
        table.add_column(column, no_wrap=True)
    table.add_column("description", overflow="fold")
    for row in rows:
        what = Text(row.problem, style="red") if row.problem else Text(row.description or "")
        table.add_row(row.kind, row.name, row.version or "", row.source, what)
    return table
