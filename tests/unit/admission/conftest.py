"""Two kinds of plugins of our own, and directories in which plugins of them lie."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lts.admission.catalogue import Catalogue
from lts.admission.guest import Guest

Write = Callable[..., Path]

MANIFEST = """\
kind = "{kind}"
name = "{name}"
version = "1.0.0"
entry = "plugin:Guest"
requires-lts = ">=1.0,<2"
"""


class Strategy:
    """A contract without duties."""


class Broker(ABC):
    """A contract with one duty."""

    @abstractmethod
    def place(self) -> None: ...


@pytest.fixture(autouse=True)
def contracts() -> Iterator[dict[str, type]]:
    """The kinds, importable by guests as `contracts_for_guests`; nothing of a guest outlives a test."""
    sys.modules["contracts_for_guests"] = sys.modules[__name__]
    yield {"strategy": Strategy, "broker": Broker}
    del sys.modules["contracts_for_guests"]
    for module in [name for name in sys.modules if name.split(".")[0] == "lts_guest"]:
        del sys.modules[module]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Guest)]


@pytest.fixture
def code() -> str:
    return "from contracts_for_guests import Strategy\n\n\nclass Guest(Strategy):\n    pass\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "plugins").mkdir()
    return tmp_path / "plugins"


@pytest.fixture
def write(tree: Path, code: str) -> Write:
    def plugin(
        kind: str = "strategy",
        name: str = "mean",
        *,
        at: Path | None = None,
        manifest: str = "",
        **files: str,
    ) -> Path:
        """Write a plugin's directory; `files` are modules by name, and dots in a name are directories."""
        directory = at or tree / kind / name
        directory.mkdir(parents=True)
        (directory / "plugin.toml").write_text(manifest or MANIFEST.format(kind=kind, name=name))
        for module, text in {"plugin": code, **files}.items():
            file = directory / f"{module.replace('.', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return directory

    return plugin


@pytest.fixture
def discover(tree: Path, contracts: dict[str, type]) -> Callable[..., Catalogue]:
    return lambda *directories: Catalogue.discover(contracts, "1.2.0", tree, directories)
