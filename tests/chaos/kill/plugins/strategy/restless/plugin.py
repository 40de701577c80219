"""Changes its mind all the time: what is drawn, not what is seen, decides."""

import os
from collections.abc import AsyncGenerator
from random import Random

from pydantic import Field

from lts.sdk import Params, Quote, Strategy, on


class RestlessParams(Params):
    """How often it changes its mind."""

    appetite: float = Field(0.2, ge=0, le=1, description="The part of the quotes that it signals at.")


class Restless(Strategy[RestlessParams]):
    """Signals any target at a part of the quotes; not at all where KILL_QUIET is set."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Draw other numbers in each start, and the same ones for the same seed."""
        of = self.assignment
        self.draw = Random(f"{os.environ.get('KILL_SEED', '')} {of.portfolio} {of.instrument.symbol}")
        self.quiet = "KILL_QUIET" in os.environ
        yield

    @on
    def watch(self, _: Quote) -> None:
        """Want something else."""
        if not self.quiet and self.draw.random() < self.params.appetite:
            self.signal(round(self.draw.uniform(-1, 1), 3), because="it is restless")
