"""Scheduled backups: each is taken by a process of its own, so that no order ever waits for one."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from bus import SECOND, Actor, pause

HOUR = 3600.0
AT_ONCE = 60.0
"""Seconds after the start when a backup is due at once: the start comes first."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often a backup is taken, and how."""

    every_h: float
    directory: Path
    """Where they are: the youngest file says when the next one is due."""
    command: tuple[str, ...]
    """What takes one, and drops those that are too many."""


class Backups(Actor[Schedule]):
    """Has a backup taken whenever the last one is old enough. One that fails is logged, and tried again."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin to wait."""
        self.taken = self.failed = 0
        self.background(self._keep_taking())
        yield

    async def _keep_taking(self) -> None:
        while True:
            await pause(await asyncio.to_thread(self._left))
            await self._take()

    def _left(self) -> float:
        """Return the seconds until the next one is due."""
        files = [*self.params.directory.glob("*.backup")] if self.params.directory.is_dir() else []
        last = max((file.stat().st_mtime for file in files), default=0.0)
        if not (last or self.taken or self.failed):
            return self.params.every_h * HOUR  # a new node has nothing yet that could be lost
        since = self.system.now() / SECOND - last
        return max(AT_ONCE, self.params.every_h * HOUR - since)

    async def _take(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *self.params.command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
        if process.returncode:
            self.failed += 1
            self.log.error("backup failed", reason=said.decode(errors="replace").strip()[-500:])
        else:
            self.taken += 1
            self.log.info("backup taken", directory=str(self.params.directory))
