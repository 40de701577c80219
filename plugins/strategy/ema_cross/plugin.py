"""Buy when the fast average crosses above the slow one; sell when it crosses below."""

from collections.abc import AsyncGenerator
from typing import Literal, Self

from pydantic import Field, model_validator

from lts.sdk import Bar, Params, Strategy, on


class EmaCrossParams(Params):
    """The two averages, and what to do below the cross."""

    fast: int = Field(12, ge=2, description="Bars in the fast average.")
    slow: int = Field(26, ge=3, description="Bars in the slow average.")
    direction: Literal["long_only", "long_short"] = Field(
        "long_short", description="Flat or short when not long."
    )

    @model_validator(mode="after")
    def _fast_is_faster(self) -> Self:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be smaller than slow ({self.slow})")
        return self


class EmaCross(Strategy[EmaCrossParams]):
    """Two exponential averages of the close, and the moment they cross."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Learn from the bars before now, and what was signalled last."""
        self.fast = self.slow = 0.0
        self.learned = 0
        self.below = 0.0 if self.params.direction == "long_only" else -1.0
        for bar in await self.history(4 * self.params.slow):
            self.learn(bar)
        self.above = await self.standing_target() > 0
        yield

    @on
    def watch_for_a_cross(self, bar: Bar) -> None:
        """Signal at the bar at which one average passes the other."""
        self.learn(bar)
        was_above, self.above = self.above, self.fast > self.slow
        match was_above, self.above:
            case False, True:
                self.signal(+1, because="fast crossed above slow")
            case True, False:
                self.signal(self.below, because="fast crossed below slow")

    def learn(self, bar: Bar) -> None:
        """Move both averages on by one close, by 2 / (n + 1) of the way."""
        if not self.learned:
            self.fast = self.slow = bar.close
        self.learned += 1
        self.fast += (bar.close - self.fast) * 2 / (self.params.fast + 1)
        self.slow += (bar.close - self.slow) * 2 / (self.params.slow + 1)
