"""The scope of trading that a command is about, and how its trading state is set."""

import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
from rich.console import RenderableType
from rich.table import Table
from typer import Argument, BadParameter

from actors.persistence.storage import Storage
from lts.cli.door import me, through_the_door
from lts.cli.failure import Failed
from lts.cli.node import conduct, storage_at
from lts.cli.report import say
from lts.domain.risk import TradingState, TradingStateNotJournalled
from lts.live import set_offline

_SCOPE = re.compile(r"system|(user|portfolio|account):.+")


def read_scope(text: str) -> str:
    """Return a scope of trading, as it is written everywhere."""
    if not _SCOPE.fullmatch(text):
        raise BadParameter(f"{text!r} is neither system nor user:NAME, portfolio:NAME or account:BROKER")
    return text


Scope = Annotated[
    str,
    Argument(
        metavar="SCOPE",
        parser=read_scope,
        help="system, user:NAME, portfolio:NAME, or account:BROKER.",
    ),
]


def set_state(
    scope: str,
    state: TradingState,
    reason: str,
    config: Path | None,
    state_dir: Path | None,
    *,
    json: bool,
    **more: Any,
) -> None:
    """Have a scope in a trading state: by the node that runs, or in the database with which one will start.

    Raises Failed if that is not so, or not all of it; what was done is printed before.
    """
    storage = storage_at(config, state_dir)
    arguments = {"scope": scope, "state": state.value, "reason": reason, **more}
    answer = through_the_door(storage.state_dir, "set-trading-state", arguments)
    if answer is None:
        answer = _offline(storage, scope, state, reason, flatten=bool(more.get("flatten")))
    if "state" not in answer:
        raise Failed(f"{scope} is as it was: {answer['reason']}")
    say(answer, _shown(answer), json=json)
    if left := _left(answer):
        raise Failed(f"{scope} is {answer['state']}, but {left}")


def _offline(
    storage: Storage, scope: str, state: TradingState, reason: str, *, flatten: bool
) -> dict[str, Any]:
    if flatten:
        raise Failed(f"no node runs on {storage.state_dir}, and none other can flatten; nothing was done")
    answer = conduct(set_offline(storage, scope, state, reason, me()))
    if isinstance(answer, TradingStateNotJournalled):
        return {"scope": scope, "reason": answer.reason}
    told: dict[str, Any] = msgspec.to_builtins(answer.changed)
    return told | {"durable": True, "running": False}


def _shown(answer: dict[str, Any]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(f" {answer['scope']}", f"{answer['state']}: {answer['reason']}")
    grid.add_row(" by", answer["who"])
    if answer.get("running", True):
        grid.add_row(" cancelled", str(answer["cancelled"]))
    else:
        grid.add_row(" node", "none is running; the next one starts like this")
    return grid


def _left(answer: dict[str, Any]) -> str:
    """Return what is not as it should be, in words; empty if all is."""
    counted = {
        "orders are still open": answer.get("open", ()),
        "orders are in doubt": answer.get("unknown", ()),
        "positions are still held": answer.get("held", ()),
    }
    left = [f"{len(found)} {what}" for what, found in counted.items() if found]
    if answer.get("pending") and not left:
        left.append("what is held is not closed yet, or that is not on disk")
    if answer.get("trouble"):
        left.append(answer["trouble"])
    return "; ".join(left)
