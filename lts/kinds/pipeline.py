"""A pipeline: conducts one portfolio."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from bus import ActorFailed, ActorQuarantined, ActorStarted
from lts.config.schema import PortfolioPlan
from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.market import Instrument
from lts.domain.order_flow import (
    CancelAll,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderProposed,
)
from lts.domain.plugins import Beat, StartPlugin
from lts.domain.positions import PositionChanged
from lts.domain.signals import SignalRaised
from lts.kinds.plugin import EVERYONE, MARKET_DATA, Params
from lts.kinds.starter import Starter

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class PipelineAssignment:
    """Which portfolio a pipeline conducts."""

    plan: PortfolioPlan
    instruments: Mapping[str, Instrument]
    where: str
    """The file that describes the portfolio, for sentences about it."""
    conversions: Conversions = NO_CONVERSIONS
    """How the currencies of its instruments are converted into its own."""


class Pipeline(Starter[P], Generic[P]):
    """Starts a portfolio and its strategies, gives the beat, measures the stages, answers failures."""

    kind: ClassVar[str] = "pipeline"
    publishes = (Beat, SignalRaised)
    hears = (
        *EVERYONE,
        *MARKET_DATA,
        ActorStarted,
        ActorFailed,
        ActorQuarantined,
        SignalRaised,
        OrderProposed,
        OrderApproved,
        OrderDenied,
        OrderChanged,
        OrderFilled,
        PositionChanged,
    )
    asks = (StartPlugin, CancelAll)

    @property
    def plan(self) -> PortfolioPlan:
        """The portfolio that this pipeline conducts."""
        plan: PortfolioPlan = self.assignment.plan
        return plan
