"""Turns: how many requests a service may be sent, how many at a time, and who goes first."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

RESERVE = 0.2
"""The part of the permitted requests that is kept for those that cannot wait."""


class Urgency(IntEnum):
    """Who goes first where several wait; among equals, whoever came first."""

    FIRST = 0
    """What makes things safer: the end of an order, or one that only reduces."""
    SOON = 1
    """What others wait for: questions and streams."""
    LATER = 2
    """All else: what adds to a risk."""


AT_A_TIME = {Urgency.FIRST: 16, Urgency.SOON: 8, Urgency.LATER: 24}
"""How many of each may wait for their answers: a slow service does not make one wait for another."""


class Limiter(Protocol):
    """Lets so many pass in a span of time, in the order in which they came."""

    async def acquire(self) -> None:
        """Wait until another one may pass."""


class Turns:
    """Gives everybody a turn, the most urgent first; a fifth of the rate is kept from what is `LATER`.

    Args:
        rate: requests a second.
        limiter: makes what lets so many a second pass.
    """

    def __init__(self, rate: float, limiter: Callable[[float], Limiter]) -> None:
        self._all = limiter(rate)
        self._patient = limiter(max(1.0, rate * (1 - RESERVE)))
        self._places = {urgency: asyncio.Semaphore(places) for urgency, places in AT_A_TIME.items()}
        self._numbers = count()
        self._line: list[tuple[Urgency, int, asyncio.Future[None]]] = []
        self._is_taken = False
        """Whether somebody is at the head of the line."""

    @asynccontextmanager
    async def turn(self, urgency: Urgency) -> AsyncIterator[None]:
        """Wait until another request may be made, and keep a place for it until it is answered."""
        async with self._places[urgency]:
            await self.take(urgency)
            yield

    async def take(self, urgency: Urgency) -> None:
        """Wait until another request may be made."""
        if urgency is Urgency.LATER:
            await self._patient.acquire()
        await self._stand_in_line(urgency)
        try:
            await self._all.acquire()
        finally:
            self._leave_the_head()

    async def _stand_in_line(self, urgency: Urgency) -> None:
        """Wait to be at the head: whoever is more urgent goes before, but for one who is there already."""
        if not self._is_taken:
            self._is_taken = True
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._line, (urgency, next(self._numbers), called))
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():
                self._leave_the_head()
            raise

    def _leave_the_head(self) -> None:
        """Call the next one who still waits."""
        while self._line:
            _, _, called = heappop(self._line)
            if not called.done():
                called.set_result(None)
                return
        self._is_taken = False
