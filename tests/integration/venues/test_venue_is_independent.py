"""The venue is somebody else's system: it shares no code with LTS."""

import ast
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.requirement("INT-4.5", "INT-1.2")

VENUES = Path(__file__).parents[2] / "venues"
ALLOWED = sys.stdlib_module_names | {"starlette", "uvicorn"}


def imports(file: Path) -> set[str]:
    """Return the modules that a file imports, by their full names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_it_imports_the_standard_library_starlette_uvicorn_and_itself() -> None:
    files = sorted(VENUES.glob("**/*.py"))
    assert len(files) > 10
    for file in files:
        foreign = {name for name in imports(file) if name.split(".")[0] not in ALLOWED}
        assert all(name.startswith("tests.venues") for name in foreign), (file.name, foreign)
