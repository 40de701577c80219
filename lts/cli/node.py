"""The node that a command is about: named by its file or its state directory, or found here."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

from typer import Option

from actors.persistence.storage import Storage
from lts import logs
from lts.cli.loop import new_event_loop
from lts.config.file import read_system
from lts.config.schema import BackupPlan
from lts.live import storage_of
from lts.refusal import Refused

T = TypeVar("T")

HERE = (Path("state"), Path("lts-demo"))
"""Where `lts run` and `lts demo` keep everything, when nothing else is said."""

ConfigFile = Annotated[
    Path | None,
    Option(
        "--config",
        metavar="FILE",
        help="The file of the node's system, which says where its state, database and keys are.",
    ),
]
NodeDir = Annotated[
    Path | None,
    Option("--state-dir", metavar="DIR", help="The node's state directory; else ./state, or ./lts-demo."),
]


def backups_of(config: Path | None) -> BackupPlan:
    """Return how often backups are taken, and where they are; Refused if the file cannot be used."""
    return BackupPlan() if config is None else read_system(config).node.backups


def storage_at(config: Path | None, state_dir: Path | None) -> Storage:
    """Return where the node keeps everything.

    Raises Refused if the file cannot be used, or there is no node here and none is named.
    """
    if config is not None:
        return storage_of(read_system(config), state_dir)
    for directory in (state_dir,) if state_dir else HERE:
        if state_dir or directory.is_dir():
            return Storage(directory)
    raise Refused("there is no node here; name its --config FILE or its --state-dir DIR")


def conduct(work: Coroutine[Any, Any, T]) -> T:
    """Return what some work comes to; what it logs goes to stderr."""
    logs.set_up("warning", stream=sys.stderr)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)
