"""The recorder: every external input, in the order of acceptance, to a file."""

import json
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from bus import Accepted, Actor, Time, every, on
from lts.domain.portfolio_settings import PortfolioRegistered
from lts.domain.recording import FORMAT, INPUTS, FinishRecording, RecordingFinished
from lts.domain.risk import TradingStateChanged, TradingStatesReported
from lts.refusal import Refused

BEGINNING = b'{"recording"'
"""What every recording begins with."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Where to record, and the plan of the system that is recorded, as JSON."""

    path: Path
    plan: str


class Recorder(Actor[Recording]):
    """Writes before anybody acts: an input is on its way to the file when its consequences begin.

    The file begins with the first input, so that a system that does not start leaves none. Only a
    file that is a recording itself is ever replaced.
    """

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Look whether the file can be written."""
        self.inputs = 0
        self.early: list[dict[str, Any]] = []
        """What was commanded before the first input."""
        self.file: TextIO | None = None
        _check(self.params.path)
        yield
        if self.file is not None:
            self.file.close()

    @on
    def write(self, accepted: Accepted) -> None:
        """Write down one input."""
        self.inputs += 1
        self._write(
            {
                "n": accepted.number,
                "at": accepted.at,
                "source": accepted.source,
                "message": INPUTS.describe(accepted.message),
            }
        )

    @on
    def note_state(self, changed: TradingStateChanged) -> None:
        """Write down that somebody has set a trading state: no replay can do that at the same moment."""
        if changed.who and not changed.flattening:
            self._intervene(f"{changed.scope} was set to {changed.state.value} by {changed.who}", changed.at)

    @on
    def note_states(self, reported: TradingStatesReported) -> None:
        """Write down what somebody had set before the session, which begins with it."""
        for each in reported.states:
            self.note_state(each)

    @on
    def note_portfolio(self, registered: PortfolioRegistered) -> None:
        """Write down that somebody has made or changed a portfolio."""
        self._intervene(f"portfolio:{registered.portfolio} was made or changed", self.clock.now())

    @every(1, time=Time.SYSTEM)
    def flush(self) -> None:
        """Let no input stay in memory for more than a second."""
        if self.file is not None:
            self.file.flush()

    @on
    def finish(self, ending: FinishRecording) -> RecordingFinished:
        """Write the last line."""
        orders = [json.loads(order) for order in ending.orders]
        self._write({"digest": ending.digest, "inputs": self.inputs, "at": ending.at, "orders": orders})
        self.flush()
        return RecordingFinished(self.inputs)

    def _intervene(self, sentence: str, at: int) -> None:
        line = {"intervention": sentence, "at": at}
        if self.file is None:
            self.early.append(line)
        else:
            self._write(line)

    def _write(self, line: dict[str, Any]) -> None:
        if self.file is None:
            self.file = self.params.path.open("w", encoding="utf-8")
            self._write({"recording": FORMAT, "plan": json.loads(self.params.plan)})
            for early in self.early:
                self._write(early)
        self.file.write(json.dumps(line) + "\n")


def _check(path: Path) -> None:
    """Raise Refused unless a recording may be written here."""
    try:
        with path.open("r+b") as there:
            head = there.read(len(BEGINNING))
    except FileNotFoundError:
        if not os.access(path.parent, os.W_OK | os.X_OK):
            why = "Permission denied" if path.parent.is_dir() else "No such file or directory"
            raise Refused(f"{path}: the recording cannot be written: {why}") from None
        return
    except OSError as error:
        raise Refused(f"{path}: the recording cannot be written: {error.strerror}") from None
    if head and head != BEGINNING:
        raise Refused(f"{path} is there and is no recording; name another file")
