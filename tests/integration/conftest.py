"""A bus on demand, and logs that stay short where things fail on purpose."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import structlog

from bus import SECOND, Bus, Driver, ReplayDriver


@pytest.fixture
def short_logs() -> Iterator[None]:
    structlog.configure(processors=[structlog.processors.KeyValueRenderer(drop_missing=True)])
    yield
    structlog.reset_defaults()


@pytest.fixture
async def bus_of(short_logs: None) -> AsyncIterator[Callable[..., Bus]]:  # noqa: ARG001
    """Makes a bus, by default one that waits for no clock, and stops it at the end."""
    made: list[Bus] = []

    def make(driver: Driver | None = None, **options: Any) -> Bus:
        made.append(Bus(driver or ReplayDriver(), **options))
        return made[-1]

    yield make
    for bus in made:
        await bus.stop(within=5.0)


@pytest.fixture
def pass_time() -> Callable[[Bus, float], Awaitable[None]]:
    """Lets market seconds pass on a bus that waits for no clock: every timer on the way is kept."""

    async def pass_time(bus: Bus, seconds: float) -> None:
        driver, to = bus.driver, bus.clock.now() + round(seconds * SECOND)
        assert isinstance(driver, ReplayDriver)
        await driver._reach(to)
        bus.clock.advance(to)

    return pass_time
