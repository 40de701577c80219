"""Long while the mean of the last fast closes is above that of the slow ones; else flat or short."""

from collections import deque
from collections.abc import AsyncGenerator
from math import fsum
from typing import Literal, Self

from pydantic import Field, model_validator

from lts.sdk import Bar, Params, Strategy, on

TIE = 1e-10
"""A difference of means under this part of the slow one is a tie, and a tie is not above."""
CLEAR = 1e-8
"""A difference of more than this part of the highest close is beyond doubt."""
HEADROOM = 2.0
"""How far closes may rise above the highest one before the sums are made anew."""


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
    """Two simple averages of the close.

    The sums are kept as floats and made anew, correctly rounded, every `slow` bars. In between
    their error is far below `CLEAR` of the highest close; a difference that is not clear of it is
    judged by sums made anew as well. So the side is always that of exact averages.
    """

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Learn the closes before now, and what was signalled last."""
        self.fast, self.slow = self.params.fast, self.params.slow
        self.below = 0.0 if self.params.direction == "long_only" else -1.0
        self.fast_closes: deque[float] = deque()
        self.slow_closes: deque[float] = deque()
        self.sum_anew()
        for bar in await self.history(self.slow):
            self.learn(bar.close)
        self.side = await self.standing_target()
        yield

    @on
    def watch_for_a_cross(self, bar: Bar) -> None:
        """Signal when the wanted side is not the one that was signalled last."""
        self.learn(bar.close)
        if len(self.slow_closes) < self.slow:
            return
        above = self.fast_sum / self.fast - self.slow_sum / self.slow
        if -self.unclear < above < self.unclear:
            self.sum_anew()
            mean = self.slow_sum / self.slow
            above = self.fast_sum / self.fast - mean
            above = 0.0 if above < mean * TIE else above
        side = 1.0 if above > 0 else self.below
        if side != self.side:
            self.side = side
            word = "above" if above > 0 else "not above"
            self.signal(side, because=f"the mean of {self.fast} closes is {word} that of {self.slow}")

    def learn(self, close: float) -> None:
        """Move both averages on by one close."""
        fast_closes, slow_closes = self.fast_closes, self.slow_closes
        fast_closes.append(close)
        slow_closes.append(close)
        self.fast_sum += close
        self.slow_sum += close
        if len(fast_closes) > self.fast:
            self.fast_sum -= fast_closes.popleft()
        if len(slow_closes) > self.slow:
            self.slow_sum -= slow_closes.popleft()
        self.since += 1
        if self.since >= self.slow or close > self.highest:
            self.sum_anew()

    def sum_anew(self) -> None:
        """Make the sums, without what rounding has done to them so far."""
        self.fast_sum, self.slow_sum = fsum(self.fast_closes), fsum(self.slow_closes)
        self.since = 0
        self.highest = max(self.slow_closes, default=0.0) * HEADROOM
        self.unclear = self.highest * CLEAR
