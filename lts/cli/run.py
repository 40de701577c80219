"""`lts run`: the system that a file describes, live."""

from functools import partial
from pathlib import Path
from typing import Annotated

from typer import Option, Typer

from bus import ChildProcess
from lts.cli.failure import Failed
from lts.cli.log import SessionLog
from lts.cli.options import Json, Speed, StateDir, pace
from lts.cli.report import say, summary
from lts.cli.session import Session
from lts.cli.welcome import advise
from lts.config.file import read_system
from lts.live import keeper, storage_of
from lts.main import Extras, System, driver_for

API_HOME = ChildProcess(loop="lts.cli.loop:new_event_loop")
"""Where requests are answered: beside the orders, so that they hold none up."""

app = Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def run(
    config: Annotated[
        Path, Option(metavar="FILE", readable=False, help="The TOML file that describes the system.")
    ],
    *,
    speed: Speed = 1.0,
    until_end: Annotated[
        bool, Option("--until-end", help="Exit when the feeds end, and print what a backtest prints.")
    ] = False,
    record: Annotated[
        Path | None,
        Option(metavar="FILE", readable=False, help="Record every external input here, for `lts replay`."),
    ] = None,
    state_dir: StateDir = None,
    json: Json = False,
) -> None:
    """Run the system that a file describes.

    Everything is kept in the state directory, by default `state` beside the file: started again, it
    goes on where it was. It stays up, also when its feeds have ended, until SIGINT (Ctrl-C) or SIGTERM,
    and then stops in good order; no order is cancelled by that. A second signal hastens it. The log goes
    to stderr.
    """
    plan = read_system(config)
    storage = storage_of(plan, state_dir)
    extras = Extras(record=record, to_the_end=until_end, keeper=keeper(plan, storage, API_HOME))
    system = System(plan, driver_for(plan, pace(speed)), extras)
    ended = Session(
        system,
        SessionLog(plan.node.log_level, plan.node.log_format, storage.state_dir),
        System.outcome,
        greet=partial(advise, state_dir=storage.state_dir),
        stays=not until_end,
        json=json,
    ).conduct()
    say(ended.result, summary(ended.result, system.core.plan), json=json)
    if ended.trouble and until_end:
        raise Failed(ended.trouble)
