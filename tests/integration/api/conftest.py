"""The API over its small house, and logs that stay short."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors.api.params import ApiLimits, Premises
from actors.api.port import Port
from bus import SystemClock
from tests.api import Scene, scene


@pytest.fixture(autouse=True)
def _quiet(short_logs: None) -> None:
    """Where things fail on purpose, the log says so in one line."""


@pytest.fixture
async def api() -> AsyncIterator[Scene]:
    async with scene() as it:
        yield it


@pytest.fixture
def port() -> Port:
    """A port behind which is nobody."""

    async def ask(*_: Any) -> Any:
        raise AssertionError

    return Port(ask, SystemClock(), Premises(), ApiLimits())
