"""What holds for every test."""

import gc
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import settings

# A busy machine is slow, not wrong: how long an example may take is the test's own time-out.
settings.register_profile("lts", deadline=None)
settings.load_profile("lts")


def pytest_collection_finish() -> None:
    """Keep the collector away from thousands of tests and libraries that are there to the end."""
    gc.collect()
    gc.freeze()


class Compiled(dict[Any, Any]):
    """Statements as they were compiled for any engine of a kind, where SQLAlchemy keeps them for one engine."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(self._of_a_kind(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(self._of_a_kind(key), compiled)

    @staticmethod
    def _of_a_kind(key: Any) -> Any:
        dialect, *statement = key
        return dialect.name, dialect.driver, *statement


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Thousands of engines are made for a test each: what they execute is the same, and compiled once."""
    if "actors.persistence.engine" not in sys.modules:  # no test needs it, and to bring it takes a second
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        engine = sys.modules["actors.persistence.engine"]
        made = partial(engine.create_async_engine, execution_options={"compiled_cache": Compiled()})
        patch.setattr(engine, "create_async_engine", made)
        yield
