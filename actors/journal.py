"""The journal of a process that keeps nothing on disk: every fact about orders, in memory."""

from collections.abc import AsyncGenerator

from bus import Actor, on
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
from lts.domain.order_flow import JournalOrder, OrderChanged, OrderDenied, OrderFilled, OrderJournalled
from lts.domain.orders import Order, OrderRecord, OrderStatus
from lts.domain.risk import TradingStateChanged

_DENIED = OrderStatus.DENIED

Fact = Order | OrderDenied | OrderChanged | OrderFilled


class MemoryJournal(Actor[None]):
    """Appends what it hears, and folds it into records when asked. It has nothing that could fail."""

    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Begin an empty journal."""
        self.facts: list[Fact] = []
        self.states: dict[str, TradingStateChanged] = {}
        yield

    @on
    def keep(self, journal: JournalOrder) -> OrderJournalled:
        """Keep an intent, before it goes on the wire."""
        self.facts.append(journal.order)
        return OrderJournalled(journal.order)

    @on
    def note(self, fact: OrderChanged | OrderFilled | OrderDenied) -> None:
        """Keep what became of an order."""
        self.facts.append(fact)

    @on
    def note_state(self, changed: TradingStateChanged) -> None:
        """Keep the trading state of a scope."""
        self.states[changed.scope] = changed

    @on
    def recall(self, wanted: RecallOrders) -> OrdersRecalled:
        """Answer with the orders asked for, folded anew from the facts."""
        records: dict[str, OrderRecord] = {}
        for fact in self.facts:
            _fold(records, fact)
        return OrdersRecalled(
            tuple(
                record
                for record in records.values()
                if wanted.portfolio in {None, record.order.portfolio}
                and wanted.broker in {None, record.order.broker}
            )
        )

    @on
    def recall_states(self, _: RecallTradingStates) -> TradingStatesRecalled:
        """Answer with the trading state of every scope that has ever had one."""
        return TradingStatesRecalled(tuple(self.states.values()))

    @on
    def recall_deposits(self, _: RecallDeposits) -> DepositsRecalled:
        """Answer that every portfolio is a new one."""
        return DepositsRecalled()

    @on
    def recall_progress(self, _: RecallProgress) -> ProgressRecalled:
        """Answer that every feed begins at its beginning."""
        return ProgressRecalled()


def _fold(records: dict[str, OrderRecord], fact: Fact) -> None:
    match fact:
        case Order():
            records[fact.client_order_id] = OrderRecord(fact)
        case OrderDenied():
            if fact.order.client_order_id not in records:  # else it is the denial of a duplicate
                denied = records[fact.order.client_order_id] = OrderRecord(fact.order)
                denied.advance(_DENIED, fact.at)
        case OrderChanged():
            records[fact.client_order_id].advance(fact.status, fact.at)
        case OrderFilled():
            records[fact.fill.client_order_id].book(fact.fill)
