"""A recording: the resolved plan, every external input in the order of acceptance, and how it ended.

It is a file of JSON lines. The first holds the plan, the last the orders and their digest; a
recording without a last line is of a session that was cut off.

What an operator or a user commanded of trading states and portfolios is told in it, and cannot be repeated:
it does not wait its turn like an input, but holds at once, in the middle of whatever is under way.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bus import Accepted, Event, Garbled, Request, Wire
from lts.domain.market import Bar, BarOpened, Quote, Trade
from lts.domain.order_entry import OrderEntered, RetractionEntered, RevisionEntered
from lts.refusal import Refused

T = TypeVar("T")

FORMAT = 1
"""The version of the file format, in the first line."""
INPUTS = Wire((BarOpened, Bar, Quote, Trade, OrderEntered, RevisionEntered, RetractionEntered))
"""What can be recorded."""
_DAMAGED = "; the recording was edited or damaged, make a new one"


class RecordingFinished(Event):
    """A recording has its last line."""

    inputs: int


class RecordingEnded(Event):
    """A recorded session was stopped here: what is due later has not happened in it."""


class FinishRecording(Request[RecordingFinished]):
    """Asks the recorder for the last line: each order in its canonical form, and the digest of all."""

    orders: tuple[str, ...]
    digest: str
    at: int = 0
    """The market time at which the session was stopped; 0 if its feeds had ended."""


class OrderLine(msgspec.Struct, frozen=True):
    """An order's canonical line, as `digest.lines` writes it."""

    intent: dict[str, Any]
    states: tuple[Any, ...]
    fills: tuple[dict[str, Any], ...]


class Ending(msgspec.Struct, frozen=True):
    """The last line: how many inputs there were, and what was traded on them."""

    digest: str
    inputs: int
    orders: tuple[OrderLine, ...]
    at: int = 0
    """The market time at which it was stopped: what was due until then had happened; 0: its feeds ended."""


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """What a recording holds."""

    plan: str
    """The resolved plan, as JSON."""
    inputs: tuple[Accepted, ...]
    ending: Ending | None
    """None if the session was cut off."""
    interventions: tuple["Intervention", ...] = ()
    """What was commanded in it that no replay repeats."""

    @property
    def tape(self) -> tuple[Accepted, ...]:
        """The inputs, and behind them the end: market time goes on until there."""
        last = self.inputs[-1] if self.inputs else None
        if self.ending is None or last is None or self.ending.at < last.at:
            return self.inputs
        return (*self.inputs, Accepted(last.number + 1, self.ending.at, "", RecordingEnded()))


class Intervention(msgspec.Struct, frozen=True):
    """What somebody commanded in a recorded session, beside its inputs."""

    intervention: str
    """What came of it, as a sentence."""
    at: int
    """The market time at which it held."""


class _Head(msgspec.Struct):
    recording: int
    plan: dict[str, Any]


class _Input(msgspec.Struct):
    n: int
    at: int
    source: str
    message: Any


def read_recording(path: Path) -> RecordedSession:
    """Read a whole recording.

    Raises:
        Refused: it cannot be read, is no recording, or was damaged; in one sentence with the line.
    """
    try:
        with path.open("rb") as file:
            return _read(path, _lines(path, file))
    except OSError as error:
        reason = error.strerror or "it is no file"
        raise Refused(f"{path}: the recording cannot be read: {reason}; check the path") from None


def _lines(path: Path, file: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    """What each line holds, after the words for where it is; what was left half written is no line."""
    for number, line in enumerate(file, 1):
        where = f"{path}, line {number}"
        try:
            yield where, msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            if line.endswith(b"\n"):
                raise Refused(f"{where}: is not JSON{_DAMAGED}") from None


def _read(path: Path, lines: Iterator[tuple[str, Any]]) -> RecordedSession:
    where, first = next(lines, (f"{path}, line 1", None))
    head = _as(_Head, first, f"{where}: is not the beginning of a recording; give a file that --record wrote")
    if head.recording != FORMAT:
        raise Refused(f"{where}: the recording has format {head.recording}, and this program reads {FORMAT}")
    inputs: list[Accepted] = []
    interventions: list[Intervention] = []
    ending = None
    for where, line in lines:
        if ending is not None:
            raise Refused(f"{where}: comes after the end of the recording{_DAMAGED}")
        if isinstance(line, dict) and "digest" in line:
            ending = _as(Ending, line, f"{where}: is not the end of a recording{_DAMAGED}")
            if ending.inputs != len(inputs):
                counts = f"says that there are {ending.inputs} inputs, and there are {len(inputs)}"
                raise Refused(f"{where}: {counts}{_DAMAGED}")
        elif isinstance(line, dict) and "intervention" in line:
            interventions.append(
                _as(Intervention, line, f"{where}: is not a command that was given{_DAMAGED}")
            )
        else:
            inputs.append(_input(line, where))
            if len(inputs) > 1 and not _follows(*inputs[-2:]):
                raise Refused(f"{where}: comes before the input above it{_DAMAGED}")
    plan = msgspec.json.encode(head.plan).decode()
    return RecordedSession(plan, tuple(inputs), ending, tuple(interventions))


def _input(line: Any, where: str) -> Accepted:
    found = _as(_Input, line, f"{where}: is not an input of a recording{_DAMAGED}")
    try:
        return Accepted(found.n, found.at, found.source, INPUTS.read(found.message))
    except Garbled as garbled:
        raise Refused(f"{where}: {garbled}{_DAMAGED}") from None


def _follows(one: Accepted, other: Accepted) -> bool:
    return one.number < other.number and one.at <= other.at


def _as(kind: type[T], found: Any, otherwise: str) -> T:
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError:
        raise Refused(otherwise) from None
