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
from lts.config.schema import AssetPlan, BrokerPlan, FeedPlan, PortfolioPlan, SystemPlan
from lts.domain.accounts import AccountReported, GetAccount, StandingTarget, TargetStood
from lts.domain.fills import Fill
from lts.domain.health import GetHealth, HealthReported, HealthStatus
from lts.domain.journal import (
    Deposit,
    DepositsRecalled,
    OrdersRecalled,
    ProgressRecalled,
    RecallDeposits,
    RecallOrders,
    RecallProgress,
)
from lts.domain.market import (
    Bar,
    BarOpened,
    FeedProgressed,
    GetFeedProgress,
    History,
    Instrument,
    Quote,
    RecentBars,
    Trade,
)
from lts.domain.money import exact, plain, unrounded
from lts.domain.order_flow import (
    CancelAll,
    ExecType,
    ExecutionReport,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderProposed,
    PlaceOrder,
    WithdrawOrder,
)
from lts.domain.orders import ApprovedOrder, Order, OrderRecord, OrderStatus, OrderType, Side, TimeInForce
from lts.domain.plugins import (
    Beat,
    DebugInfo,
    GetDebugInfo,
    PluginRefused,
    PluginStarted,
    StartPlugin,
    SystemReady,
)
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
    "AccountReported",
    "ActorFailed",
    "ActorQuarantined",
    "ActorStarted",
    "ApprovedOrder",
    "AssetPlan",
    "Bar",
    "BarOpened",
    "Beat",
    "Broker",
    "BrokerAssignment",
    "BrokerPlan",
    "CancelAll",
    "Core",
    "CoreAssignment",
    "DebugInfo",
    "Deposit",
    "DepositsRecalled",
    "Event",
    "ExecType",
    "ExecutionReport",
    "Feed",
    "FeedAssignment",
    "FeedPlan",
    "FeedProgressed",
    "Fill",
    "GetAccount",
    "GetDebugInfo",
    "GetFeedProgress",
    "GetHealth",
    "HealthReported",
    "HealthStatus",
    "History",
    "Instrument",
    "Moment",
    "Order",
    "OrderApproved",
    "OrderChanged",
    "OrderDenied",
    "OrderFilled",
    "OrderProposed",
    "OrderRecord",
    "OrderStatus",
    "OrderType",
    "OrdersRecalled",
    "Params",
    "Pipeline",
    "PipelineAssignment",
    "PlaceOrder",
    "PluginRefused",
    "PluginStarted",
    "Portfolio",
    "PortfolioAssignment",
    "PortfolioPlan",
    "Position",
    "PositionChanged",
    "ProgressRecalled",
    "Quote",
    "RecallDeposits",
    "RecallOrders",
    "RecallProgress",
    "RecentBars",
    "Refused",
    "ReplayFeed",
    "Side",
    "SignalRaised",
    "StandingTarget",
    "StartPlugin",
    "Strategy",
    "StrategyAssignment",
    "SystemPlan",
    "SystemReady",
    "TargetStood",
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
