"""What an actor on a bench is told when it asks."""

from collections.abc import Mapping, Sequence
from typing import Any

from bus import Message, Request
from lts.domain.accounts import StandingTarget, TargetStood
from lts.domain.health import GetHealth, HealthReported, HealthStatus
from lts.domain.journal import (
    DepositsRecalled,
    OrdersRecalled,
    ProgressRecalled,
    RecallDeposits,
    RecallOrders,
    RecallProgress,
    RecallTradingStates,
    TradingStatesRecalled,
)
from lts.domain.loss_marks import LossMarksRecalled, RecallLossMarks
from lts.domain.market import Bar, History, RecentBars
from lts.domain.order_flow import (
    GetOrdersUnderWay,
    JournalOrder,
    JournalSynced,
    OrderJournalled,
    OrdersUnderWay,
    SyncJournal,
)
from lts.domain.plugins import PluginStarted, StartPlugin
from lts.domain.reconciliation import AccountsReported, GetAccounts
from lts.domain.risk import (
    GetTradingStates,
    JournalTradingState,
    TradingStateJournalled,
    TradingStatesReported,
)
from lts.domain.signals import SignalRaised

WELL = HealthReported(
    status=HealthStatus.OK,
    reasons=(),
    messages=0,
    inputs=0,
    actors=1,
    failures=0,
    dead_letters=0,
    slow_handlers=0,
    conflated=0,
    quarantined={},
    mailboxes={},
    load={},
    memory_bytes=0,
    cpu_seconds=0.0,
)


class Answers(dict[type[Request[Any]], Any]):
    """By type of request: an answer, a function from request to answer, or an exception to be raised.

    What is not among them is answered with None. `bars` are those published so far, and `said` is
    what the actor said.
    """

    def __init__(self, said: Sequence[Message], history: Sequence[Bar], given: Mapping[Any, Any]) -> None:
        self.bars = list(history)
        self._said = said
        usual: dict[type[Request[Any]], Any] = {
            RecentBars: self._recent_bars,
            StandingTarget: self._standing_target,
            RecallOrders: OrdersRecalled(()),
            RecallTradingStates: TradingStatesRecalled(()),
            GetTradingStates: TradingStatesReported(()),
            JournalTradingState: _kept,
            RecallLossMarks: LossMarksRecalled(),
            RecallDeposits: DepositsRecalled(),
            RecallProgress: ProgressRecalled(),
            GetAccounts: AccountsReported(()),
            GetOrdersUnderWay: lambda wanted: OrdersUnderWay(wanted.portfolio),
            JournalOrder: _journalled,
            SyncJournal: _synced,
            StartPlugin: _started,
            GetHealth: WELL,
        }
        super().__init__({**usual, **given})

    def to(self, request: Request[Any]) -> Any:
        """Return the answer to a request."""
        answer = self.get(type(request))
        return answer(request) if callable(answer) else answer

    def _recent_bars(self, wanted: RecentBars) -> History:
        known = [bar for bar in self.bars if bar.instrument == wanted.instrument]
        recent = tuple(known[max(0, len(known) - wanted.count) :])
        return History(recent, known[-1].closed_at if known else 0)

    def _standing_target(self, wanted: StandingTarget) -> TargetStood:
        for message in reversed(self._said):
            if isinstance(message, SignalRaised) and message.instrument == wanted.instrument:
                return TargetStood(message.target)
        return TargetStood(0.0)


def _journalled(order: JournalOrder) -> OrderJournalled:
    return OrderJournalled(order.order)


def _synced(wanted: SyncJournal) -> JournalSynced:
    return JournalSynced(wanted.client_order_id)


def _kept(state: JournalTradingState) -> TradingStateJournalled:
    return TradingStateJournalled(state.changed)


def _started(wanted: StartPlugin) -> PluginStarted:
    return PluginStarted(wanted.actor, wanted.kind, wanted.plugin, "1.0.0")
