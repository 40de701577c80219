"""What people enter by hand in tests."""

from decimal import Decimal
from typing import Any

from lts.domain.order_entry import (
    OrderEntered,
    RetractAll,
    RetractionEntered,
    RetractOrder,
    ReviseOrder,
    RevisionEntered,
    SubmitOrder,
)
from lts.domain.order_ticket import OrderTicket
from lts.domain.orders import Entered, OrderType, Side, Terms
from lts.domain.request_mark import RequestMark

BY_ANN = Entered(7, "ann")


def ticket(quantity: int | str = 1, limit: int | str | None = None, **more: Any) -> OrderTicket:
    """A ticket to buy TEST: at a limit, or at the market."""
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    price = None if limit is None else Decimal(limit)
    said = {"instrument": "TEST", "side": Side.BUY, "type": kind, "limit_price": price} | more
    return OrderTicket(quantity=Decimal(quantity), **said)


def mark(key: str = "key", digest: str = "digest") -> RequestMark:
    return RequestMark("ann", key, digest)


def submission(wanted: OrderTicket | None = None, key: str = "", digest: str = "digest") -> SubmitOrder:
    return SubmitOrder("test", wanted or ticket(), "ann", mark(key, digest) if key else None)


def revision(client_order_id: str, quantity: int | str = 12) -> ReviseOrder:
    return ReviseOrder("test", client_order_id, Terms(Decimal(quantity)), "ann")


def retraction(client_order_id: str) -> RetractOrder:
    return RetractOrder("test", client_order_id, "ann")


def retraction_of_all(instrument: str = "") -> RetractAll:
    return RetractAll("test", "ann", instrument)


def entered(wanted: OrderTicket | None = None, entry: Entered = BY_ANN) -> OrderEntered:
    return OrderEntered("test", wanted or ticket(), entry)


def entered_terms(client_order_id: str, quantity: int | str = 12) -> RevisionEntered:
    return RevisionEntered("test", client_order_id, Terms(Decimal(quantity)), BY_ANN)


def entered_end(
    client_order_id: str = "", instrument: str = "", portfolio: str = "test"
) -> RetractionEntered:
    return RetractionEntered(portfolio, BY_ANN, client_order_id, instrument)
