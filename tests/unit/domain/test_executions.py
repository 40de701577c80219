"""Executions: what can be booked, and what was."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from lts.domain.executions import Executions, fill_of, objection_to_execution
from lts.domain.fills import Fill
from lts.domain.order_flow import ExecType, ExecutionReport
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order

pytestmark = pytest.mark.requirement("INT-4.5", "LTS-003")

D = Decimal


def execution(name: str = "x", broker: str = "paper", **more: Any) -> ExecutionReport:
    amounts = {"price": D(100), "quantity": D(4), "fee": D("0.5")} | more
    return ExecutionReport(broker, "trend-SP500-000001", ExecType.FILLED, 7, name, **amounts)


@pytest.fixture
def record(order_of: Callable[..., Order], fill_of: Callable[..., Fill]) -> OrderRecord:
    record = OrderRecord(order_of())
    record.advance(OrderStatus.SUBMITTED, 2)
    record.book(fill_of(exec_id="known", quantity=D(1)))
    return record


def test_what_records_have_booked_is_known(record: OrderRecord) -> None:
    executions = Executions([record])
    assert executions.order_of(execution("known")) is record
    assert executions.order_of(execution("known", "elsewhere")) is None, "each venue has ids of its own"
    assert executions.order_of(execution("another")) is None


def test_what_is_added_is_known(record: OrderRecord) -> None:
    executions, report = Executions([]), execution()
    assert executions.order_of(report) is None
    executions.add(fill_of(record.order, report, "USD", D(1)), record)
    assert executions.order_of(report) is record


@pytest.mark.parametrize(
    "nonsense",
    [
        execution(""),
        execution(price=None),
        execution(quantity=None),
        execution(quantity=D(0)),
        execution(quantity=D(-1)),
        execution(price=D(0)),
        execution(price=D("NaN")),
        execution(fee=D("Infinity")),
        execution(quantity=D("Infinity")),
        execution(rate=D(0)),
        execution(rate=D("NaN")),
    ],
    ids=str,
)
def test_what_a_ledger_cannot_hold_is_objected_to(nonsense: ExecutionReport) -> None:
    assert "no exec id, or no sane price" in objection_to_execution(nonsense)


def test_a_credit_for_trading_and_a_price_below_zero_can_be() -> None:
    assert not objection_to_execution(execution(fee=D(-1), price=D(-37)))


def test_a_fill_has_the_side_and_the_position_of_its_order(order_of: Callable[..., Order]) -> None:
    order = order_of(position="p:long")
    fill = fill_of(order, execution(), "USD", D("0.9"))
    assert (fill.side, fill.position, fill.place) == (order.side, "p:long", "p:long")
    assert (fill.price, fill.quantity, fill.fee, fill.rate) == (D(100), D(4), D("0.5"), D("0.9"))
    assert fill.uid == ("paper", "trend", "x")
