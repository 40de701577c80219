"""A plugin says what it is in plugin.toml, strictly."""

from pathlib import Path

import pytest

from lts.admission.manifest import read_manifest
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-001", "INT-018", "INT-026")

GOOD = """\
kind = "strategy"
name = "sma_cross"
version = "1.0.0"
entry = "signals.crossing:SmaCross"
requires-lts = ">=1.0,<2"
"""


def written(directory: Path, text: str) -> Path:
    (directory / "plugin.toml").write_text(text)
    return directory


def test_a_manifest_needs_five_keys(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, GOOD))
    assert (manifest.kind, manifest.name, manifest.version) == ("strategy", "sma_cross", "1.0.0")
    assert (manifest.module, manifest.class_name) == ("signals.crossing", "SmaCross")
    assert manifest.requires_lts == "<2,>=1.0"
    assert (manifest.requires_python, manifest.capabilities, manifest.description) == ("", (), "")


def test_a_manifest_may_say_more(tmp_path: Path) -> None:
    more = GOOD + 'requires-python = ">=3.11"\ncapabilities = ["network"]\ndescription = "Follows."\n'
    manifest = read_manifest(written(tmp_path, more))
    assert (manifest.requires_python, manifest.capabilities) == (">=3.11", ("network",))
    assert manifest.description == "Follows."


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        ('version = "1.0.0"\n', "", "the key 'version' is missing; add it"),
        ("requires-lts", "requires_lts", "unknown key 'requires_lts'; did you mean 'requires-lts'?"),
        ('"1.0.0"', '"one"', "version: a version is written like \"1.0.0\"; found the text 'one'"),
        ('"1.0.0"', "1.0", "version must be text in quotes; found the number 1.0"),
        ('">=1.0,<2"', '"1.0"', "requires-lts: a range of versions is written like"),
        ("signals.crossing:SmaCross", "signals.crossing", "entry: an entry is a module and a class"),
        ("signals.crossing:SmaCross", "../x:SmaCross", "entry: an entry is a module and a class"),
        ('"sma_cross"', '"../sma_cross"', "name: a plugin's name is made of"),
        (GOOD, "", "the file is empty"),
        (GOOD, "kind = ", "not valid TOML: Invalid value (at line 1, the end of the file)"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused(tmp_path: Path, good: str, bad: str, reason: str) -> None:
    assert good in GOOD
    with pytest.raises(Refused) as caught:
        read_manifest(written(tmp_path, GOOD.replace(good, bad)))
    assert str(caught.value).startswith(f"{tmp_path / 'plugin.toml'}: {reason}")
