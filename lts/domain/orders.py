"""Orders: what somebody intends to trade, at what price, and for how long."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Self

import msgspec

from lts.domain.request_mark import RequestMark


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"

    __hash__ = str.__hash__  # the enum's own is a Python function, and these are looked up all the time

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sale."""
        return 1 if self is _BUY else -1

    def signed(self, quantity: Decimal) -> Decimal:
        """Return a quantity with the sign of this side, exactly."""
        return quantity if self is _BUY else quantity.copy_negate()


_BUY = Side.BUY  # looked up once: reading it off the class takes longer than the comparison


class OrderType(StrEnum):
    """At what price an order may trade."""

    MARKET = "market"
    LIMIT = "limit"
    """At its limit or better."""
    STOP = "stop"
    """At the market, once the market has traded at its trigger or beyond."""
    STOP_LIMIT = "stop_limit"
    """At its limit or better, once the market has traded at its trigger or beyond."""
    TRAILING_STOP = "trailing_stop"
    """A stop whose trigger follows the best price since it works, at a fixed distance."""


class TimeInForce(StrEnum):
    """How long an order may wait."""

    DAY = "day"
    """Until the session of its market ends."""
    GTC = "gtc"
    """Good till cancelled."""
    IOC = "ioc"
    """Immediate or cancel: what cannot trade at once is cancelled."""
    FOK = "fok"
    """Fill or kill: what cannot trade at once and whole is cancelled."""
    GTD = "gtd"
    """Good till a date, the order's `expires_at`."""


class Terms(msgspec.Struct, frozen=True, gc=False):
    """What of an order can be modified: how much it trades in all, and at what prices."""

    quantity: Decimal
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    trailing_offset: Decimal | None = None


class Entered(msgspec.Struct, frozen=True, gc=False):
    """That somebody wants something of the system by hand: who, and under which mark."""

    number: int
    """By which the answer finds back to who asked; none is given twice, also not by a later process."""
    who: str
    mark: RequestMark | None = None


class Order(msgspec.Struct, frozen=True, gc=False):
    """An intent to trade, as somebody proposed it."""

    client_order_id: str
    portfolio: str
    instrument: str
    broker: str
    side: Side
    quantity: Decimal
    type: OrderType
    limit_price: Decimal | None
    time_in_force: TimeInForce
    created_at: int
    trigger_price: Decimal | None = None
    """Of a stop or a stop limit: where it becomes a market or a limit order."""
    trailing_offset: Decimal | None = None
    """Of a trailing stop: how far its trigger stays behind the best price."""
    expires_at: int | None = None
    """Of a GTD order: UTC nanoseconds."""
    reduce_only: bool = False
    """Whether it may only bring its position closer to zero: what goes beyond is not traded."""
    post_only: bool = False
    """Whether it may only add liquidity: what would trade at once is rejected."""
    parent: str = ""
    """One triggers other: the order that has to fill before this one is sent."""
    group: str = ""
    """One cancels other: orders of one group end each other by trading."""
    position: str = ""
    """The position it opens or closes in an account that hedges; empty where positions are netted."""
    entered: Entered | None = None
    """By whom it was entered by hand; None of all others, and of what a database has told of."""

    @property
    def place(self) -> str:
        """Where it is booked: the position that it names, or the instrument where positions are netted."""
        return self.position or self.instrument

    @property
    def terms(self) -> Terms:
        """What of it can be modified."""
        return Terms(self.quantity, self.limit_price, self.trigger_price, self.trailing_offset)

    def objection(self) -> str:
        """Return why nobody could trade what the order says; empty if there is nothing to object to."""
        return objection_to(self.type, self.terms) or next(_contradictions(self), "")


def objection_to(kind: OrderType, terms: Terms) -> str:
    """Return why an order of a type cannot work on these terms; empty if it can."""
    if not _is_positive(terms.quantity):
        return f"the quantity {terms.quantity} is not a positive number"
    for name, price in (("limit price", terms.limit_price), ("trigger price", terms.trigger_price)):
        if price is not None and not _is_positive(price):
            return f"the {name} {price} is not a positive number"
    if terms.trailing_offset is not None and not _is_positive(terms.trailing_offset):
        return f"the trailing offset {terms.trailing_offset} is not a positive number"
    for name in _TERMS:
        if (getattr(terms, name) is not None) is not (name in _NEEDS[kind]):
            needs = "needs" if name in _NEEDS[kind] else "takes no"
            return f"a {kind} order {needs} {name}"
    return ""


_TERMS = ("limit_price", "trigger_price", "trailing_offset")
_NEEDS: Mapping[OrderType, tuple[str, ...]] = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("trigger_price",),
    OrderType.STOP_LIMIT: ("limit_price", "trigger_price"),
    OrderType.TRAILING_STOP: ("trailing_offset",),
}
_AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


def _contradictions(order: Order) -> Iterator[str]:
    waits = order.time_in_force not in _AT_ONCE
    if (order.expires_at is not None) is not (order.time_in_force is TimeInForce.GTD):
        yield "a gtd order needs expires_at, and no other takes it"
    if order.expires_at is not None and order.expires_at <= order.created_at:
        yield "it expires before it begins"
    if order.post_only and not (order.type is OrderType.LIMIT and waits):
        yield "only a limit order that may wait can be post-only"
    if order.type is OrderType.TRAILING_STOP and not waits:
        yield "a trailing stop has to be able to wait"
    if order.client_order_id == order.parent:
        yield "an order cannot wait for itself"


def _is_positive(amount: Decimal) -> bool:
    return amount.is_finite() and amount > 0


class ApprovedOrder(Order, frozen=True, gc=False):
    """An order that has passed risk; the only kind a broker takes."""

    @classmethod
    def of(cls, order: Order) -> Self:
        """Return the order as one that has passed risk; only the risk gate may say so."""
        return cls(*msgspec.structs.astuple(order))


_PLAIN_NAMES = re.compile(r"[A-Za-z0-9._/-]+-[A-Za-z0-9._/]+", re.ASCII)
_ID_LENGTH = 32
_HASH_LENGTH = 20


def client_order_id(portfolio: str, asset: str, sequence: int) -> str:
    """Return the id under which an order is sent: the same each time, and no other order's.

    `portfolio-asset-000001` where that is at most 32 characters that every venue takes and can be
    read one way only (the asset without a hyphen), else a hash of the two names in their place.
    A sequence below 10¹¹ keeps the hashed form within 32 characters, too.
    """
    number = str(sequence).zfill(6)
    return _prefix(portfolio, asset, _ID_LENGTH - len(number)) + number


@lru_cache(maxsize=4096)
def _prefix(portfolio: str, asset: str, room: int) -> str:
    """What comes before the sequence: the names if that can be read and fits, else a hash of them."""
    names = f"{portfolio}-{asset}"
    if _PLAIN_NAMES.fullmatch(names) and "-" not in asset and len(names) < room:
        return f"{names}-"
    digest = sha256(f"{len(portfolio)}:{portfolio}{asset}".encode()).hexdigest()
    return f"{digest[:_HASH_LENGTH]}-"
