"""The driver of a bench: market time goes only where a test says."""

from collections.abc import Coroutine, Iterator
from typing import Any

from bus import Livelock, Moment, ReplayDriver


class BenchDriver(ReplayDriver):
    """A replay that is played by hand."""

    _moments: Iterator[Any] | None = None
    _coming: Any = None
    """The moment that is next: a replay takes it up as soon as the one before it has been played."""

    async def settle(self) -> None:
        """Wait until nothing is under way.

        Raises:
            Livelock: actors keep each other busy without end.
        """
        await self._noting_trouble(self._settle())

    async def reach(self, at: int) -> None:
        """Let market time pass to `at`, with all that is due by then."""
        await self._noting_trouble(self._reach(at))
        self.clock.advance(at)
        await self.settle()

    async def take_next(self) -> Moment | None:
        """Play the next moment of the one feed that was handed over; None at its end."""
        if self._moments is None:
            self._moments = self._steps()
            self._coming = next(self._moments, None)
        moment: Moment | None = self._coming
        if moment is not None:
            await self._take(*moment)
            self._coming = next(self._moments, None)
            await self.settle()
        return moment

    async def _noting_trouble(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Livelock as trouble:
            self.trouble = trouble
            raise
