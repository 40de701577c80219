"""Long while the mean of the last fast closes is above that of the slow ones; else flat or short."""

from collections import deque
from collections.abc import AsyncGenerator
from typing import Literal, Self

from pydantic import Field, model_validator

from lts.sdk import Bar, Params, Strategy, on

SCALE = 2.0**100
"""Closes are summed as whole multiples of 2⁻¹⁰⁰, so that a sum never drifts."""
TIE = 10**10
"""A difference of means under one part in this is a tie."""


class SmaCrossParams(Params):
    """The two averages, and what to do below the cross."""

    fast: int = Field(ge=1, description="Closes in the fast average.")
    slow: int = Field(ge=2, description="Closes in the slow average.")
    direction: Literal["long_only", "long_short"] = Field(
        "long_only", description="Flat or short when not long."
    )

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be smaller than slow ({self.slow})")
        return self


class SmaCross(Strategy[SmaCrossParams]):
    """Two simple averages of the close."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Learn the closes before now, and what was signalled last."""
        self.closes: deque[int] = deque(maxlen=self.params.slow)
        self.fast_sum = self.slow_sum = 0
        self.below = 0.0 if self.params.direction == "long_only" else -1.0
        for bar in await self.history(self.params.slow):
            self.learn(bar)
        self.side = await self.standing_target()
        yield

    @on
    def watch_for_a_cross(self, bar: Bar) -> None:
        """Signal when the wanted side is not the one that was signalled last."""
        self.learn(bar)
        fast, slow = self.params.fast, self.params.slow
        if len(self.closes) < slow:
            return
        base = self.slow_sum * fast
        above = (self.fast_sum * slow - base) * TIE >= base
        side = 1.0 if above else self.below
        if side != self.side:
            self.side = side
            self.signal(
                side, because=f"the mean of {fast} closes is {'' if above else 'not '}above that of {slow}"
            )

    def learn(self, bar: Bar) -> None:
        """Move both averages on by one close."""
        closes, fast = self.closes, self.params.fast
        close = int(bar.close * SCALE)
        count = len(closes)
        if count >= fast:
            self.fast_sum -= closes[-fast]
        if count == self.params.slow:
            self.slow_sum -= closes[0]
        closes.append(close)
        self.fast_sum += close
        self.slow_sum += close
