"""The points at which a node is killed are in functions that exist, whatever these are called by now."""

from importlib import import_module
from operator import attrgetter

import pytest

from tests.chaos.kill.points import PLACES, Place

pytestmark = pytest.mark.requirement("INT-4.5")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_place_is_in_a_function(place: Place) -> None:
    module = import_module(place.module.replace("lts_guest.", "plugins."))
    assert callable(attrgetter(place.function)(module))
