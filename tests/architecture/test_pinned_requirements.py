"""What is installed is known to the byte, and from nowhere in particular."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.requirement("LTS-006")

ROOT = Path(__file__).parents[2]
PINNED = sorted((ROOT / "requirements").glob("*.txt"))
SET_UP = [
    *PINNED,
    *(ROOT / name for name in ("Makefile", "pyproject.toml", ".ci/run", "requirements/README.md")),
]
REGISTRY = re.compile(r"https?:|index-url|find-links|trusted-host|^\s*-[if]\s|file:/", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


def name_of(file: Path) -> str:
    return file.name


def pins(file: Path) -> dict[str, str]:
    """Each requirement of a pinned file, by its name, with all that stands on its lines."""
    text = re.sub(r"^\s*#.*\n?", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry.strip()]
    return {Requirement(entry.partition("--hash")[0].strip()).name: entry for entry in entries}


@pytest.mark.parametrize("file", PINNED, ids=name_of)
def test_every_pin_is_exact_and_has_a_hash(file: Path) -> None:
    assert pins(file)
    for entry in pins(file).values():
        assert re.match(r"[\w.\-\[\]]+==[\w.]+ ", entry), entry
        assert HASH.search(entry), entry


@pytest.mark.parametrize("file", SET_UP, ids=name_of)
def test_no_set_up_file_names_a_registry(file: Path) -> None:
    assert REGISTRY.findall(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("file", "wanted"),
    [("runtime.txt", "runtime"), ("dev.txt", "runtime"), ("dev.txt", "dev"), ("build.txt", "build")],
)
def test_the_pins_are_those_that_the_project_asks_for(file: str, wanted: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists = {"runtime": project["project"]["dependencies"], **project["dependency-groups"]}
    pinned = pins(ROOT / "requirements" / file)
    for requirement in map(Requirement, lists[wanted]):
        assert requirement.name in pinned
        version = re.search(r"==([\w.]+)", pinned[requirement.name])
        assert version is not None
        assert requirement.specifier.contains(version[1])


def test_the_test_requirements_are_the_runtime_requirements_and_more() -> None:
    dev = pins(ROOT / "requirements/dev.txt")
    runtime = pins(ROOT / "requirements/runtime.txt")
    assert {name: dev.get(name) for name in runtime} == runtime
