"""Long while the mean of the last fast closes is above that of the slow ones; else flat or short."""

from collections.abc import AsyncGenerator
from math import fsum, inf
from typing import Literal, Self

from pydantic import Field, model_validator

from lts.sdk import Bar, Params, Strategy, on

MOST = 1_000_000
"""Closes in an average, at most."""
TIE = 1e-10
"""A difference of means under this part of the slow one is a tie, and a tie is not above."""
CLEAR = 1e-8
"""A difference of more than this part of the highest close is beyond doubt."""
HEADROOM = 2.0
"""How far closes may rise above the highest one before the sums are made anew."""


class SmaCrossParams(Params):
    """The two averages, and what to do below the cross."""

    fast: int = Field(ge=1, le=MOST, description="Closes in the fast average.")
    slow: int = Field(ge=2, le=MOST, description="Closes in the slow average.")
    direction: Literal["long_only", "long_short"] = Field(
        "long_only", description="Flat or short when not long."
    )

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be smaller than slow ({self.slow})")
        return self


class SmaCross(Strategy[SmaCrossParams]):
    """Two simple averages of the close, and by how much the fast one leads.

    The last closes lie in a ring. The lead is moved on from close to close, and made anew from
    correctly rounded sums each time round. In between its error is far below `CLEAR` of the highest
    close; a lead that is not clear of that is made anew as well. So the side is always that of
    exact averages. A lead that is clear, and has the sign of its `way`, has not crossed.
    """

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Learn the closes before now, and what was signalled last."""
        self.fast, self.slow = self.params.fast, self.params.slow
        self.below = 0.0 if self.params.direction == "long_only" else -1.0
        self.leaving_fast, self.leaving_slow = 1 / self.fast, 1 / self.slow
        self.entering = self.leaving_fast - self.leaving_slow
        closes = [bar.close for bar in await self.history(self.slow)]
        self.ring = closes + [0.0] * (self.slow - len(closes))
        self.place, self.complete = len(closes) % self.slow, len(closes) == self.slow
        self.lead, self.unclear, self.highest = 0.0, inf, inf
        self.measure()
        self.side = await self.standing_target()
        self.way = 0.0
        yield

    @on
    def watch_for_a_cross(self, bar: Bar) -> None:
        """Put the close into the ring in the place of the oldest, and move the lead on."""
        ring, place, close = self.ring, self.place, bar.close
        left = ring[place - self.fast] * self.leaving_fast - ring[place] * self.leaving_slow
        self.lead += close * self.entering - left
        ring[place] = close
        self.place = place = place + 1
        if place == self.slow:
            self.place, self.complete = 0, True
            self.measure()
        elif close > self.highest:
            self.measure()
        if self.lead * self.way <= self.unclear:
            self.decide()

    def decide(self) -> None:
        """Signal when the wanted side is not the one that was signalled last."""
        if not self.complete:
            return
        if -self.unclear < self.lead < self.unclear:
            self.measure()
        above = self.lead > 0
        self.way = 1.0 if above else -1.0
        side = 1.0 if above else self.below
        if side != self.side:
            self.side = side
            word = "above" if above else "not above"
            self.signal(side, because=f"the mean of {self.fast} closes is {word} that of {self.slow}")

    def measure(self) -> None:
        """Make the lead from sums that rounding has done nothing to; a tie is no lead."""
        if not self.complete:
            return
        ring, place = self.ring, self.place
        fast = (ring[place:] + ring[:place])[-self.fast :]
        mean = fsum(ring) / self.slow
        lead = fsum(fast) / self.fast - mean
        self.lead = lead if lead >= mean * TIE else min(lead, 0.0)
        self.highest = max(ring) * HEADROOM
        self.unclear = self.highest * CLEAR
