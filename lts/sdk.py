"""All that a plugin needs, and the only module of LTS that it imports.

A plugin is a class of one kind, with parameters of its own:

    class Mine(Strategy[MineParams]):
        @on
        def watch(self, bar: Bar) -> None: ...

`docs/plugins.md` is the guide.
"""

from bus import (
    SECOND,
    ActorFailed,
    ActorQuarantined,
    ActorStarted,
    Event,
    Moment,
    Time,
    Undeliverable,
    every,
    on,
)
from lts.config.schema import BrokerPlan, FeedPlan, PortfolioPlan
from lts.domain.health import GetHealth, HealthReported, HealthStatus
from lts.domain.market import Bar, BarOpened, Instrument, Quote, Trade
from lts.domain.money import exact, plain, unrounded
from lts.domain.order_flow import (
    CancelAll,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderProposed,
    PlaceOrder,
    WithdrawOrder,
)
from lts.domain.orders import ApprovedOrder, Order, OrderStatus, OrderType, Side, TimeInForce
from lts.domain.plugins import Beat, StartPlugin, SystemReady
from lts.domain.positions import Position, PositionChanged
from lts.domain.signals import SignalRaised
from lts.kinds import SDK_VERSION
from lts.kinds.broker import Broker, BrokerAssignment
from lts.kinds.core import Core, CoreAssignment
from lts.kinds.feed import CLOSES, OPENS, Feed, FeedAssignment, ReplayFeed
from lts.kinds.pipeline import Pipeline, PipelineAssignment
from lts.kinds.plugin import Params
from lts.kinds.portfolio import Portfolio, PortfolioAssignment
from lts.kinds.strategy import Strategy, StrategyAssignment
from lts.refusal import Refused

__all__ = [
    "CLOSES",
    "OPENS",
    "SDK_VERSION",
    "SECOND",
    "ActorFailed",
    "ActorQuarantined",
    "ActorStarted",
    "ApprovedOrder",
    "Bar",
    "BarOpened",
    "Beat",
    "Broker",
    "BrokerAssignment",
    "BrokerPlan",
    "CancelAll",
    "Core",
    "CoreAssignment",
    "Event",
    "Feed",
    "FeedAssignment",
    "FeedPlan",
    "GetHealth",
    "HealthReported",
    "HealthStatus",
    "Instrument",
    "Moment",
    "Order",
    "OrderApproved",
    "OrderChanged",
    "OrderDenied",
    "OrderFilled",
    "OrderProposed",
    "OrderStatus",
    "OrderType",
    "Params",
    "Pipeline",
    "PipelineAssignment",
    "PlaceOrder",
    "Portfolio",
    "PortfolioAssignment",
    "PortfolioPlan",
    "Position",
    "PositionChanged",
    "Quote",
    "Refused",
    "ReplayFeed",
    "Side",
    "SignalRaised",
    "StartPlugin",
    "Strategy",
    "StrategyAssignment",
    "SystemReady",
    "Time",
    "TimeInForce",
    "Trade",
    "Undeliverable",
    "WithdrawOrder",
    "every",
    "exact",
    "on",
    "plain",
    "unrounded",
]
