"""Every built-in plugin is in order: admitted, described, documented, and within its kind."""

from pathlib import Path

import pytest

import plugins
from lts.admission.catalogue import Catalogue
from lts.admission.loader import Admitted, admit
from lts.admission.manifest import read_manifest
from lts.kinds import KINDS, SDK_VERSION

pytestmark = pytest.mark.requirement("INT-001", "INT-003")

TREE = Path(plugins.__file__).parent
CATALOGUE = Catalogue.discover(KINDS, SDK_VERSION, TREE)
BUILT_IN = [(listing.kind, listing.name) for listing in CATALOGUE.all() if listing.source == "built-in"]


def admitted(kind: str, name: str) -> Admitted:
    found = admit(kind, name, CATALOGUE)
    assert isinstance(found, Admitted), found
    return found


def test_all_of_them_are_found() -> None:
    assert BUILT_IN == [
        ("aaa", "local"),
        ("aaa", "oidc"),
        ("broker", "oanda"),
        ("broker", "paper"),
        ("core", "default"),
        ("feed", "csv"),
        ("feed", "mqtt"),
        ("feed", "oanda"),
        ("pipeline", "default"),
        ("portfolio", "fixed_fraction"),
        ("portfolio", "fixed_quantity"),
        ("strategy", "ema_cross"),
        ("strategy", "sma_cross"),
    ]


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_it_is_admitted_and_says_what_it_is(kind: str, name: str) -> None:
    found = admitted(kind, name)
    assert found.plugin.kind == kind  # type: ignore[attr-defined]
    assert read_manifest(found.directory).description


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_its_readme_explains_every_parameter(kind: str, name: str) -> None:
    found = admitted(kind, name)
    readme = (found.directory / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {kind}/{name}\n")
    model = found.plugin.params_model()  # type: ignore[attr-defined]
    for parameter, field in model.model_fields.items():
        assert f"| `{parameter}` |" in readme, f"{parameter} is not in the table of parameters"
        assert field.description, f"{parameter} is not described"
