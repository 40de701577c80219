"""Specimens: one of each message that is told, as a subscriber gets it, for the description."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from actors.mqtt.letters import AlertTold, Letter, Letters
from actors.mqtt.params import FAMILIES, MqttParams
from bus import SECOND, Message
from lts.domain.accounts import AccountReported
from lts.domain.event_listings import WIRE, JournalledEvent
from lts.domain.fills import Fill
from lts.domain.financing import FinancingCharged
from lts.domain.health import HealthReported, HealthStatus
from lts.domain.market import Bar, Quote, Trade
from lts.domain.order_flow import OrderChanged, OrderDenied, OrderFilled, OrderJournalled
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Order, OrderType, Side, TimeInForce
from lts.domain.positions import Position, PositionChanged
from lts.domain.reconciliation import PositionAdjusted
from lts.domain.risk import TradingState, TradingStateChanged
from lts.domain.signals import SignalRaised

AT = 1_577_836_800 * SECOND
_WHOSE, _WHAT, _WHERE, _ID = "main", "BTC/USD", "paper", "main-BTC/USD-000001"
_PRICE, _QUANTITY, _FEE = Decimal("7200.00"), Decimal("0.10"), Decimal("0.36")
_CASH, _REALISED = Decimal("9279.64"), Decimal(0)
_ORDER = Order(_ID, _WHOSE, _WHAT, _WHERE, Side.BUY, _QUANTITY, OrderType.LIMIT, _PRICE, TimeInForce.GTC, AT)
_FILL = Fill(_WHOSE, _WHAT, _WHERE, _ID, "7f3a", Side.BUY, _QUANTITY, _PRICE, _FEE, "USD", AT + SECOND)
_POSITION = Position(_WHOSE, _WHAT, quantity=_QUANTITY, cost=_QUANTITY * _PRICE, fees=_FEE)
_BAR = Bar(_WHAT, AT - 60 * SECOND, AT, 7195.5, 7204.0, 7193.0, 7199.5, 12.5)
_QUOTE = Quote(_WHAT, AT, 7199.5, 7200.0, 1.0, 2.0)
_TRADE = Trade(_WHAT, AT, 7200.0, 0.25, "918273")
_JOURNALLED: tuple[tuple[str, Message], ...] = (
    (_WHOSE, OrderJournalled(ApprovedOrder.of(_ORDER))),
    (_WHOSE, OrderDenied(_WHOSE, _ORDER, "the order is worth more than 500 USD", AT)),
    (_WHOSE, OrderChanged(_WHOSE, _ID, OrderStatus.ACCEPTED, AT, venue_order_id="4711")),
    (_WHOSE, OrderFilled(_WHOSE, _FILL, OrderStatus.FILLED)),
    (
        _WHOSE,
        PositionAdjusted(_WHOSE, _WHAT, _WHERE, _QUANTITY, _PRICE, "a1", "a transfer at the venue", AT),
    ),
    (_WHOSE, FinancingCharged(_WHOSE, _WHERE, _WHAT, -_FEE, "USD", "f1", AT)),
    ("", TradingStateChanged("system", TradingState.HALTED, "a look at the venue", AT, "ann")),
)
"""Whose each of them is, and what it says."""


def specimens(params: MqttParams) -> Iterator[Letter]:
    """Yield one of each that a node can tell, as the broker gets it, in JSON."""
    letters = Letters(msgspec.structs.replace(params, publish=FAMILIES, msgpack=()), AT - SECOND)
    for event in (_QUOTE, _BAR, _TRADE):
        update = letters.market(event)
        yield letters.letter(update)
        yield letters.batch(update.family, [update, letters.market(event)])
    for seq, (portfolio, message) in enumerate(_JOURNALLED, 17):
        described = WIRE.describe(message)
        told = letters.journalled(JournalledEvent(seq, AT, portfolio, described["type"], described["body"]))
        if told is not None:
            yield told
    yield letters.letter(letters.position(PositionChanged(_WHOSE, _POSITION, _CASH, AT), AT))
    yield letters.letter(letters.account(_account()))
    yield letters.letter(letters.signal(SignalRaised(_WHOSE, _WHAT, 1.0, "fast crossed above slow"), AT))
    yield letters.letter(letters.health(_health(), AT))
    about = AlertTold("OrderAlarmed/1", _ID, "a fill that came after the end of the order")
    yield letters.letter(letters.alert(about, AT))
    yield letters.standing(online=True, reason="", at=AT)


def _account() -> AccountReported:
    return AccountReported(
        portfolio=_WHOSE,
        owner="ann",
        currency="USD",
        at=AT,
        capital=Decimal(10_000),
        cash=_CASH,
        equity=_CASH + _QUANTITY * _PRICE,
        fees=_FEE,
        financing=_REALISED,
        realised=_REALISED,
        positions=(_POSITION,),
    )


def _health() -> HealthReported:
    return HealthReported(
        status=HealthStatus.OK,
        reasons=(),
        messages=1_200,
        inputs=300,
        actors=14,
        failures=0,
        dead_letters=0,
        slow_handlers=0,
        conflated=0,
        quarantined={},
        mailboxes={},
        load={"persistence": 0.02},
        memory_bytes=120_000_000,
        cpu_seconds=3.5,
    )
