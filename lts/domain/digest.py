"""The fingerprint of what was traded: the same input gives the same one on every machine."""

import json
from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256
from typing import Any

from lts.domain.fills import Fill
from lts.domain.money import plain
from lts.domain.order_record import OrderRecord
from lts.domain.orders import Order

_CONDITIONS = (
    "trigger_price",
    "trailing_offset",
    "expires_at",
    "reduce_only",
    "post_only",
    "parent",
    "group",
    "position",
)
"""What only some orders say; it is in the line where it is said."""

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def digest(records: Iterable[OrderRecord]) -> str:
    """Return the SHA-256, in hex, of the canonical lines, each ended by a line feed."""
    sha = sha256()
    for line in lines(records):
        sha.update(line.encode("ascii") + b"\n")
    return sha.hexdigest()


def lines(records: Iterable[OrderRecord]) -> list[str]:
    """Return one line of canonical JSON an order, sorted by portfolio and client order id.

    Keys are sorted, nothing is spaced, and what is not ASCII is escaped. A line has the intent,
    the state changes and the fills, with market times in nanoseconds and amounts as plain text;
    no id that a venue gave, and no wall time.
    """
    ordered = sorted(records, key=lambda record: (record.order.portfolio, record.order.client_order_id))
    return [_CANONICAL.encode(_line(record)) for record in ordered]


def _line(record: OrderRecord) -> dict[str, object]:
    return {
        "intent": _intent(record.order),
        "states": record.history,
        "fills": [_fill(fill) for fill in record.fills],
    }


def _intent(order: Order) -> dict[str, object]:
    return {
        "portfolio": order.portfolio,
        "client_order_id": order.client_order_id,
        "instrument": order.instrument,
        "broker": order.broker,
        "side": order.side,
        "quantity": plain(order.quantity),
        "type": order.type,
        "limit_price": None if order.limit_price is None else plain(order.limit_price),
        "time_in_force": order.time_in_force,
        "created_at": order.created_at,
        **{name: _told(value) for name in _CONDITIONS if (value := getattr(order, name))},
    }


def _told(value: Any) -> Any:
    return plain(value) if isinstance(value, Decimal) else value


def _fill(fill: Fill) -> dict[str, object]:
    return {
        "at": fill.at,
        "price": plain(fill.price),
        "quantity": plain(fill.quantity),
        "fee": plain(fill.fee),
        **({} if fill.rate == 1 else {"rate": plain(fill.rate)}),
    }
