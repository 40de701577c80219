"""`lts replay`: a recorded session, traded again and compared."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

import msgspec
from rich.console import Group
from rich.text import Text
from typer import Argument, Typer, echo

from bus import ReplayDriver
from lts.cli.failure import Failed
from lts.cli.log import SessionLog, quieter
from lts.cli.options import Json
from lts.cli.progress import progress_bar
from lts.cli.report import say, summary
from lts.cli.session import Session
from lts.config.file import plan_from_json
from lts.domain.digest import lines
from lts.domain.outcome import Outcome
from lts.domain.recording import Ending, Intervention, OrderLine, read_recording
from lts.main import Extras, System
from lts.web.times import to_rfc3339

app = Typer(add_completion=False, rich_markup_mode=None)
VERDICTS = {
    True: "The same as recorded.",
    False: "Not the same as recorded.",
    None: "There is no end of the recording to compare with.",
}


@app.command()
def replay(
    recording: Annotated[
        Path, Argument(metavar="RECORDING", readable=False, help="A file that `lts run --record` wrote.")
    ],
    *,
    json: Json = False,
) -> None:
    """Trade a recorded session again, and compare.

    The recorded plan gets the recorded inputs under virtual time. Exit code 1, with the first order
    that differs, says that the decisions are not those of the recording. A session in which somebody
    set a trading state, or made or changed a portfolio, is refused.
    """
    recorded = read_recording(recording)
    if recorded.interventions:
        raise Failed(_unrepeatable(recording, recorded.interventions[0]))
    plan = plan_from_json(recorded.plan, f"{recording}, line 1")
    ended = Session(
        System(plan, ReplayDriver(), Extras(tape=recorded.tape)),
        SessionLog(quieter(plan.node.log_level), plan.node.log_format),
        _result,
        progress_bar(),
        json=json,
    ).conduct()
    outcome, orders = ended.result
    if ended.interrupted:
        raise Failed(f"the replay was interrupted after {outcome.bars:,} bars")
    differs = None if recorded.ending is None else difference(recorded.ending, orders, outcome.digest)
    same = None if recorded.ending is None else differs is None
    comparison = {"recorded_digest": recorded.ending and recorded.ending.digest, "same": same}
    say(
        msgspec.structs.asdict(outcome) | comparison,
        Group(summary(outcome, plan), Text(f" {VERDICTS[same]}", style="bold")),
        json=json,
    )
    if same is None:
        echo(f"{recording}: the session was cut off, so there is nothing to compare with", err=True)
    if differs or ended.trouble:
        raise Failed(f"{recording}: {differs}" if differs else str(ended.trouble))


def _unrepeatable(recording: Path, first: Intervention) -> str:
    return (
        f"{recording}: cannot be replayed: {first.intervention} at {to_rfc3339(first.at)}, in the middle of "
        "what was under way, and no replay can do that at the same moment"
    )


async def _result(system: System) -> tuple[Outcome, list[OrderLine]]:
    orders = [msgspec.json.decode(line, type=OrderLine) for line in lines(await system.records())]
    return await system.outcome(), orders


def difference(recorded: Ending, orders: Sequence[OrderLine], digest: str) -> str | None:
    """Return in words what is first found to differ, None if nothing does."""
    for then, now in zip_longest(recorded.orders, orders):
        if then != now:
            return _of_orders(then, now)
    if recorded.digest != digest:
        return "the recorded digest is not that of the recorded orders, so the recording was edited"
    return None


def _of_orders(then: OrderLine | None, now: OrderLine | None) -> str:
    if now is None or (then is not None and _place(then) < _place(now)):
        return f"order {_place(then)[1]} was recorded, and the replay does not make it"
    if then is None or _place(now) < _place(then):
        return f"order {_place(now)[1]} is made in the replay, and was not recorded"
    where, was, found = next(_of_values("", msgspec.to_builtins(then), msgspec.to_builtins(now)))
    return f"order {_place(now)[1]} is not the recorded one: {where} was {was} and is {found}"


def _place(order: OrderLine | None) -> tuple[str, str]:
    intent = {} if order is None else order.intent
    return str(intent.get("portfolio")), str(intent.get("client_order_id"))


def _of_values(where: str, then: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the differences between two values of JSON, each with its place."""
    match then, now:
        case dict(), dict():
            for key in sorted({*then, *now}):
                yield from _of_values(f"{where}.{key}".lstrip("."), then.get(key), now.get(key))
        case ((list() | tuple()), (list() | tuple())):
            for index, (one, other) in enumerate(zip_longest(then, now)):
                yield from _of_values(f"{where}[{index}]", one, other)
        case _ if then != now:
            yield where, then, now
