"""What the guide for plugin authors shows, works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bus import ReplayDriver
from lts.admission.guest import Guest
from lts.config.file import read_system
from lts.kinds import KINDS
from lts.main import System
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("LTS-005", "INT-001", "INT-003")

GUIDE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
FILES = {
    path: code
    for _, path, code in re.findall(r"^```(python|toml)\n# (\S+)\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
}
MANIFEST = """\
kind = "{kind}"
name = "{name}"
version = "0.1.0"
entry = "plugin:{entry}"
requires-lts = ">=1.0,<2"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Somebody's directory with the files of the guide, and the manifests that it leaves out."""
    for path, code in FILES.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
        manifest = file.parent / "plugin.toml"
        if file.name == "plugin.py" and str(manifest.relative_to(tmp_path)) not in FILES:
            entry = re.findall(r"^class (\w+)\((?!Params)", code, re.MULTILINE)[0]
            kind, name = file.parts[-3:-1]
            manifest.write_text(MANIFEST.format(kind=kind, name=name, entry=entry))
    return tmp_path


def test_it_shows_whole_files() -> None:
    assert set(FILES) == {
        "my_plugins/strategy/breakout/plugin.py",
        "my_plugins/strategy/breakout/plugin.toml",
        "my_plugins/portfolio/all_in/plugin.py",
        "my_plugins/broker/at_close/plugin.py",
        "my_plugins/feed/sine/plugin.py",
        "tests/test_my_plugins.py",
        "system.toml",
    }


async def test_the_system_of_the_guide_trades(home: Path) -> None:
    system = System(read_system(home / "system.toml"), ReplayDriver())
    await system.start()
    try:
        await system.run()
        outcome = await system.outcome()
        assert system.trouble() is None
    finally:
        await system.stop()
        for module in [name for name in sys.modules if name.split(".")[0] == "lts_guest"]:
            del sys.modules[module]
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Guest)]
    assert outcome.bars == 2_000
    assert outcome.trades == 33
    assert outcome.fills == outcome.orders >= 66


def test_the_tests_of_the_guide_pass(home: Path) -> None:
    (home / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 40


@pytest.mark.requirement("INT-026")
async def test_the_refusal_of_the_guide_reads_as_it_says(home: Path) -> None:
    file = home / "system.toml"
    file.write_text(file.read_text().replace("params = { bars = 10 }", "params = { bar = 10 }"))
    with pytest.raises(Refused) as refused:
        await System(read_system(file), ReplayDriver()).start()
    (said,) = re.findall(r"^```text\n(.*)\n```", GUIDE, re.MULTILINE)
    assert str(refused.value) == f"{home}/{said}"


def test_every_kind_is_explained() -> None:
    for contract in KINDS.values():
        assert f"| `{contract.__name__}` |" in GUIDE
