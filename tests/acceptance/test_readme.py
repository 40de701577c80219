"""What the README shows, works as it stands there."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.requirement("INT-001", "INT-016", "INT-018")

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LTS = Path(sys.executable).parent / "lts"
MANIFEST = """
kind = "strategy"
name = "breakout"
version = "1.0.0"
entry = "plugin:Breakout"
requires-lts = ">=1.0,<2"
"""


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert found, f"the README has no {language} block"
    return found.group(1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Somebody's directory, outside the tree, with the README's files in it."""
    shutil.copy(ROOT / "lts/samples/sp500_1day_1999_2018.csv", tmp_path)
    (tmp_path / "system.toml").write_text(block("toml"), encoding="utf-8")
    plugin = tmp_path / "my_plugins/strategy/breakout"
    plugin.mkdir(parents=True)
    (plugin / "plugin.py").write_text(block("python"), encoding="utf-8")
    (plugin / "plugin.toml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


def trades_in(home: Path, file: str) -> int:
    done = subprocess.run(
        [LTS, "backtest", file, "--json"], cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    trades: int = json.loads(done.stdout)["trades"]
    return trades


def test_the_system_file_of_the_readme_trades(home: Path) -> None:
    assert trades_in(home, "system.toml") == 88


def test_the_strategy_of_the_readme_trades(home: Path) -> None:
    system = block("toml").replace('strategy = "sma_cross"', 'strategy = "breakout"')
    system = re.sub(r"params = \{ fast.*\}", "params = { bars = 55 }", system)
    mine = home / "mine.toml"
    mine.write_text(f'{system}\n[plugins]\ndirectories = ["my_plugins"]\n', encoding="utf-8")

    assert trades_in(home, "mine.toml") > 10


def test_every_sample_system_trades(lts: Callable[..., Any]) -> None:
    for sample in sorted((ROOT / "lts/samples").glob("*.toml")):
        if sample.stem != "demo":  # it has no end
            done = lts("backtest", sample, "--json")
            assert done.code == 0, done.err
            assert json.loads(done.out)["trades"] > 0, sample
