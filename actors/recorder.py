"""The recorder: every external input, in the order of acceptance, to a file."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bus import Accepted, Actor, Time, every, on
from lts.domain.recording import FORMAT, INPUTS, FinishRecording, RecordingFinished
from lts.refusal import Refused


@dataclass(frozen=True, slots=True)
class Recording:
    """Where to record, and the plan of the system that is recorded, as JSON."""

    path: Path
    plan: str


class Recorder(Actor[Recording]):
    """Writes before anybody acts: an input is on its way to the file when its consequences begin."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin the file with the plan."""
        self.inputs = 0
        try:
            self.file = self.params.path.open("w", encoding="utf-8")
        except OSError as error:
            raise Refused(f"{self.params.path}: the recording cannot be written: {error.strerror}") from None
        with self.file:
            self._write({"recording": FORMAT, "plan": json.loads(self.params.plan)})
            yield

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

    @every(1, time=Time.SYSTEM)
    def flush(self) -> None:
        """Let no input stay in memory for more than a second."""
        self.file.flush()

    @on
    def finish(self, ending: FinishRecording) -> RecordingFinished:
        """Write the last line."""
        orders = [json.loads(order) for order in ending.orders]
        self._write({"digest": ending.digest, "inputs": self.inputs, "orders": orders})
        self.file.flush()
        return RecordingFinished(self.inputs)

    def _write(self, line: dict[str, Any]) -> None:
        self.file.write(json.dumps(line) + "\n")
