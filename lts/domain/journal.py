"""What was journalled: asked for by whoever is born again from it, and by whoever reports."""

from decimal import Decimal

import msgspec

from bus.message import Event, Request
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.money import ONE
from lts.domain.order_flow import OrderFilled
from lts.domain.order_record import OrderRecord
from lts.domain.positions import Position
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingStateChanged


class BalanceSnapshot(msgspec.Struct, frozen=True):
    """What the orders of a portfolio in one instrument, through one broker, that were archived come to."""

    position: Position
    """The fold of their fills, with which that of all later ones begins."""
    broker: str
    orders: int
    """How many they were: the next id has a higher number."""
    at: int
    """When the last of them ended."""
    converted: Decimal | None = None
    """What they moved in the portfolio's currency, if the instrument is in another one."""
    rate: Decimal = ONE
    """At which the last of them was converted."""


class OrdersRecalled(Event):
    """Orders as the journal has them, oldest first; the records belong to whoever asked."""

    records: tuple[OrderRecord, ...]
    snapshots: tuple[BalanceSnapshot, ...] = ()
    """What older ones come to, that were archived."""
    booked: tuple[Fill | PositionAdjusted, ...] = ()
    """What moved positions since then, in the order in which it was journalled: that matters to costs."""
    financing: tuple[FinancingCharged, ...] = ()
    """What was ever charged or credited for positions held over night."""

    @property
    def adjustments(self) -> tuple[PositionAdjusted, ...]:
        """What operators approved."""
        return tuple(each for each in self.booked if isinstance(each, PositionAdjusted))


class RecallOrders(Request[OrdersRecalled]):
    """Asks the journal for the orders of a portfolio, of a broker, or (neither) of all."""

    portfolio: str | None = None
    broker: str | None = None


class TradingStatesRecalled(Event):
    """The last change of every scope's trading state."""

    states: tuple[TradingStateChanged, ...]


class RecallTradingStates(Request[TradingStatesRecalled]):
    """Asks the journal for the trading states, which outlive whoever enforces them."""


class Deposit(msgspec.Struct, frozen=True):
    """Money that was paid into a portfolio, or out of it if negative, under a reference of its own."""

    reference: str
    amount: Decimal
    at: int


class DepositsRecalled(Event):
    """What was paid into a portfolio, oldest first; nothing of one that is new."""

    deposits: tuple[Deposit, ...] = ()


class RecallDeposits(Request[DepositsRecalled]):
    """Asks the journal what was paid into a portfolio."""

    portfolio: str


class ProgressRecalled(Event):
    """How many moments of a feed are done, with all that they caused, and the time of the last one."""

    moments: int = 0
    at: int = 0


class RecallProgress(Request[ProgressRecalled]):
    """Asks the journal how far a feed had come, by the name of its actor."""

    source: str


def booked(fact: object) -> Fill | PositionAdjusted | None:
    """Return what a fact moves a position by, if it moves one."""
    match fact:
        case OrderFilled():
            return fact.fill
        case PositionAdjusted():
            return fact
    return None
