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
    AskError,
    Event,
    Moment,
    Time,
    Undeliverable,
    every,
    on,
)
from bus.clock import pause
from lts.config.schema import AssetPlan, BrokerPlan, FeedPlan, PortfolioPlan, SystemPlan
from lts.domain.accounts import AccountReported, GetAccount, StandingTarget, TargetStood
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged, FinancingReport
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
from lts.domain.known import Known
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
    AmendOrder,
    CancelAll,
    CancelOrder,
    ExecType,
    ExecutionReport,
    GetOrdersUnderWay,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderProposed,
    OrdersUnderWay,
    PlaceOrder,
    QueryOrder,
    WithdrawOrder,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, Terms, TimeInForce, objection_to
from lts.domain.plugins import (
    Beat,
    DebugInfo,
    GetDebugInfo,
    InstrumentNotTaken,
    InstrumentTaken,
    PluginRefused,
    PluginStarted,
    StartPlugin,
    SystemReady,
    TakeInstrument,
)
from lts.domain.positions import Position, PositionChanged
from lts.domain.protection import EmergencyExit
from lts.domain.reconciliation import (
    CursorRecalled,
    PositionAdjusted,
    RecallCursor,
    TransactionsSeen,
    VenueLost,
    VenueOrder,
    VenuePosition,
    VenueReported,
)
from lts.domain.risk import ClosePositions
from lts.domain.signals import SignalRaised
from lts.domain.trading_day import TradingDay
from lts.kinds import SDK_VERSION
from lts.kinds.access import AccessParams
from lts.kinds.broker import Broker, BrokerAssignment
from lts.kinds.core import Core, CoreAssignment
from lts.kinds.feed import CLOSES, OPENS, Feed, FeedAssignment, ReplayFeed
from lts.kinds.pipeline import Pipeline, PipelineAssignment, conducting
from lts.kinds.plugin import Params
from lts.kinds.portfolio import AllBooked, Portfolio, PortfolioAssignment
from lts.kinds.strategy import Strategy, StrategyAssignment
from lts.refusal import Refused
from lts.web.address import WebAddress, is_loopback
from lts.web.patience import persist
from lts.web.service import Silent, Unanswered, WebAnswer, WebService
from lts.web.times import from_rfc3339, to_rfc3339

__all__ = [
    "CLOSES",
    "OPENS",
    "SDK_VERSION",
    "SECOND",
    "AccessParams",
    "AccountReported",
    "ActorFailed",
    "ActorQuarantined",
    "ActorStarted",
    "AllBooked",
    "AmendOrder",
    "ApprovedOrder",
    "AskError",
    "AssetPlan",
    "Bar",
    "BarOpened",
    "Beat",
    "Broker",
    "BrokerAssignment",
    "BrokerPlan",
    "CancelAll",
    "CancelOrder",
    "ClosePositions",
    "Core",
    "CoreAssignment",
    "CursorRecalled",
    "DebugInfo",
    "Deposit",
    "DepositsRecalled",
    "EmergencyExit",
    "Event",
    "ExecType",
    "ExecutionReport",
    "Feed",
    "FeedAssignment",
    "FeedPlan",
    "FeedProgressed",
    "Fill",
    "FinancingCharged",
    "FinancingReport",
    "GetAccount",
    "GetDebugInfo",
    "GetFeedProgress",
    "GetHealth",
    "GetOrdersUnderWay",
    "HealthReported",
    "HealthStatus",
    "History",
    "Instrument",
    "InstrumentNotTaken",
    "InstrumentTaken",
    "Known",
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
    "OrdersUnderWay",
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
    "PositionAdjusted",
    "PositionChanged",
    "ProgressRecalled",
    "QueryOrder",
    "Quote",
    "RecallCursor",
    "RecallDeposits",
    "RecallOrders",
    "RecallProgress",
    "RecentBars",
    "Refused",
    "ReplayFeed",
    "Side",
    "SignalRaised",
    "Silent",
    "StandingTarget",
    "StartPlugin",
    "Strategy",
    "StrategyAssignment",
    "SystemPlan",
    "SystemReady",
    "TakeInstrument",
    "TargetStood",
    "Terms",
    "Time",
    "TimeInForce",
    "Trade",
    "TradingDay",
    "TransactionsSeen",
    "Unanswered",
    "Undeliverable",
    "VenueLost",
    "VenueOrder",
    "VenuePosition",
    "VenueReported",
    "WebAddress",
    "WebAnswer",
    "WebService",
    "WithdrawOrder",
    "conducting",
    "every",
    "exact",
    "from_rfc3339",
    "is_loopback",
    "objection_to",
    "on",
    "pause",
    "persist",
    "plain",
    "to_rfc3339",
    "unrounded",
]
