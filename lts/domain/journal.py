"""What was journalled: asked for by whoever is born again from it, and by whoever reports."""

from bus.message import Event, Request
from lts.domain.orders import OrderRecord
from lts.domain.risk import TradingStateChanged


class OrdersRecalled(Event):
    """Orders as the journal has them, oldest first; the records belong to whoever asked."""

    records: tuple[OrderRecord, ...]


class RecallOrders(Request[OrdersRecalled]):
    """Asks the journal for the orders of a portfolio, of a broker, or (neither) of all."""

    portfolio: str | None = None
    broker: str | None = None


class TradingStatesRecalled(Event):
    """The last change of every scope's trading state."""

    states: tuple[TradingStateChanged, ...]


class RecallTradingStates(Request[TradingStatesRecalled]):
    """Asks the journal for the trading states, which outlive whoever enforces them."""
