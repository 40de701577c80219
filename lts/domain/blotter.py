"""The blotter: the latest orders and prices, for people who watch."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from bus.message import Event, Request
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Side


class BlotterLine(msgspec.Struct, frozen=True):
    """The last that happened to an order."""

    at: int
    portfolio: str
    instrument: str
    client_order_id: str
    side: Side
    quantity: Decimal
    status: OrderStatus
    price: Decimal | None
    """Of the last fill; None before there is one."""


class BlotterReported(Event):
    """The latest lines, newest first, and the last price of each instrument."""

    orders: int
    fills: int
    lines: tuple[BlotterLine, ...]
    prices: Mapping[str, float]


class GetBlotter(Request[BlotterReported]):
    """Asks for the latest orders and prices."""
