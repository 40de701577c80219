"""Orders as v20 wants to be asked for them, and which of ours it does not know."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lts.sdk import (
    ApprovedOrder,
    Instrument,
    OrderType,
    Side,
    Terms,
    TimeInForce,
    plain,
    to_rfc3339,
)

from .names import Names, there

TYPES = {OrderType.MARKET: "MARKET", OrderType.LIMIT: "LIMIT", OrderType.STOP: "STOP"}
FORCES = {
    TimeInForce.DAY: "GFD",
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.GTD: "GTD",
}
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


def objection_to(order: ApprovedOrder, instruments: Mapping[str, Instrument]) -> str:
    """Return why an order cannot be sent to this venue; empty if it can."""
    if order.instrument not in instruments:
        return f"{order.instrument} is not traded here"
    if order.type not in TYPES:
        return f"the venue has no {order.type} orders"
    if order.post_only:
        return "the venue has no post-only orders"
    if order.position:
        return "positions are netted at this venue"
    if order.type is OrderType.STOP and order.time_in_force in AT_ONCE:
        return f"a stop order waits at this venue, and cannot be {order.time_in_force}"
    return order.objection()


def order_request(order: ApprovedOrder, terms: Terms, units: Decimal, names: Names) -> dict[str, Any]:
    """Return the body that asks for an order.

    Args:
        order: the order.
        terms: at what prices it is to work.
        units: how much of it has not traded yet.
        names: what its instrument is called there.
    """
    asked: dict[str, Any] = {
        "type": TYPES[order.type],
        "instrument": names.theirs(order.instrument),
        "units": plain(units if order.side is Side.BUY else -units),
        "timeInForce": _force(order),
        "positionFill": "REDUCE_ONLY" if order.reduce_only else "DEFAULT",
        "clientExtensions": {"id": there(order.client_order_id)},
    }
    price = terms.limit_price if order.type is OrderType.LIMIT else terms.trigger_price
    if price is not None:
        asked["price"] = plain(price)
    if order.expires_at is not None:
        asked["gtdTime"] = to_rfc3339(order.expires_at)
    return {"order": asked}


def _force(order: ApprovedOrder) -> str:
    """A market order never waits here: it fills at once and whole, unless a part of it will do."""
    if order.type is OrderType.MARKET and order.time_in_force is not TimeInForce.IOC:
        return "FOK"
    return FORCES[order.time_in_force]
