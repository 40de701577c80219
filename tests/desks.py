"""A desk on a bench, and what is said to it in tests."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from typing import Any

from actors.desk import Desk
from bus import Event, Request
from lts.domain.journal import OrdersRecalled, RecallOrders, RecallTradingStates
from lts.domain.order_flow import (
    AmendOrder,
    ExecType,
    ExecutionReport,
    JournalOrder,
    ModificationApproved,
    OrderAlarmed,
    OrderApproved,
    OrderChanged,
    OrderFilled,
    PlaceOrder,
    QueryOrder,
    SyncJournal,
    WithdrawOrder,
)
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import ApprovedOrder, Terms
from lts.domain.reconciliation import VenueOrder, VenuePosition, VenueReported
from lts.domain.register import Register
from lts.domain.risk import TradingState, TradingStateChanged
from lts.testing import BEGIN, TEST, Bench, market_order

DeskBench = Bench[Desk]

ORDER = market_order(quantity=10)
ID = ORDER.client_order_id
REGISTER = Register({"TEST": TEST}, {"test": "ann"}, {("test", "TEST"): ("test",)})
ASKED = (
    JournalOrder,
    PlaceOrder,
    WithdrawOrder,
    AmendOrder,
    QueryOrder,
    RecallOrders,
    RecallTradingStates,
    SyncJournal,
)


@asynccontextmanager
async def desk(register: Register = REGISTER, **answers: Any) -> AsyncIterator[DeskBench]:
    """A desk; answers are named for the requests they answer."""
    named = {each.__name__: each for each in ASKED}
    given = {named[name]: answer for name, answer in answers.items()}
    async with Bench(Desk, assignment=register, answers=given) as bench:
        yield bench


@asynccontextmanager
async def working(**answers: Any) -> AsyncIterator[DeskBench]:
    """A desk with an order that its broker has accepted."""
    async with desk(**answers) as bench:
        await bench.hear(approved(), report(ExecType.ACCEPTED))
        yield bench


def approved(order: ApprovedOrder = ORDER) -> OrderApproved:
    return OrderApproved(order.portfolio, order)


def modification(quantity: int = 12, client_order_id: str = ID) -> ModificationApproved:
    return ModificationApproved("test", client_order_id, Terms(Decimal(quantity)))


def report(kind: ExecType, client_order_id: str = ID, broker: str = "test", **more: Any) -> ExecutionReport:
    return ExecutionReport(broker, client_order_id, kind, BEGIN, **more)


def fill(
    exec_id: str,
    quantity: int | str,
    price: int | str = 100,
    fee: str = "0.5",
    *,
    client_order_id: str = ID,
) -> ExecutionReport:
    amounts = (Decimal(price), Decimal(quantity), Decimal(fee))
    return ExecutionReport("test", client_order_id, ExecType.FILLED, BEGIN, exec_id, *amounts)


def halt(scope: str = "system", state: TradingState = TradingState.HALTED) -> TradingStateChanged:
    return TradingStateChanged(scope, state, "the test", BEGIN)


def stock(
    *orders: ApprovedOrder | VenueOrder, held: int = 0, cursor: str = "1", price: int = 100
) -> VenueReported:
    """What a venue reports: the orders that are open there, and what is held of TEST."""
    there = tuple(each if isinstance(each, VenueOrder) else open_there(each) for each in orders)
    positions = (VenuePosition("TEST", Decimal(held), Decimal(price)),) if held else ()
    return VenueReported("test", cursor, there, positions, BEGIN)


def open_there(order: ApprovedOrder) -> VenueOrder:
    """An order of ours as its venue reports it."""
    return VenueOrder(order.client_order_id, "v1", order.instrument, order.side, order.quantity)


def recalled(*states: OrderStatus) -> OrdersRecalled:
    """What the journal knows of one order that went through these states."""
    record = OrderRecord(ORDER)
    for state in states:
        record.advance(state, BEGIN)
    return OrdersRecalled((record,))


def statuses(bench: DeskBench, client_order_id: str = ID) -> list[OrderStatus]:
    """Every state that an order was said to go to."""
    said = [each for each in bench.said if isinstance(each, OrderChanged | OrderFilled)]
    return [
        each.status
        for each in said
        if (each.fill.client_order_id if isinstance(each, OrderFilled) else each.client_order_id)
        == client_order_id
    ]


def alarms(bench: DeskBench) -> list[str]:
    return [each.alarm for each in bench.published(OrderAlarmed)]


def placed(bench: DeskBench) -> list[str]:
    """The orders that went on the wire, by their ids."""
    return [each.order.client_order_id for each in bench.asked(PlaceOrder)]


def withdrawn(bench: DeskBench) -> list[str]:
    """The orders of which the broker was to ask for the end, by their ids."""
    return [each.client_order_id for each in bench.asked(WithdrawOrder)]


def queried(bench: DeskBench) -> list[str]:
    """The orders that were asked after, by their ids."""
    return [each.client_order_id for each in bench.asked(QueryOrder)]


def fails_once(done: Callable[..., Any]) -> Callable[..., Any]:
    """Fails when it is called first, and does as it was told from then on."""
    trials = count()
    return lambda *given: done(*given) if next(trials) else 1 / 0


async def hear_at_once(bench: DeskBench, *messages: Event | Request[Any]) -> None:
    """Put messages into the desk's mailbox before it comes to the first of them."""
    for message in messages:
        if isinstance(message, Request):
            bench._voice.send(message)
        else:
            bench._voice.publish(message)
    await bench.advance(0)
