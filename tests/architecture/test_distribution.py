"""What is installed is what the repository holds: code, types, samples and the descriptions of plugins."""

import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.requirement("LTS-008")

ROOT = Path(__file__).parents[2]
PACKAGES = ("actors", "bus", "lts", "plugins")
SAMPLES = ROOT / "lts/samples"
HATCHLING = Path(sys.executable).parent / "hatchling"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [HATCHLING, "build", "-t", "wheel", "-d", folder], cwd=ROOT, capture_output=True, check=True
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        yield archive


def test_the_wheel_carries_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    held = {path.relative_to(ROOT).as_posix() for path in files if path.suffix not in {".pyc", ".so"}}
    assert held - set(wheel.namelist()) == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_says_that_its_packages_are_typed(wheel: zipfile.ZipFile, package: str) -> None:
    assert f"{package}/py.typed" in wheel.namelist()


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "lts = lts.cli:main" in wheel.read(entry_points).decode()


def test_the_samples_are_the_files_of_their_provenance() -> None:
    text = (SAMPLES / "PROVENANCE.md").read_text(encoding="utf-8")
    stated = {
        name: digest for digest, name in re.findall(r"^([0-9a-f]{64})  (\S+)$", text, flags=re.MULTILINE)
    }
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in SAMPLES.glob("*.csv")}
    assert found == stated
