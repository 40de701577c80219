"""A strategy: market data in, signals out. It knows neither money nor orders."""

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from lts.domain.accounts import StandingTarget
from lts.domain.market import Bar, Instrument, RecentBars
from lts.domain.order_flow import OrderFilled
from lts.domain.plugins import Beat
from lts.domain.positions import PositionChanged
from lts.domain.signals import SignalRaised
from lts.kinds.plugin import EVERYONE, MARKET_DATA, Params, Plugin

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class StrategyAssignment:
    """For whom a strategy works: one instrument of one portfolio."""

    portfolio: str
    instrument: Instrument
    asset: str = ""
    """The asset's name in an account that hedges; empty where positions are netted."""


class Strategy(Plugin[P], Generic[P]):
    """Decides which side of one instrument to be on.

    Handlers hear the instrument's `Bar`, `BarOpened`, `Quote` and `Trade`, and the pipeline's
    `Beat`; each is a plain `def`. `signal` says what is wanted.
    """

    kind: ClassVar[str] = "strategy"
    publishes = (SignalRaised,)
    hears = (*EVERYONE, *MARKET_DATA, Beat, OrderFilled, PositionChanged)
    asks = (RecentBars, StandingTarget)

    @property
    def instrument(self) -> Instrument:
        """What this strategy watches."""
        instrument: Instrument = self.assignment.instrument
        return instrument

    def signal(self, target: float, because: str, confidence: float = 1.0) -> None:
        """Say which side is wanted from now on.

        Args:
            target: from -1 (as short as the portfolio goes) through 0 (flat) to +1 (as long as it goes).
            because: the reason, for people and the audit.
            confidence: from 0 to 1.

        Raises:
            ValueError: a number is outside its range.
        """
        if not -1 <= target <= 1:
            raise ValueError(f"a target lies between -1 and 1, and this is {target}")
        if not 0 <= confidence <= 1:
            raise ValueError(f"a confidence lies between 0 and 1, and this is {confidence}")
        assignment: StrategyAssignment = self.assignment
        symbol = assignment.instrument.symbol
        wish = SignalRaised(assignment.portfolio, symbol, target, because, confidence, assignment.asset)
        self.publish(wish)

    async def history(self, count: int) -> tuple[Bar, ...]:
        """Return the last bars before now, at most `count`, oldest first; for use in `lifespan`.

        A bar that is among them and also waits in the mailbox will not arrive again.
        """
        history = await self.ask(RecentBars(self.instrument.symbol, count))
        self.forget(lambda message: isinstance(message, Bar) and message.closed_at <= history.cursor)
        return history.bars

    async def standing_target(self) -> float:
        """Return the target that the portfolio pursues for this strategy; for use in `lifespan`."""
        kept: StrategyAssignment = self.assignment
        answer = await self.ask(StandingTarget(kept.portfolio, kept.instrument.symbol, kept.asset))
        return answer.target
