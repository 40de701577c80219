"""Keeping something going that breaks now and then: again and again, after longer and longer rests."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import SystemRandom

from bus.clock import SECOND, SystemClock, pause

SHORTEST, LONGEST = 0.1, 2.0
"""Seconds of rest: between two attempts, at first and at most."""
STEADY_S = 10 * LONGEST
"""What has lasted as long as this is no longer the same trouble."""

_CHANCE = SystemRandom()


async def persist(work: Callable[[], Awaitable[None]], trouble: type[Exception]) -> None:
    """Do something without end: whenever it fails with `trouble`, once more after a rest of random length."""
    rest, now = SHORTEST, SystemClock.monotonic
    while True:
        began = now()
        with suppress(trouble):  # the work has told of it
            await work()
        if now() - began > STEADY_S * SECOND:
            rest = SHORTEST
        await pause(_CHANCE.uniform(rest / 2, rest))
        rest = min(2 * rest, LONGEST)
