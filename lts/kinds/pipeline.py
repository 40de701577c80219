"""A pipeline: conducts one portfolio."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from bus import ActorFailed, ActorQuarantined, ActorStarted
from lts.config.schema import PortfolioPlan
from lts.domain.conversion import NO_CONVERSIONS, Conversions
from lts.domain.known import NOTHING_KNOWN, Known
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
    """The file that describes the portfolio, for sentences about it; empty if none does."""
    conversions: Conversions = NO_CONVERSIONS
    """How the currencies of its instruments are converted into its own."""
    known: Known = field(default=NOTHING_KNOWN, compare=False)
    """All that the system knows of instruments and currencies."""


def conducting(portfolio: PortfolioPlan, known: Known, where: str = "") -> StartPlugin:
    """Return what asks the host for a portfolio's pipeline.

    Args:
        portfolio: which one.
        known: what there is to trade.
        where: the file that describes the portfolio; empty for one that was made at run time.
    """
    traded = {asset.instrument: known.instruments[asset.instrument] for asset in portfolio.assets}
    currencies = (each.currency for each in traded.values())
    conversions = known.conversions.into(portfolio.currency, currencies)
    place = f"{where}: {portfolio.place}" if where else portfolio.place
    return StartPlugin(
        kind="pipeline",
        plugin=portfolio.pipeline,
        actor=f"pipeline/{portfolio.name}",
        params=portfolio.pipeline_params,
        where=f"{place}, pipeline_params",
        assignment=PipelineAssignment(portfolio, traded, where, conversions, known),
        scope={"portfolio": portfolio.name},
    )


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

    @property
    def place(self) -> str:
        """Where the portfolio is described, for sentences about it."""
        where = self.assignment.where
        return f"{where}: {self.plan.place}" if where else self.plan.place
