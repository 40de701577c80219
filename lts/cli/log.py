"""Where a session's log goes."""

import sys
from contextlib import suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Self, TextIO

import structlog

from lts import logs
from lts.refusal import Refused

FILE_NAME = "lts.log"


@dataclass
class SessionLog:
    """A log to stderr, and to `lts.log` in a state directory as JSON lines.

    What is logged before the system stands is held back from stderr: where bad input is refused, the
    one sentence that says so is enough. It comes out if an actor raised, and always at the level debug.
    """

    level: logs.Level
    form: logs.Format = "console"
    directory: Path | None = None
    """The state directory, made if absent; None: no file is written."""
    on_stderr: bool = True

    _before: dict[str, Any] = field(default_factory=structlog.get_config, init=False)
    _file: TextIO | None = field(default=None, init=False)
    _held: StringIO = field(default_factory=StringIO, init=False)

    def __enter__(self) -> Self:
        """Open the file and begin to hold back.

        Raises:
            Refused: the directory cannot be made, or the file cannot be written.
        """
        if self.directory is not None:
            self._file = _opened(self.directory)
        self._send(self._held)
        if self.level == "debug":
            self.release()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the log as it was before."""
        structlog.configure(**self._before)
        if self._file is not None:
            with suppress(OSError):  # what could not be written yet cannot be written now
                self._file.close()

    def release(self) -> None:
        """Show what was held back, and all that comes."""
        if self.on_stderr:
            sys.stderr.write(self._held.getvalue())
        self._held = StringIO()
        self._send(sys.stderr)

    def _send(self, stream: TextIO) -> None:
        if self.on_stderr:
            logs.set_up(self.level, self.form, stream, self._file)
        elif self._file is not None:
            logs.set_up(self.level, "json", self._file)


def quieter(level: logs.Level) -> logs.Level:
    """Return the level for a session that nobody operates: what is merely worth knowing is left out."""
    return "warning" if level == "info" else level


def _opened(directory: Path) -> TextIO:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return (directory / FILE_NAME).open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        reason = error.strerror
        raise Refused(f"{directory}: cannot be used as the state directory: {reason}; name another") from None
