"""Where a node can be killed: named points of an order's path, at each of which it may be for the last time.

`arm` lets the process kill itself, by SIGKILL, at the n-th passage of a point. Nothing of LTS knows of it:
the functions that stand at a point are replaced by ones that pass through `reach` first, or afterwards.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, NamedTuple

When = Callable[[tuple[Any, ...]], bool]


class Armed:
    """Which point is deadly, and after how many passages."""

    point = ""
    left = 0
    note = Path()


def reach(point: str) -> None:
    """Pass through a point, alive or not."""
    if point == Armed.point:
        Armed.left -= 1
        if Armed.left <= 0:
            descriptor = os.open(Armed.note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.write(descriptor, point.encode())
            os.kill(os.getpid(), signal.SIGKILL)


class Place(NamedTuple):
    """A function, and what passing it is called; `before` and `after` are two points."""

    name: str
    module: str
    function: str
    when: When | None = None
    before: bool = True
    after: bool = True


def _has(*kinds: str) -> When:
    """Whether a group of work holds an order, or one of these facts."""

    def found(arguments: tuple[Any, ...]) -> bool:
        works = next(each for each in arguments if isinstance(each, list | tuple))
        return any(type(getattr(work, "content", None)).__name__ in kinds for work in works)

    return found


def _of_a(kind: str) -> When:
    return lambda arguments: type(arguments[1]).__name__ == kind


def _method(method: str) -> When:
    def found(arguments: tuple[Any, ...]) -> bool:
        request: Any = arguments[1]
        asked = request if isinstance(request, str) else request.method
        return bool((asked.decode() if isinstance(asked, bytes) else asked) == method)

    return found


INTENT, FILL = _has("ApprovedOrder"), _has("OrderFilled")
PERSISTENCE = "actors.persistence."
OANDA = "lts_guest.broker.oanda."
HTTP11 = "httpcore._async.http11"
PLACES = (
    # The start
    Place("take up the storage", PERSISTENCE + "actor", "Persistence._take_up"),
    Place("take the lease", PERSISTENCE + "lease", "Lease._take"),
    Place("take up an order", "actors.desk.orders", "Orders.take_up"),
    Place("begin", "actors.desk", "Desk.begin"),
    # From the intent to the wire
    Place("approved", "actors.desk", "Desk.journal"),
    Place("ask for the journal", PERSISTENCE + "actor", "Persistence.keep"),
    Place("write an intent", PERSISTENCE + "journal", "Journal.write", INTENT),
    Place("commit an intent", PERSISTENCE + "writer", "Writer._attempt", INTENT),
    Place("confirm an intent", PERSISTENCE + "writer", "Writer._settle", INTENT),
    Place("journalled", "actors.desk", "Desk.place"),
    Place("submit", "actors.desk.orders", "Orders.submit"),
    Place("keep a change", PERSISTENCE + "actor", "Persistence.note", _of_a("OrderChanged")),
    # At the broker
    Place("place", OANDA + "plugin", "OandaBroker.place"),
    Place("send", OANDA + "errands", "Errands.send"),
    Place("turn", OANDA + "account", "Account.turn"),
    Place("post", OANDA + "account", "Account.place"),
    Place("write the request", HTTP11, "AsyncHTTP11Connection._send_request_headers", _method("POST")),
    Place("read the answer", HTTP11, "AsyncHTTP11Connection._receive_response_headers", _method("POST")),
    Place("take the answer", OANDA + "errands", "Errands._take"),
    Place("cancel", OANDA + "account", "Account.cancel"),
    Place("replace", OANDA + "account", "Account.replace"),
    Place("look up", OANDA + "errands", "Errands.look_up"),
    Place("find", OANDA + "account", "Account.order"),
    # What the venue says
    Place("reach", OANDA + "plugin", "OandaBroker.reach"),
    Place("follow", OANDA + "plugin", "OandaBroker.follow", after=False),
    Place("take stock", OANDA + "plugin", "OandaBroker.take_stock"),
    Place("details", OANDA + "account", "Account.details"),
    Place("fetch", OANDA + "stream", "Transactions._fetch"),
    Place("hear", OANDA + "stream", "Transactions.hear"),
    Place("report", OANDA + "plugin", "OandaBroker.report"),
    Place("see", "lts.kinds.broker", "Broker.seen"),
    Place("be told", "actors.desk", "Desk.report"),
    Place("book", "actors.desk.orders", "Orders.book"),
    Place("keep a fill", PERSISTENCE + "actor", "Persistence.note", _of_a("OrderFilled")),
    Place("write a fill", PERSISTENCE + "journal", "Journal.write", FILL),
    Place("commit a fill", PERSISTENCE + "writer", "Writer._attempt", FILL),
    Place("move the cursor", "actors.desk", "Desk.move_on"),
    Place("keep the cursor", PERSISTENCE + "actor", "Persistence.note_cursor"),
    Place("write the cursor", PERSISTENCE + "progress", "Places.write"),
    Place("reconcile", "actors.desk", "Desk.reconcile"),
    Place("seal", PERSISTENCE + "writer", "Writer.seal"),
)
START = "start: nothing is open"
POINTS = (
    START,
    *(f"before: {place.name}" for place in PLACES if place.before),
    *(f"after: {place.name}" for place in PLACES if place.after),
)
RARE = {START, *(f"{when}: {name}" for when in ("before", "after") for name in ("begin", "reach", "follow",
        "take up the storage", "take the lease"))}  # fmt: skip
"""The points that a start passes once."""


def arm(point: str, passages: int, note: Path) -> None:
    """Have the process die at a passage of a point, and write a note of which it was."""
    Armed.point, Armed.left, Armed.note = point, passages, note


def stand(prefix: str = "") -> None:
    """Stand at all places in modules that are imported, or those of a prefix."""
    for place in PLACES:
        if place.module.startswith(prefix or "") and place.module in sys.modules:
            _stand_at(place)


def _stand_at(place: Place) -> None:
    if Armed.point not in {f"before: {place.name}", f"after: {place.name}"}:
        return
    owner_name, name = place.function.split(".")
    owner = getattr(sys.modules[place.module], owner_name)
    original = getattr(owner, name)
    replaced = _awaiting(place, original) if iscoroutinefunction(original) else _plain(place, original)
    setattr(owner, name, wraps(original)(replaced))


def _plain(place: Place, original: Any) -> Any:
    def pass_through(*arguments: Any, **more: Any) -> Any:
        counts = place.when is None or place.when((*arguments, *more.values()))
        if counts:
            reach(f"before: {place.name}")
        result = original(*arguments, **more)
        if counts:
            reach(f"after: {place.name}")
        return result

    return pass_through


def _awaiting(place: Place, original: Any) -> Any:
    async def pass_through(*arguments: Any, **more: Any) -> Any:
        counts = place.when is None or place.when((*arguments, *more.values()))
        if counts:
            reach(f"before: {place.name}")
        result = await original(*arguments, **more)
        if counts:
            reach(f"after: {place.name}")
        return result

    return pass_through
