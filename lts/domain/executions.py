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

    def knows(self, report: ExecutionReport, record: OrderRecord) -> bool:
        """Whether an execution was booked already, for the order that it is said to be one of."""
        return self._booked.get((report.broker, report.exec_id)) is record

    def objection_to(self, report: ExecutionReport) -> str:
        """Return why an execution that was not booked yet cannot be; empty if it can."""
        if not (report.exec_id and _has_sane_amounts(report)):
            return "a fill has no exec id, or no sane price, quantity and fee"
        known = self._booked.get((report.broker, report.exec_id))
        return "" if known is None else f"fill {report.exec_id} is one of {known.order.client_order_id}"

    def add(self, fill: Fill, record: OrderRecord) -> None:
        """Take note that one was booked."""
        self._booked[fill.broker, fill.exec_id] = record


def fill_of(order: Order, report: ExecutionReport, currency: str, rate: Decimal) -> Fill:
    """Return the fill of an order that a report with sane amounts speaks of.

    Args:
        order: what has traded.
        report: what its venue says.
        currency: that of the instrument.
        rate: what one unit of it is in the portfolio's.
    """
    assert report.quantity is not None  # noqa: S101 - nothing of that is booked
    assert report.price is not None  # noqa: S101
    return Fill(
        order.portfolio,
        order.instrument,
        order.broker,
        order.client_order_id,
        report.exec_id,
        order.side,
        report.quantity,
        report.price,
        report.fee,
        currency,
        report.at,
        order.position,
        rate,
    )


def _has_sane_amounts(report: ExecutionReport) -> bool:
    """Whether the amounts of an execution are numbers that a ledger can hold."""
    price, quantity, rate = report.price, report.quantity, report.rate
    if not (price and quantity):
        return False
    if rate is not None and not (rate.is_finite() and rate > 0):
        return False
    return price.is_finite() and report.fee.is_finite() and quantity.is_finite() and quantity > 0
