"""`lts demo`: everything embedded, to watch."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
from rich.console import Console
from rich.live import Live
from typer import Option, Typer, echo

import lts
from bus import AskError, ReplayDriver, pause
from lts.cli.failure import Failed
from lts.cli.figures import change, money, percent, price
from lts.cli.log import FILE_NAME, SessionLog
from lts.cli.options import Json, Speed, pace, read_seconds
from lts.cli.report import say, summary
from lts.cli.screen import screen
from lts.cli.session import Session, Watch
from lts.cli.view import View, Viewer
from lts.cli.welcome import first_passwords
from lts.config.file import read_system
from lts.config.schema import ApiPlan
from lts.domain.api import GetApi
from lts.domain.health import GetHealth
from lts.domain.outcome import Outcome
from lts.live import keeper, storage_of
from lts.main import Extras, System

SYSTEM = Path(lts.__file__).parent / "samples/demo.toml"
FRAME = 0.25
"""Seconds between two pictures of the live table."""
LINE = 3.0
"""Seconds between two lines where there is no terminal."""

app = Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    *,
    seconds: Annotated[
        float | None,
        Option("--for", parser=read_seconds, metavar="SECONDS", help="End after so long; else with Ctrl-C."),
    ] = None,
    speed: Speed = 600.0,
    port: Annotated[
        int, Option(min=0, max=65535, metavar="P", help="The port of the API, 0 for any that is free.")
    ] = 0,
    state_dir: Annotated[
        Path,
        Option(
            metavar="DIR",
            help="Where to keep everything; made if absent. Started again on it, the demo goes on.",
        ),
    ] = Path("lts-demo"),
    json: Json = False,
) -> None:
    """Watch two people trade a day of recorded prices.

    Bitcoin in one-minute bars, 600 times as fast as it was, round after round: two portfolios with
    a strategy each, and a broker that trades on paper. Nothing leaves this machine. At its first start
    both are given passwords for the API, which are shown then and never again.
    """
    plan = read_system(SYSTEM).model_copy(update={"api": ApiPlan(port=port)})
    storage = storage_of(plan, state_dir)
    system = System(plan, ReplayDriver(pace(speed)), Extras(watched=not json, keeper=keeper(plan, storage)))
    ended = Session(
        system,
        SessionLog(plan.node.log_level, "json", state_dir, on_stderr=False),
        _harvest,
        greet=_greet(json=json),
        watch=None if json else _watch(f"lts demo  {speed:g} × real time"),
        seconds=seconds,
        json=json,
    ).conduct()
    outcome, url, dead_letters = ended.result
    say(_result(outcome, storage.place, url, dead_letters), summary(outcome, system.core.plan), json=json)
    if not json:
        echo(f" log           {state_dir / FILE_NAME}")
    if ended.trouble:
        raise Failed(ended.trouble)


async def _harvest(system: System) -> tuple[Outcome, str, int]:
    health = await system.console.ask(GetHealth())
    return await system.outcome(), await _address(system), health.dead_letters


async def _address(system: System) -> str:
    """Return where the API is."""
    return (await system.console.ask(GetApi())).url


def _result(outcome: Outcome, database: str, url: str, dead_letters: int) -> dict[str, Any]:
    kept = ("orders", "fills", "events", "portfolios")
    figures = msgspec.structs.asdict(outcome)
    told = {"database": database, "url": url, "dead_letters": dead_letters}
    return {name: figures[name] for name in kept} | told


def _greet(*, json: bool) -> Watch:
    """Return who gives the people of the demo their passwords, and shows them this once."""

    async def greet(system: System) -> None:
        owners = [portfolio.owner for portfolio in read_system(SYSTEM).portfolios]
        for name, password in (await first_passwords(system, owners)).items():
            echo(f"log in as {name} with the password {password} (it is shown only now)", err=json)

    return greet


def _watch(title: str) -> Watch:
    """Return who shows what happens: as a live table on a terminal, else line by line."""

    async def draw(system: System) -> None:
        viewer, console = Viewer(system), Console()
        address = await _address(system)
        with Live(console=console, auto_refresh=False) as live:
            while True:
                with suppress(AskError):  # somebody has just failed; the next picture will show it
                    view = await viewer.look()
                    live.update(screen(view, f"{title}  {address}", console.height), refresh=True)
                await pause(FRAME)

    async def tell(system: System) -> None:
        viewer = Viewer(system)
        echo(f"the API is at {await _address(system)}/api/v1/docs")
        while True:
            await pause(LINE)
            with suppress(AskError):
                echo(line(await viewer.look()))

    return draw if sys.stdout.isatty() else tell


def line(view: View) -> str:
    """Return the essence of a view."""
    prices = [f"{instrument} {price(close)}" for instrument, close in sorted(view.blotter.prices.items())]
    portfolios = [
        f"{each.portfolio} {money(each.equity)} ({percent(change(each.equity, each.capital))})"
        for each in view.accounts
    ]
    counts = f"{view.blotter.orders} orders, {view.blotter.fills} fills, {view.events_per_s:.0f} events/s"
    return " | ".join(
        [f"{view.running_s:.0f} s", *prices, *portfolios, counts, f"health {view.health.status.value}"]
    )
