"""What a plugin finds around it on a bench unless a test says otherwise."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from lts.config.schema import (
    AssetPlan,
    BrokerPlan,
    FeedPlan,
    InstrumentPlan,
    NodePlan,
    PortfolioPlan,
    SystemPlan,
)
from lts.kinds.broker import BrokerAssignment
from lts.kinds.core import CoreAssignment
from lts.kinds.feed import FeedAssignment
from lts.kinds.pipeline import PipelineAssignment
from lts.kinds.portfolio import PortfolioAssignment
from lts.kinds.strategy import StrategyAssignment
from lts.testing.market import TEST
from lts.testing.security import aaa_assignment

NAME = "test"
"""What portfolios, brokers and plugins are called on a bench."""
KNOWN = {TEST.symbol: TEST}


def portfolio_plan(name: str = NAME) -> PortfolioPlan:
    """Return a portfolio that trades TEST by a strategy, as a system file would describe it."""
    asset = AssetPlan(instrument=TEST.symbol, broker=NAME, strategy=NAME, params={"of": "the strategy"})
    return PortfolioPlan(
        name=name,
        owner="tester",
        currency="USD",
        cash=Decimal(100_000),
        plugin=NAME,
        params={"of": "the portfolio"},
        asset=(asset,),
    )


def system_plan() -> SystemPlan:
    """Return a whole small system: one feed, one broker, two portfolios."""
    return SystemPlan(
        file=Path("test.toml").absolute(),
        instrument=(
            InstrumentPlan(
                symbol=TEST.symbol,
                currency=TEST.currency,
                tick_size=TEST.tick_size,
                lot_size=TEST.lot_size,
            ),
        ),
        feed=(FeedPlan(plugin=NAME, instrument=TEST.symbol, params={"of": "the feed"}),),
        broker=(BrokerPlan(name=NAME, plugin=NAME, params={"of": "the broker"}),),
        portfolio=(portfolio_plan("first"), portfolio_plan("second")),
        node=NodePlan(state_dir=Path("state")),
    )


def assignment_of(kind: str) -> Any:
    """Return what a plugin of a kind is here for, when a test does not say; None for a kind without."""
    assignments = {
        "feed": FeedAssignment(TEST, Path.cwd()),
        "strategy": StrategyAssignment(NAME, TEST),
        "portfolio": PortfolioAssignment(
            NAME, "tester", "USD", Decimal(100_000), KNOWN, brokers={TEST.symbol: NAME}
        ),
        "broker": BrokerAssignment(NAME, KNOWN),
        "pipeline": PipelineAssignment(portfolio_plan(), KNOWN, "test.toml"),
        "core": CoreAssignment(system_plan(), KNOWN),
    }
    return aaa_assignment() if kind == "aaa" else assignments.get(kind)


def scope_of(assignment: Any) -> Mapping[str, Any]:
    """Return the scope to which whoever starts a plugin limits what it hears."""
    match assignment:
        case FeedAssignment():
            return {"instrument": assignment.instrument.symbol}
        case StrategyAssignment():
            return {"portfolio": assignment.portfolio, "instrument": assignment.instrument.symbol}
        case PortfolioAssignment():
            return {"portfolio": assignment.portfolio, "instrument": assignment.heard}
        case BrokerAssignment():
            return {"broker": assignment.broker, "instrument": frozenset(assignment.instruments)}
        case PipelineAssignment():
            return {"portfolio": assignment.plan.name}
    return {}
