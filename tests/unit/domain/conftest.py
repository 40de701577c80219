"""An order and a fill with nothing special about them, and ways to make them special."""

from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from lts.domain.fills import Fill
from lts.domain.orders import Order, OrderType, Side, TimeInForce


@pytest.fixture(scope="session")
def order_of() -> Callable[..., Order]:
    ordinary = {
        "client_order_id": "trend-SP500-000001",
        "portfolio": "trend",
        "instrument": "SP500",
        "broker": "paper",
        "side": Side.BUY,
        "quantity": Decimal(10),
        "type": OrderType.MARKET,
        "limit_price": None,
        "time_in_force": TimeInForce.GTC,
        "created_at": 1,
    }

    def make(**special: Any) -> Order:
        return Order(**{**ordinary, **special})

    return make


@pytest.fixture(scope="session")
def fill_of() -> Callable[..., Fill]:
    """Each fill has an exec id of its own, unless one is given."""
    exec_ids = count(1)
    ordinary = {
        "portfolio": "trend",
        "instrument": "SP500",
        "broker": "paper",
        "client_order_id": "trend-SP500-000001",
        "side": Side.BUY,
        "quantity": Decimal(10),
        "price": Decimal("1228.099976"),
        "fee": Decimal("0.5"),
        "currency": "USD",
        "at": 2,
    }

    def make(**special: Any) -> Fill:
        return Fill(**{"exec_id": f"x{next(exec_ids)}", **ordinary, **special})

    return make
