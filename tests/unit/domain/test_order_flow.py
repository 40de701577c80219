"""The messages of an order's journey arrive as they were sent, under the right key."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from bus.message import Message
from lts.domain.fills import Fill
from lts.domain.market import Bar, History, RecentBars
from lts.domain.order_flow import (
    CancelAll,
    CancelOrder,
    ExecType,
    ExecutionReport,
    JournalOrder,
    OrderApproved,
    OrderChanged,
    OrderDenied,
    OrderFilled,
    OrderJournalled,
    OrderProposed,
    PlaceOrder,
    WithdrawOrder,
)
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order
from lts.domain.positions import Position, PositionChanged
from lts.domain.risk import SetTradingState, TradingState, TradingStateChanged
from lts.domain.signals import SignalRaised

pytestmark = pytest.mark.requirement("INT-002")


@pytest.fixture
def journey(order_of: Callable[..., Order], fill_of: Callable[..., Fill]) -> list[tuple[Message, str | None]]:
    """One message of each kind, and the key under which it travels."""
    order = order_of(limit_price=Decimal("1228.10"))
    approved = ApprovedOrder.of(order)
    ours, cash = order.client_order_id, Decimal("99999.000000000000000000000000000001")
    return [
        (SignalRaised("trend", "SP500", -1.0, "fast fell below slow"), "trend"),
        (OrderProposed("trend", order), "trend"),
        (OrderApproved("trend", approved), "trend"),
        (OrderDenied("trend", order, "no price was seen", 3), "trend"),
        (JournalOrder(approved), None),
        (OrderJournalled(approved), None),
        (PlaceOrder("paper", approved), "paper"),
        (WithdrawOrder("paper", ours), "paper"),
        (ExecutionReport("paper", ours, ExecType.ACCEPTED, 4), "paper"),
        (ExecutionReport("paper", ours, ExecType.FILLED, 4, "x", cash, Decimal(1), cash, "", "v"), "paper"),
        (OrderChanged("trend", ours, OrderStatus.ACCEPTED, 4), "trend"),
        (OrderFilled("trend", fill_of(), OrderStatus.FILLED), "trend"),
        (PositionChanged("trend", Position("trend", "SP500", quantity=Decimal(10)), cash, 5), "trend"),
        (CancelOrder(ours), None),
        (CancelAll(), None),
        (SetTradingState("system", TradingState.HALTED, "asked to"), None),
        (TradingStateChanged("system", TradingState.HALTED, "asked to", 6), None),
        (History((Bar("SP500", 1, 2, 10.0, 11.0, 9.0, 10.5, 100.0),), 2), None),
        (RecentBars("SP500", 30), "SP500"),
    ]


def test_each_message_is_addressed_by_its_key(journey: list[tuple[Message, str | None]]) -> None:
    for message, key in journey:
        assert message.key == key, message


def test_each_message_arrives_as_it_was_sent(journey: list[tuple[Message, str | None]]) -> None:
    for message, _ in journey:
        assert msgspec.json.decode(msgspec.json.encode(message), type=type(message)) == message


def test_no_message_can_be_changed(journey: list[tuple[Message, str | None]]) -> None:
    for message, _ in journey:
        with pytest.raises(AttributeError):
            setattr(message, message.__struct_fields__[0], None)
