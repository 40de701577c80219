"""Protection: whether what a portfolio holds is covered by a stop that works, and what is done if not."""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from bus import SECOND
from bus.message import Event, Request
from lts.domain.money import ZERO, unrounded
from lts.domain.order_record import OrderRecord
from lts.domain.order_status import OrderStatus
from lts.domain.orders import Order, OrderType, Side

_SELL, _MARKET = Side.SELL, OrderType.MARKET
_STOPS = frozenset({OrderType.STOP, OrderType.TRAILING_STOP})
_WORKING = frozenset({OrderStatus.ACCEPTED, OrderStatus.TRIGGERED, OrderStatus.PARTIALLY_FILLED})


class Place(NamedTuple):
    """What is protected by itself: an instrument of a portfolio, or a position of it where it hedges."""

    portfolio: str
    instrument: str
    position: str = ""


class ProtectionChanged(Event, key="portfolio", gc=False):
    """Another part than before of what a portfolio holds has no stop that works."""

    portfolio: str
    instrument: str
    uncovered: Decimal
    """Never negative; zero if all is covered again."""
    at: int
    position: str = ""
    """Of which position in an account that hedges; empty where positions are netted."""


class EmergencyExit(Event, key="portfolio", gc=False):
    """What a portfolio holds was without a working stop for too long, and has to go."""

    portfolio: str
    instrument: str
    reason: str
    at: int
    position: str = ""
    """Which position in an account that hedges; empty where positions are netted."""


class Protected(msgspec.Struct, frozen=True):
    """How one instrument in a portfolio is protected, or one position of it."""

    instrument: str
    held: Decimal
    covered: Decimal
    """What stops that work would close."""
    unprotected_s: float
    """Seconds of market time in which not all was covered, since the watch began."""
    emergency_exits: int
    position: str = ""


class ProtectionReported(Event, key="portfolio"):
    """How a portfolio is protected."""

    portfolio: str
    instruments: tuple[Protected, ...]

    @property
    def figures(self) -> dict[str, float]:
        """What is measured of it over time: sums over its instruments."""
        return {
            "unprotected_s": sum(each.unprotected_s for each in self.instruments),
            "unprotected": sum(each.covered < abs(each.held) for each in self.instruments),
            "emergency_exits": sum(each.emergency_exits for each in self.instruments),
        }


class GetProtection(Request[ProtectionReported], key="portfolio"):
    """Asks how a portfolio is protected."""

    portfolio: str


def leaves_at_once(order: Order) -> bool:
    """Whether an order takes what is held out of the market now, as an emergency exit does."""
    return order.reduce_only and order.type is _MARKET and not order.parent


class Cover:
    """What a portfolio holds in a place, the stops that cover it, and the orders that close it.

    Only what a venue is known to work covers: no order that waits for another one, is on its way, is being
    cancelled or is in doubt.
    """

    __slots__ = (
        "_orders",
        "_unprotected",
        "asked",
        "called_at",
        "calls",
        "due",
        "emergency_exits",
        "held",
        "place",
        "since",
        "told",
    )

    def __init__(self, place: Place) -> None:
        self.place = place
        self.held = ZERO
        self._orders: dict[str, OrderRecord] = {}
        self._unprotected = 0
        self.since: int | None = None
        """Since when not all is covered; None while it is."""
        self.told = ZERO
        """How much was said to be uncovered last."""
        self.asked = False
        """Whether an exit was called for, and nothing has come of it yet."""
        self.due: Event | None = None
        """The appointment at which somebody sees whether it has to go."""
        self.called_at = 0
        """When an exit was called for last."""
        self.calls = 0
        """How often one was called for since all was covered, or since trading has gone on."""
        self.emergency_exits = 0

    @property
    @unrounded
    def covered(self) -> Decimal:
        """What stops that work would close, never negative."""
        closes_long = self.held > 0
        return sum(
            (
                record.leaves
                for record in self._orders.values()
                if record.order.type in _STOPS
                and record.status in _WORKING
                and (record.order.side is _SELL) is closes_long
            ),
            ZERO,
        )

    @property
    @unrounded
    def uncovered(self) -> Decimal:
        """How much of what is held no stop would close, never negative."""
        return max(abs(self.held) - self.covered, ZERO) if self.held else ZERO

    @property
    def is_being_left(self) -> bool:
        """Whether an order that closes it was called for, or is under way."""
        return self.asked or any(leaves_at_once(record.order) for record in self._orders.values())

    def take(self, record: OrderRecord) -> None:
        """Follow an order that only reduces, as long as it is open."""
        if record.status.is_open:
            self._orders[record.order.client_order_id] = record
            if leaves_at_once(record.order):
                self.asked = False

    def order(self, client_order_id: str) -> OrderRecord | None:
        """Return an order that is followed."""
        return self._orders.get(client_order_id)

    def drop_closed(self, record: OrderRecord) -> bool:
        """Follow an order no longer if it is over; return whether that was the end of a way out."""
        if record.status.is_open:
            return False
        del self._orders[record.order.client_order_id]
        return leaves_at_once(record.order)

    def tell(self, uncovered: Decimal, now: int) -> None:
        """Take note of how much is uncovered from now on."""
        if not uncovered:
            self._unprotected += now - (now if self.since is None else self.since)
            self.since = self.due = None
            self.calls = 0
        elif self.since is None:
            self.since = now
        self.told = uncovered

    def call(self, now: int) -> None:
        """Take note that an exit is called for."""
        self.asked, self.called_at = True, now
        self.emergency_exits += 1
        self.calls += 1

    def pause_s(self, longest: float) -> float:
        """Return how many seconds after the last call the next may come."""
        return min(2.0 ** (self.calls - 1), longest)

    def report(self, now: int) -> Protected:
        """Return how it is protected."""
        lasting = 0 if self.since is None else now - self.since
        return Protected(
            self.place.instrument,
            self.held,
            self.covered,
            (self._unprotected + lasting) / SECOND,
            self.emergency_exits,
            self.place.position,
        )
