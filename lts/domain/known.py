"""What a system knows of markets, whoever trades what of it."""

from collections.abc import Mapping
from typing import NamedTuple

from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.market import Instrument


class Known(NamedTuple):
    """All instruments, and all ways between currencies."""

    instruments: Mapping[str, Instrument] = {}
    conversions: Conversions = NO_CONVERSIONS


NOTHING_KNOWN = Known()
