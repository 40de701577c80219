"""The import contracts hold for what they know of: nothing of ours may stay unknown to them."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.requirement("INT-1.2")

ROOT = Path(__file__).parents[2]
OF_THE_BUS = {"bus", "msgspec", "structlog"}


def imported_by(file: Path) -> Iterator[str]:
    """The top-level packages that a file imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (name.name.partition(".")[0] for name in names)
            case ast.ImportFrom(module=str(module)):
                yield module.partition(".")[0]


def test_every_module_of_the_language_has_its_layer() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {module.strip(" ()") for layer in layers for module in layer.split("|")}
    modules = {f"lts.{path.stem}" for path in (ROOT / "lts").glob("*.py") if path.stem != "__init__"}
    packages = {f"lts.{path.parent.name}" for path in (ROOT / "lts").glob("*/__init__.py")}
    assert modules | packages <= placed


def test_the_bus_uses_the_standard_library_and_two_packages_only() -> None:
    used = {name: file.name for file in (ROOT / "bus").rglob("*.py") for name in imported_by(file)}
    strange = {name: file for name, file in used.items() if name not in OF_THE_BUS | sys.stdlib_module_names}
    assert strange == {}
