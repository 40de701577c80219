"""What holds for every test."""

import gc
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog
from hypothesis import settings

from lts.cli import main

# A busy machine is slow, not wrong: how long an example may take is the test's own time-out.
settings.register_profile("lts", deadline=None)
settings.load_profile("lts")


def pytest_collection_finish() -> None:
    """Keep the collector away from thousands of tests and libraries that are there to the end."""
    gc.collect()
    gc.freeze()


class Compiled(dict[Any, Any]):
    """Statements as they were compiled for any engine of a kind; SQLAlchemy keeps them for one engine."""

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


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def lts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Done]]:
    """Calls a command in this process, as the console script does.

    What it set up for its log ends with the stream that the log went to.
    """

    def call(*words: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["lts", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        if isinstance(end.value.code, str):  # the interpreter prints it, and exits with 1
            return Done(1, out, err + end.value.code + "\n")
        return Done(int(end.value.code or 0), out, err)

    yield call
    structlog.reset_defaults()
