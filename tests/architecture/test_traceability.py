"""A test's mark leads to a requirement, and back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.requirement("INT-10.1")

ROOT = Path(__file__).parents[2]
TEST_MODULES = sorted((ROOT / "tests").rglob("test_*.py"))
TABLES = (ROOT / "docs/requirements.md").read_text(encoding="utf-8")
DEFINED = set(re.findall(r"^\| ((?:INT|LTS)-[\d.]+) \|", TABLES, flags=re.MULTILINE))


def marked_in(source: str) -> Iterator[str]:
    """The ids in the `requirement` marks of a test module; one that is not a literal is an error."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="requirement"), args=ids):
                yield from (ast.literal_eval(id_) for id_ in ids)


def name_of(module: Path) -> str:
    return str(module.relative_to(ROOT))


def test_the_numbered_requirements_are_all_defined() -> None:
    assert {f"INT-{number:03}" for number in range(1, 29)} <= DEFINED


@pytest.mark.parametrize("module", TEST_MODULES, ids=name_of)
def test_every_test_module_names_requirements_that_are_defined(module: Path) -> None:
    marked = set(marked_in(module.read_text(encoding="utf-8")))
    assert marked, "no requirement is named"
    assert marked <= DEFINED


def test_an_undefined_id_would_be_noticed() -> None:
    assert not set(marked_in('pytestmark = pytest.mark.requirement("INT-999")')) <= DEFINED
