"""A child process: started with a clean interpreter, at the other end of a socket pair, and reaped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

from bus.clock import SECOND, SystemClock, pause

INSIST = 0.25
"""Seconds between the polite signal and the other one, at the most."""
LOOK_EVERY = 0.002


class Child:
    """One process and our end of the line to it.

    Args:
        prefix: what stands before the interpreter on the command line.
        environment: the child's environment; None: this process's own.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, prefix: Sequence[str], environment: Mapping[str, str] | None) -> None:
        self.socket, theirs = socket.socketpair()
        self._system = SystemClock()
        fd = theirs.fileno()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this very program, behind the owner's own prefix
                [*prefix, sys.executable, "-m", "bus.body", str(fd), str(os.getpid() if not prefix else 0)],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a body prints must not get between the lines of a report
                pass_fds=(fd,),
                env={**(os.environ if environment is None else environment), "PYTHONPATH": _search_path()},
            )
        except BaseException:
            self.socket.close()
            raise
        finally:
            theirs.close()
        self.socket.setblocking(False)  # noqa: FBT003 - the name of a switch
        self.pid = self._process.pid

    @property
    def fate(self) -> str:
        """How the process ended, in words."""
        code = self._process.poll()
        if code is None:
            return "still running"
        return f"exit code {code}" if code >= 0 else f"signal {-code}, {signal.strsignal(-code)}"

    def kill(self) -> None:
        """End the process at once, if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()

    async def ended(self, within: float) -> bool:
        """Wait until the process has ended and is reaped; False if it takes longer than `within` seconds."""
        deadline = self._system.monotonic() + round(within * SECOND)
        while self._process.poll() is None:
            if self._system.monotonic() > deadline:
                return False
            await pause(LOOK_EVERY)
        return True

    async def end(self, within: float, insist: float) -> None:
        """See to it that the process ends: by itself, after a while by SIGTERM, and at last by SIGKILL.

        Args:
            within: seconds for itself.
            insist: seconds between the polite signal and the other one.
        """
        try:
            if not await self.ended(within):
                self._process.terminate()
                await self.ended(insist)
        finally:
            self.kill()
            await self.ended(INSIST)


def _search_path() -> str:
    """Where this process finds its modules: the child has to find the same."""
    return os.pathsep.join(each or os.getcwd() for each in sys.path)  # noqa: PTH109 - as text, like the others
