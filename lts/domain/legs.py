"""Legs: the two positions of an asset in an account that hedges, one for being long and one for being short.

From long to short, the long one is closed and the short one opened: none ever changes its side.
"""

from decimal import Decimal
from typing import NamedTuple

from lts.domain.money import ZERO

_LONG, _SHORT = ":long", ":short"  # no name has a colon, so that no leg is called like an instrument


class Leg(NamedTuple):
    """One side of an asset."""

    instrument: str
    id: str
    """Of its position."""
    is_long: bool

    def part(self, wanted: Decimal) -> Decimal:
        """Return what of a wanted position is held in this leg."""
        return wanted if (wanted > 0) is self.is_long else ZERO


def legs(asset: str, instrument: str) -> tuple[Leg, Leg]:
    """Return the legs of an asset."""
    return Leg(instrument, f"{asset}{_LONG}", is_long=True), Leg(
        instrument, f"{asset}{_SHORT}", is_long=False
    )


def asset_of(place: str) -> str:
    """Return the asset that a place belongs to: a leg to its asset, any other place is one by itself."""
    return place.removesuffix(_LONG).removesuffix(_SHORT)
