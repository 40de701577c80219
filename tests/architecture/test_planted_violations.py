"""The checks of `make check` are only worth something if they find what they are there to find."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.requirement("LTS-007", "INT-1.2")

ROOT = Path(__file__).parents[2]
PACKAGES = ("actors", "bus", "lts", "plugins")
TOOLS = Path(sys.executable).parent

FORBIDDEN_IMPORTS = [
    ("bus/planted_words.py", "import lts.domain", "bus.planted_words -> lts.domain"),
    ("bus/planted_edge.py", "import pydantic", "bus.planted_edge -> pydantic"),
    ("lts/domain/planted_desk.py", "import actors", "lts.domain.planted_desk -> actors"),
    ("lts/domain/planted_sql.py", "import sqlalchemy", "lts.domain.planted_sql -> sqlalchemy"),
    ("actors/planted_desk.py", "import actors.planted_risk", "actors.planted_desk -> actors.planted_risk"),
    ("actors/planted_risk.py", "import aiomqtt", "actors.planted_risk -> aiomqtt"),
    ("actors/planted_web.py", "import fastapi", "actors.planted_web -> fastapi"),
    ("actors/planted_key.py", "import cryptography", "actors.planted_key -> cryptography"),
    ("actors/planted_driver.py", "import asyncpg", "actors.planted_driver -> asyncpg"),
    ("lts/domain/planted_schema.py", "import alembic", "lts.domain.planted_schema -> alembic"),
    (
        "actors/persistence/planted_unit.py",
        "from actors.persistence.guard import unit",
        "actors.persistence.planted_unit -> actors.persistence.guard",
    ),
    ("plugins/planted/__init__.py", "import lts.domain", "plugins.planted -> lts.domain"),
    ("plugins/planted/one/__init__.py", "import bus", "plugins.planted.one -> bus"),
    (
        "plugins/planted/two/__init__.py",
        "import plugins.planted.one",
        "plugins.planted.two -> plugins.planted.one",
    ),
]
BAD_STYLE = [
    ("bus/planted.py", "import os\n", "F401"),
    ("actors/planted.py", "import time\n\nNOW = time.time()\n", "TID251"),
    ("lts/planted.py", "from asyncio import sleep\n\nWAIT = sleep\n", "TID251"),
    ("plugins/planted/plugin.py", "def decide(bar: object) -> object:\n    return bar\n", "INP001"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the code and of the rules that hold for it."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    code_only = shutil.ignore_patterns("__pycache__", "*.csv")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=code_only)
    return tmp_path


def plant(tree: Path, path: str, code: str) -> None:
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(code, encoding="utf-8")


def run(tree: Path, tool: str, *words: str) -> tuple[int, str]:
    done = subprocess.run([TOOLS / tool, *words], cwd=tree, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_an_import_against_any_contract_is_found(tree: Path) -> None:
    for path, code, _ in FORBIDDEN_IMPORTS:
        plant(tree, path, code + "\n")
    status, output = run(tree, "lint-imports", "--no-cache", "--no-logo")
    assert status == 1, output
    assert [path for path, _, finding in FORBIDDEN_IMPORTS if f" {finding} (l." not in output] == [], output
    assert re.findall(r"^.+ KEPT", output, flags=re.MULTILINE) == []


@pytest.mark.parametrize(("path", "code", "rule"), BAD_STYLE)
def test_bad_style_is_found(tree: Path, path: str, code: str, rule: str) -> None:
    plant(tree, path, code)
    status, output = run(tree, "ruff", "check", "--no-cache", "--output-format", "concise", path)
    assert status == 1, output
    assert re.search(rf"^{path}:\d+:\d+: {rule} ", output, flags=re.MULTILINE), output


def test_an_unformatted_file_is_found(tree: Path) -> None:
    plant(tree, "bus/planted.py", "X = {  'a':1 }\n")
    status, output = run(tree, "ruff", "format", "--no-cache", "--check", "bus/planted.py")
    assert status == 1, output
    assert "bus/planted.py" in output


def test_an_untyped_function_and_a_wrong_type_are_found(tree: Path) -> None:
    plant(tree, "bus/planted.py", "def double(x):\n    return 2 * x\n\n\nONE: int = 'one'\n")
    status, output = run(tree, "mypy", "--no-incremental", "bus/planted.py")
    assert status == 1, output
    assert "bus/planted.py:1: error: Function is missing a type annotation" in output
    assert "bus/planted.py:5: error: Incompatible types in assignment" in output
