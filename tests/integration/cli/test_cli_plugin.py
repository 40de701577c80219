"""`lts plugin list`: what can be plugged in, and what cannot."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.requirement("INT-001", "INT-026")

BUILT_IN = {
    ("aaa", "local"),
    ("aaa", "oidc"),
    ("broker", "oanda"),
    ("broker", "paper"),
    ("feed", "oanda"),
    ("core", "default"),
    ("feed", "csv"),
    ("feed", "mqtt"),
    ("pipeline", "default"),
    ("portfolio", "fixed_fraction"),
    ("portfolio", "fixed_quantity"),
    ("strategy", "ema_cross"),
    ("strategy", "sma_cross"),
}
Lts = Callable[..., Any]


def test_the_built_in_plugins_are_listed_with_what_they_say_of_themselves(lts: Lts) -> None:
    done = lts("plugin", "list", "--json")
    assert (done.code, done.err) == (0, "")
    listed = json.loads(done.out)
    assert listed["unlisted"] == []
    assert {(each["kind"], each["name"]) for each in listed["plugins"]} == BUILT_IN
    for each in listed["plugins"]:
        assert each["source"] == "built-in"
        assert Path(each["directory"]).is_dir()
        assert (bool(each["version"]), bool(each["description"]), each["problem"]) == (True, True, None)


def test_those_in_the_directories_of_a_file_are_listed_and_their_code_is_not_run(
    lts: Lts, system: Callable[..., Path], plugin: Callable[..., None]
) -> None:
    plugin("strategy", "mine", "raise SystemExit('this was run')")
    done = lts("plugin", "list", "--config", system(), "--json")
    (mine,) = [each for each in json.loads(done.out)["plugins"] if each["name"] == "mine"]
    assert mine["source"] == "plugins.directories"
    assert mine["description"] == "A guest of the tests."
    assert mine["problem"] is None


def test_a_broken_listing_shows_its_reason(
    lts: Lts, system: Callable[..., Path], plugin: Callable[..., None], tmp_path: Path
) -> None:
    plugin("strategy", "broken", "", version="zero")
    plugin("strategy", "older", "")
    manifest = tmp_path / "plugins/strategy/older/plugin.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(">=1.0,<2", "<1"), encoding="utf-8")
    done = lts("plugin", "list", "--config", system(), "--json")
    problems = {each["name"]: each["problem"] for each in json.loads(done.out)["plugins"] if each["problem"]}
    assert done.code == 0
    assert problems.keys() == {"broken", "older"}
    assert 'a version is written like "1.0.0"' in problems["broken"]
    assert "is made for LTS SDK <1" in problems["older"]
    assert "version is written" in " ".join(lts("plugin", "list", "--config", system()).out.split())


def test_people_get_a_table(lts: Lts) -> None:
    done = lts("plugin", "list")
    assert (done.code, done.err) == (0, "")
    for word in ("kind", "version", "built-in", "sma_cross", "0.1.0"):
        assert word in done.out
