"""`lts db`: the database of a node, in the hands of whoever looks after it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from typer import Argument, BadParameter, Option, Typer, echo

from actors.persistence import inspection, upkeep
from actors.persistence import restore as restoring
from actors.persistence.backup import back_up
from actors.persistence.manifest import Manifest
from actors.persistence.shelf import prune
from actors.persistence.storage import Storage
from bus import SECOND
from lts.cli.door import me, recorder
from lts.cli.failure import Failed
from lts.cli.node import ConfigFile, NodeDir, backups_of, conduct, storage_at
from lts.cli.options import Json
from lts.cli.report import as_json, say
from lts.refusal import Refused
from lts.security.key_sources import FILE_NAME


def read_time(text: str) -> int:
    """Return a date, with or without a time of the day, as UTC nanoseconds."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadParameter(f"{text!r} is no date, such as 2025-12-31 or 2025-12-31T18:00") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * SECOND


app = Typer(add_completion=False, rich_markup_mode=None)


@app.callback()
def db() -> None:
    """Look after the database of a node."""


@app.command()
def upgrade(
    *,
    to: Annotated[
        str | None, Option("--to", metavar="REVISION", help="The revision to stop at; else the latest.")
    ] = None,
    yes: Annotated[
        bool, Option("--yes", help="Go back to an older revision, and lose what came with the later ones.")
    ] = False,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Bring the tables of a database up to date, or make them.

    A database that holds anything is backed up first. The node must not be running.
    """
    done = conduct(upkeep.migrate(storage_at(config, state_dir), me(), to, back=yes))
    was = done.before or "nothing"
    moved = f"from {was} to {done.after}" if was != done.after else f"{done.after}, as it was"
    figures = {"database": done.place, "revision": moved, "backup": done.backup}
    result = {
        "database": done.place,
        "before": done.before,
        "after": done.after,
        "backup": done.backup and str(done.backup),
    }
    say(result, _shown(figures), json=json)


@app.command()
def check(*, config: ConfigFile = None, state_dir: NodeDir = None, json: Json = False) -> None:
    """See whether the tables are those of this version."""
    storage = storage_at(config, state_dir)
    revision = conduct(inspection.check_schema(storage))
    figures = {"database": storage.place, "revision": revision}
    say(figures, _shown(figures), json=json)


@app.command()
def backup(
    *,
    to: Annotated[
        Path | None,
        Option(
            "--to",
            metavar="DIR_OR_FILE",
            help="A directory, or a new FILE.backup; else `backups` in the state.",
        ),
    ] = None,
    keep: Annotated[
        int | None, Option("--keep", min=1, metavar="N", help="Drop all but the last N backups there.")
    ] = None,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Write all that is stored into one encrypted file.

    The node may be running. The file can be restored on either engine, by whoever has the node key: keep a
    copy of that elsewhere.
    """
    storage = storage_at(config, state_dir)
    directory = backups_of(config).directory
    made = conduct(back_up(storage, to or directory, record=recorder(storage)))
    dropped = prune(made.path.parent, keep) if keep else ()
    manifest = made.manifest
    result = {
        "file": str(made.path),
        "dropped": [str(path) for path in dropped],
        "bytes": made.size,
        "rows": manifest.rows,
        "tables": {name: table.rows for name, table in manifest.tables.items()},
        "revision": manifest.revision,
        "created_at": _time(manifest.created_at),
        "audited": manifest.last_seq,
        "node_key": manifest.node_key,
        "trouble": manifest.trouble,
    }
    figures = {
        "backup": made.path,
        "holds": f"{manifest.rows:,} rows of {len(manifest.tables)} tables, in {made.size:,} bytes",
        "opens with": f"the node key {manifest.node_key}",
    }
    say(result, _shown(figures), json=json)
    _warn(manifest)


@app.command()
def restore(
    file: Annotated[
        Path, Argument(metavar="FILE", readable=False, help="A file that `lts db backup` wrote.")
    ],
    *,
    to: Annotated[
        str | None,
        Option("--to", metavar="URL_OR_STATE_DIR", help="A PostgreSQL database, or another state directory."),
    ] = None,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Make the database from a backup.

    The backup is proved to its last byte first. It takes the place of the database that is there, whose
    files are kept under other names; a PostgreSQL database has to be empty. The node must not be running.
    """
    target, holder = _target(to, config, state_dir)
    node_keys = holder.node_keys(create=False).keys
    done = conduct(restoring.restore_for(me(), file, target, node_keys))
    manifest = done.manifest
    result = {
        "database": done.place,
        "file": str(file),
        "rows": manifest.rows,
        "revision": manifest.revision,
        "created_at": _time(manifest.created_at),
        "aside": [str(path) for path in done.aside],
        "trouble": manifest.trouble,
        "unrecorded": done.unrecorded,
    }
    figures = {
        "database": done.place,
        "holds": f"{manifest.rows:,} rows, as of {_time(manifest.created_at)}",
        "was before": "\n".join(map(str, done.aside)),
        "node key": "" if target is holder else f"copy {FILE_NAME} to {target.state_dir}",
        "next": "" if manifest.revision == inspection.latest_revision() else "lts db upgrade",
    }
    say(result, _shown(figures), json=json)
    _warn(manifest)
    if done.unrecorded and not manifest.trouble:
        echo(f"it is restored, but its audit does not tell of that: {done.unrecorded}", err=True)


@app.command()
def verify(*, config: ConfigFile = None, state_dir: NodeDir = None, json: Json = False) -> None:
    """Prove that everything is as LTS wrote it.

    Nothing was changed, taken away or slipped in, and the books agree. The node may be running. Exit code 1
    with all findings if there are any.
    """
    storage = storage_at(config, state_dir)
    report = conduct(inspection.prove(storage))
    figures = {
        "database": storage.place,
        "audit": f"{report.rows:,} rows, {report.seals:,} seals up to row {report.sealed_through:,}",
        "not sealed": f"{report.unsealed:,} rows",
        "dropped": f"up to row {report.dropped_through:,}" if report.dropped_through else "",
        "tables": ", ".join(report.tables),
    }
    findings = [Text(f" {finding}", style="red") for finding in report.findings]
    say(report, Group(_shown(figures), *findings), json=json)
    if not report.ok:
        raise Failed(f"{storage.place}: {report.found} findings: it is not as LTS wrote it")


@app.command()
def retain(
    *,
    before: Annotated[
        int,
        Option("--before", parser=read_time, metavar="DATE", help="In UTC, such as 2025-12-31."),
    ],
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Drop the part of the audit that was sealed before a date.

    Its seals stay, and what still counts is audited anew. The node must not be running.
    """
    done = conduct(upkeep.retain(storage_at(config, state_dir), before, me()))
    figures = {
        "database": done.place,
        "dropped": f"{done.dropped:,} audit rows",
        "begins behind": f"row {done.dropped_through:,}",
    }
    say(done, _shown(figures), json=json)


@app.command()
def archive(
    *,
    before: Annotated[
        int,
        Option("--before", parser=read_time, metavar="DATE", help="In UTC and market time: 2025-12-31."),
    ],
    to: Annotated[
        Path | None,
        Option(
            "--to",
            metavar="DIR_OR_FILE",
            help="A directory, or a new FILE.archive; else `archives` in the state.",
        ),
    ] = None,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Move orders that ended before a date, with their fills and bookings, into an encrypted file.

    A balance snapshot stands for them: cash, positions and profits stay as they are. The node must not be
    running. Broken off, it can be done again.
    """
    done = conduct(upkeep.archive(storage_at(config, state_dir), before, me(), to))
    figures = {
        "database": done.place,
        "archived": f"{done.orders:,} orders, {sum(done.rows.values()):,} rows in all",
        "archive": done.file,
    }
    result = {"database": done.place, "file": done.file and str(done.file)}
    say(result | {"orders": done.orders, "rows": done.rows}, _shown(figures), json=json)


@app.command()
def show(
    file: Annotated[
        Path, Argument(metavar="FILE", readable=False, help="A file that `lts db archive` wrote.")
    ],
    *,
    config: ConfigFile = None,
    state_dir: NodeDir = None,
    json: Json = False,
) -> None:
    """Print what is in an archive: a line of JSON for each row, or all in one object.

    It is proved to its last byte first. The node may be running; its audit tells of the reading.
    """
    storage = storage_at(config, state_dir)
    rows = conduct(inspection.read_archive(storage, file, recorder(storage)))
    if json:
        tables: dict[str, list[Any]] = {}
        for table, row in rows:
            tables.setdefault(table, []).append(row)
        echo(as_json({"file": str(file), "tables": tables}))
        return
    for table, row in rows:
        echo(as_json({"table": table} | row))


def _target(to: str | None, config: Path | None, state_dir: Path | None) -> tuple[Storage, Storage]:
    """Return where to restore, and who holds the node key."""
    if to is None:
        target = storage_at(config, state_dir)
        return target, target
    if "://" in to:
        if to.startswith("sqlite"):
            raise Refused("for a SQLite database, name the state directory that it is to be in")
        target = replace(storage_at(config, state_dir), url=to)
        return target, target
    target = Storage(Path(to))
    if (target.state_dir / FILE_NAME).exists():
        return target, target
    return target, storage_at(config, state_dir)


def _warn(manifest: Manifest) -> None:
    if manifest.trouble:
        echo(manifest.trouble, err=True)


def _shown(figures: dict[str, Any]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, figure in figures.items():
        if figure:
            grid.add_row(f" {name}", str(figure))
    return grid


def _time(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).isoformat()
