"""A bench: one actor under test on a real bus, with everybody else played by the test."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from bus import (
    SECOND,
    Actor,
    ActorQuarantined,
    ActorStarted,
    AskError,
    Bus,
    DeadLetter,
    Event,
    Message,
    Moment,
    ReplayDriver,
    Request,
    Supervision,
)
from bus.cell import Cell, State
from bus.drivers import Outlets
from bus.handlers import hearings
from lts.config.params import parse_params
from lts.domain.accounts import StandingTarget, TargetStood
from lts.domain.health import GetHealth, HealthReported, HealthStatus
from lts.domain.journal import OrdersRecalled, RecallOrders, RecallTradingStates, TradingStatesRecalled
from lts.domain.market import Bar, BarOpened, History, Quote, RecentBars, Trade
from lts.domain.order_flow import JournalOrder, OrderJournalled
from lts.domain.plugins import GetDebugInfo, PluginStarted, StartPlugin
from lts.domain.signals import SignalRaised
from lts.kinds import KINDS
from lts.kinds.plugin import Plugin
from lts.refusal import Refused
from lts.testing.market import BEGIN
from lts.testing.stage import assignment_of, scope_of
