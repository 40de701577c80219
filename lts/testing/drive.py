"""The driver of a bench: market time goes only where a test says."""

from collections.abc import Iterator
from typing import Any

from bus import Moment, ReplayDriver


class BenchDriver(ReplayDriver):
    """A replay that is played by hand."""

    _moments: Iterator[Any] | None = None

    async def settle(self) -> None:
        """Wait until nothing is under way.

        Raises:
            Livelock: actors keep each other busy without end.
        """
        await self._settle()
        if self._trouble:
            raise self._trouble

    async def reach(self, at: int) -> None:
        """Let market time pass to `at`, with all that is due by then."""
        await self._reach(at)
        self.clock.advance(at)
        await self.settle()

    async def take_next(self) -> Moment | None:
        """Play the next moment of the one feed that was handed over; None at its end."""
        if self._moments is None:
            self._moments = self._steps()
        moment: Moment | None = next(self._moments, None)
        if moment is not None:
            await self._take(*moment)
            await self.settle()
        return moment
