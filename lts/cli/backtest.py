"""`lts backtest`: a file's feeds, traded to their end under virtual time."""

from typing import Annotated

from typer import Option, Typer

from bus import ReplayDriver
from lts.cli.failure import Failed
from lts.cli.log import SessionLog, quieter
from lts.cli.options import Json, SystemFile
from lts.cli.progress import progress_bar
from lts.cli.report import say, summary
from lts.cli.session import Session
from lts.config.file import read_system
from lts.main import Extras, System, live_feeds
from lts.refusal import Refused

app = Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def backtest(
    file: SystemFile,
    *,
    seed: Annotated[
        int | None,
        Option(metavar="N", help="Permute the order in which actors run; the result stays the same."),
    ] = None,
    json: Json = False,
) -> None:
    """Trade the feeds of a file to their end, and sum up.

    The same actors that trade live run under virtual time, as fast as this machine can: nothing waits,
    and the same input gives the same digest on every machine.
    """
    plan = read_system(file)
    if live := live_feeds(plan):
        raise Refused(f"{plan.file}: {live[0].place} is live, so a backtest would not end; use `lts run`")
    ended = Session(
        System(plan, ReplayDriver(), Extras(seed=seed, to_the_end=True)),
        SessionLog(quieter(plan.node.log_level), plan.node.log_format),
        System.outcome,
        progress_bar(),
        json=json,
    ).conduct()
    if ended.interrupted:
        raise Failed(f"the backtest was interrupted after {ended.result.bars:,} bars")
    say(ended.result, summary(ended.result, plan), json=json)
    if ended.trouble:
        raise Failed(ended.trouble)
