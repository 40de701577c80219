"""How far a backtest is, as a bar on stderr."""

from contextlib import suppress

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bus import AskError, pause
from lts.cli.session import Watch
from lts.main import System

LOOK_EVERY = 0.1
"""Seconds."""


def progress_bar() -> Watch | None:
    """Return who draws the bar; None where stderr is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return None

    async def draw(system: System) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("bars", total=None)
            while True:
                with suppress(AskError):  # a feed that has just failed
                    bars, total = await system.progress()
                    progress.update(task, completed=bars, total=total)
                await pause(LOOK_EVERY)

    return draw
