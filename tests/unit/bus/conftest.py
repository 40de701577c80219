"""What holds for every test of the bus."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True, scope="package")
def _short_logs() -> Iterator[None]:
    """Actors fail here on purpose: what is logged of it stays short."""
    structlog.configure(processors=[structlog.processors.KeyValueRenderer(drop_missing=True)])
    yield
    structlog.reset_defaults()
