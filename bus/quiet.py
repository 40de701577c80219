"""Waiting for quiet: for nothing to be queued, ready to run, or awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Quiet:
    """Those who wait until nothing is under way; whoever notices that it is so tells them."""

    def __init__(self, reached: Callable[[], bool]) -> None:
        self._reached = reached
        self.waiting: list[asyncio.Future[None]] = []

    async def wait(self, unless: Callable[[], bool] = lambda: False) -> None:
        """Wait until nothing is under way, or something else is the case that somebody tells."""
        while not (self._reached() or unless()):
            waiter = asyncio.get_running_loop().create_future()
            self.waiting.append(waiter)
            await waiter

    def tell(self) -> None:
        """Have everybody who waits look."""
        waiting, self.waiting = self.waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
