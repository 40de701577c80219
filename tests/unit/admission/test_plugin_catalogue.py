"""Plugins are found by kind and name in three places, without running any of their code."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lts.admission.catalogue import Catalogue
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-001")

Write = Callable[..., Path]
Discover = Callable[..., Catalogue]

BOOM = "raise RuntimeError('a guest ran before it was admitted')\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for installed packages, already on the path."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    return site


def offer(site: Path, **points: str) -> None:
    """Install a distribution that offers plugins by entry points."""
    info = site / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    lines = [f"{name} = {value}\n" for name, value in points.items()]
    (info / "entry_points.txt").write_text("[lts.plugins]\n" + "".join(lines))


def test_a_tree_is_laid_out_by_kind_and_name(write: Write, discover: Discover, tree: Path) -> None:
    write("strategy", "mean", plugin=BOOM)
    write("strategy", "alpha", plugin=BOOM)
    write("broker", "paper", plugin=BOOM)
    (tree / "strategy" / "empty").mkdir()
    listed = discover().all()
    assert [(one.kind, one.name) for one in listed] == [
        ("broker", "paper"),
        ("strategy", "alpha"),
        ("strategy", "mean"),
    ]
    assert listed[0].directory == tree / "broker" / "paper"
    assert listed[0].source == "built-in"


def test_directories_of_the_configuration_are_listed_too(
    write: Write, discover: Discover, tmp_path: Path
) -> None:
    write("strategy", "mean")
    write("strategy", "mine", at=tmp_path / "mine" / "strategy" / "mine")
    catalogue = discover(tmp_path / "mine")
    assert catalogue.names("strategy") == ["mean", "mine"]
    assert catalogue.places("strategy", "mine")[0].source == "plugins.directories"


def test_one_directory_by_two_ways_is_one_place(write: Write, discover: Discover, tree: Path) -> None:
    write("strategy", "mean")
    (tree.parent / "link").symlink_to(tree)
    assert len(discover(tree, tree.parent / "link").all()) == 1


def test_a_name_may_be_listed_in_two_places(write: Write, discover: Discover, tmp_path: Path) -> None:
    first = write("strategy", "mean")
    second = tmp_path / "mine" / "strategy" / "mean"
    shutil.copytree(first, second)
    places = discover(tmp_path / "mine").places("strategy", "mean")
    assert {listing.directory for listing in places} == {first, second}


def test_a_directory_that_is_none_is_refused(discover: Discover, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"plugins\.directories: .*absent is not a directory; check the path"):
        discover(tmp_path / "absent")


def test_an_installed_package_is_located_without_importing_it(
    write: Write, discover: Discover, site: Path
) -> None:
    directory = write("strategy", "mean", at=site / "acme_plugins" / "inner")
    (site / "acme_plugins" / "__init__.py").write_text(BOOM)
    (directory / "__init__.py").write_text(BOOM)
    offer(site, any_name="acme_plugins.inner")
    (listed,) = discover().all()
    assert (listed.kind, listed.name, listed.directory) == ("strategy", "mean", directory)
    assert listed.source == "installed, entry point 'any_name'"
    assert not [module for module in sys.modules if module.startswith("acme_plugins")]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("acme_absent", "there is no package 'acme_absent'"),
        ("acme_bare.inner", "there is no package 'acme_bare.inner'"),
        ("acme_bare", "plugin.toml: there is no such file"),
        ("acme_module", "there is no package 'acme_module'"),
        ("acme bare", "there is no package 'acme bare'"),
        ("acme_bare:Class", "there is no package 'acme_bare:Class'"),
        ("..", "there is no package '..'"),
    ],
)
def test_an_offer_that_leads_nowhere_is_told_and_disturbs_nobody(
    write: Write, discover: Discover, site: Path, value: str, reason: str
) -> None:
    write("strategy", "mean")
    (site / "acme_bare").mkdir()
    (site / "acme_bare" / "__init__.py").write_text("")
    (site / "acme_module.py").write_text(BOOM)
    offer(site, broken=value)
    catalogue = discover()
    assert catalogue.names("strategy") == ["mean"]
    (told,) = catalogue.unlisted
    assert told.startswith("entry point 'broken' of lts.plugins: ")
    assert reason in told
