"""Executions: what venues say was traded, each known by the id that its venue gave it."""

from collections.abc import Iterable
from decimal import Decimal

from lts.domain.fills import Fill
from lts.domain.order_flow import ExecutionReport
from lts.domain.order_record import OrderRecord
from lts.domain.orders import Order


class Executions:
    """Whose each execution is that was booked: at one venue no two have the same id."""

    __slots__ = ("_booked",)

    def __init__(self, records: Iterable[OrderRecord]) -> None:
        self._booked = {
            (record.order.broker, fill.exec_id): record for record in records for fill in record.fills
        }

    def order_of(self, report: ExecutionReport) -> OrderRecord | None:
        """Return for which order an execution was booked, None if it was not."""
        return self._booked.get((report.broker, report.exec_id))

    def add(self, fill: Fill, record: OrderRecord) -> None:
        """Take note that one was booked."""
        self._booked[fill.broker, fill.exec_id] = record


def objection_to_execution(report: ExecutionReport) -> str:
    """Return why what a venue says was traded cannot be booked; empty if it can."""
    price, quantity, rate = report.price, report.quantity, report.rate
    if (
        report.exec_id
        and price
        and quantity
        and price.is_finite()
        and quantity.is_finite()
        and quantity > 0
        and report.fee.is_finite()
        and (rate is None or (rate.is_finite() and rate > 0))
    ):
        return ""
    return "a fill has no exec id, or no sane price, quantity and fee"


def fill_of(order: Order, report: ExecutionReport, currency: str, rate: Decimal) -> Fill:
    """Return the fill of an order that a report speaks of, to which there is no objection.

    Args:
        order: what has traded.
        report: what its venue says.
        currency: that of the instrument.
        rate: what one unit of it is in the portfolio's.
    """
    price, quantity = report.price, report.quantity
    assert price is not None  # noqa: S101 - there would be an objection
    assert quantity is not None  # noqa: S101 - likewise
    return Fill(
        order.portfolio,
        order.instrument,
        order.broker,
        order.client_order_id,
        report.exec_id,
        order.side,
        quantity,
        price,
        report.fee,
        currency,
        report.at,
        order.position,
        rate,
    )
