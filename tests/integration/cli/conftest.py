"""Systems and plugins for the command line to work with."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(sys.modules["lts"].__file__ or "").parent / "samples"
SYSTEM = """
[[instrument]]
symbol = "BTC/USD"
currency = "USD"
tick_size = "0.01"
lot_size = "0.0001"

[[feed]]
plugin = "{feed}"
instrument = "BTC/USD"
params = {{ path = "{path}", bar = "1m" }}

[[broker]]
name = "paper"
plugin = "paper"

[[portfolio]]
name = "trend"
owner = "ann"
currency = "USD"
cash = "10000"
plugin = "fixed_quantity"
params = {{ quantity = "0.5" }}
pipeline = "{pipeline}"

  [[portfolio.asset]]
  instrument = "BTC/USD"
  broker = "paper"
  strategy = "{strategy}"
  params = {params}

[plugins]
directories = ["{plugins}"]
"""
MANIFEST = """
kind = "{kind}"
name = "{name}"
version = "{version}"
entry = "plugin:Guest"
requires-lts = ">=1.0,<2"
description = "A guest of the tests."
"""


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """The systems and the data that come with the package, where a run may keep its state beside them."""
    directory = tmp_path / "samples"
    directory.mkdir()
    for file in filter(Path.is_file, SAMPLES.iterdir()):
        (directory / file.name).symlink_to(file)
    return directory


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., None]:
    """Puts a plugin into the directory that the system's file names."""

    def put(kind: str, name: str, code: str, version: str = "1.0") -> None:
        directory = tmp_path / "plugins" / kind / name
        directory.mkdir(parents=True)
        manifest = MANIFEST.format(kind=kind, name=name, version=version)
        (directory / "plugin.toml").write_text(manifest, encoding="utf-8")
        (directory / "plugin.py").write_text(code, encoding="utf-8")

    return put


@pytest.fixture
def system(tmp_path: Path) -> Callable[..., Path]:
    """Writes the file of a system that trades the one-minute bars."""

    def write(more: str = "", **changes: Any) -> Path:
        (tmp_path / "plugins").mkdir(exist_ok=True)
        parts = {
            "feed": "csv",
            "path": SAMPLES / "btcusd_1min_2020-01-01.csv",
            "strategy": "sma_cross",
            "params": "{ fast = 5, slow = 20 }",
            "pipeline": "default",
            "plugins": tmp_path / "plugins",
        }
        file = tmp_path / "system.toml"
        file.write_text(SYSTEM.format(**parts | changes) + more, encoding="utf-8")
        return file

    return write
