"""What goes wrong under a seed: how often, when, and how often it did."""

from collections import Counter
from random import Random

import msgspec

SECOND = 1_000_000_000


class Weather(msgspec.Struct, frozen=True):
    """How bad it is under one seed: drawn once, so that each kind of trouble has seeds without any other."""

    lost: float
    """The share of messages between broker and venue that are lost."""
    doubled: float
    slow: float
    """The share that take up to some seconds."""
    hangups: float
    """How often the line breaks, a second; the same for what follows."""
    actor_crashes: float
    node_crashes: float
    disk_errors: float
    leaps: float
    """How often market time jumps ahead."""
    halts: float
    strangers: float
    """How often somebody else trades in the account."""
    works: float
    """Seconds after which something happens to an order at the venue."""
    in_order: bool
    """Whether the broker reports transactions in their order only, or as they come in."""

    @classmethod
    def of(cls, draw: Random) -> "Weather":
        """Draw it."""

        def at_times(share: float, most: float) -> float:
            return draw.uniform(0, most) if draw.random() < share else 0.0

        return cls(
            lost=at_times(0.6, 0.15),
            doubled=at_times(0.6, 0.2),
            slow=at_times(0.6, 0.15),
            hangups=at_times(0.5, 0.5),
            actor_crashes=at_times(0.5, 1.0),
            node_crashes=at_times(0.6, 0.5),
            disk_errors=at_times(0.4, 0.4),
            leaps=at_times(0.2, 0.3),
            halts=at_times(0.5, 0.3),
            strangers=at_times(0.15, 0.3),
            works=draw.choice((0.04, 0.08, 0.4)),
            in_order=draw.random() < 0.7,
        )


CALM = Weather(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, works=1, in_order=True)


class Tally(Counter[str]):
    """How often each fault happened."""
