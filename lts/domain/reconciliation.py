"""Reconciliation: what a venue says that there is, held against what is known here.

The venue is authoritative. What differs is never made good by inventing a trade: an operator
approves an explicit adjustment, and until then the account may only reduce.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from bus.message import Delivery, Event, Request
from lts.domain.money import UNROUNDED, ZERO, plain
from lts.domain.order_record import OrderRecord
from lts.domain.orders import Side


class VenueOrder(msgspec.Struct, frozen=True):
    """An order that is open at a venue."""

    client_order_id: str
    """Empty if it has none: somebody else's."""
    venue_order_id: str
    instrument: str
    side: Side
    quantity: Decimal
    filled: Decimal = ZERO


class VenuePosition(msgspec.Struct, frozen=True):
    """What a venue's account holds of an instrument, net or under one id, negative for short."""

    instrument: str
    quantity: Decimal
    average_price: Decimal = ZERO
    position: str = ""
    """Its id in an account that hedges; empty where positions are netted."""

    @property
    def place(self) -> str:
        """Where it is booked: the position, or the instrument where positions are netted."""
        return self.position or self.instrument


class VenueReported(Event, key="broker"):
    """All that is open at a venue, as of a cursor: whatever happened up to it has been reported before."""

    broker: str
    cursor: str
    orders: tuple[VenueOrder, ...]
    positions: tuple[VenuePosition, ...]
    at: int


class VenueLost(Event, key="broker"):
    """A venue cannot be reached, or what it sends has stopped."""

    broker: str
    reason: str
    at: int


class TransactionsSeen(Event, key="broker"):
    """All that happened at a venue up to a cursor has been reported."""

    broker: str
    cursor: str
    at: int


class CursorMoved(Event, key="broker"):
    """All that happened at a venue up to a cursor has been taken in; its facts came before this one."""

    broker: str
    cursor: str
    at: int


class CursorRecalled(Event):
    """Up to where a venue's transactions were taken in; empty if none ever was."""

    cursor: str = ""


class RecallCursor(Request[CursorRecalled]):
    """Asks the journal from where a venue's transactions have to be fetched."""

    broker: str


class AccountState(StrEnum):
    """How far an account can be trusted."""

    CONNECTING = "connecting"
    """Nothing has been heard of it since the start."""
    READY = "ready"
    DIFFERS = "differs"
    """What the venue has is not what is known here: only reducing orders, until it agrees or is approved."""
    LOST = "lost"


class AccountStateChanged(Event, key="broker", delivery=Delivery.URGENT):
    """An account at a venue can be trusted more, or less, than before."""

    broker: str
    state: AccountState
    reason: str
    at: int


class AccountsReported(Event):
    """How far each account at a venue elsewhere can be trusted, by its broker."""

    accounts: tuple[AccountStateChanged, ...]


class GetAccounts(Request[AccountsReported]):
    """Asks the desk how far accounts can be trusted."""


class PositionAdjusted(Event, key="portfolio"):
    """An operator approved that a venue holds other than what fills add up to: it is no trade."""

    portfolio: str
    instrument: str
    broker: str
    quantity: Decimal
    """Added to the position, negative to make it shorter."""
    price: Decimal
    """At which the cost of what is added counts; what is taken away goes at its average cost."""
    reference: str
    """Unique in the account."""
    reason: str
    at: int
    position: str = ""
    """The position that is adjusted in an account that hedges; empty where they are netted."""

    @property
    def place(self) -> str:
        """Where it is booked: the position, or the instrument where positions are netted."""
        return self.position or self.instrument

    @property
    def uid(self) -> tuple[str, ...]:
        """What makes it the same adjustment when it arrives again."""
        return ("adjusted", self.broker, self.reference)


class AccountApproved(Event):
    """What an approval led to."""

    broker: str
    adjustments: tuple[PositionAdjusted, ...]
    foreign_orders: tuple[str, ...]
    """Orders of somebody else that stand, by the venue's ids."""


class AccountNotApproved(Event):
    """Nothing was approved, for this reason."""

    reason: str


class ApproveAccount(Request[AccountApproved | AccountNotApproved]):
    """Commands that what a venue has is taken for true, in the name of an operator."""

    broker: str
    who: str


class Differences(msgspec.Struct, frozen=True):
    """How a venue's account is unlike what is known here."""

    positions: Mapping[str, tuple[Decimal, Decimal]] = {}
    """By instrument, or by position in an account that hedges: what is known here, and what the venue has."""
    foreign: tuple[VenueOrder, ...] = ()
    """Orders that are open at the venue and nobody here has sent."""
    resurrected: tuple[str, ...] = ()
    """Orders that are over here and open at the venue."""
    missing: tuple[str, ...] = ()
    """Orders that work here and are not open at the venue: each has to be asked after."""

    @property
    def traits(self) -> frozenset[tuple[str, str | Decimal]]:
        """Each thing that differs, and by how much: what tells it apart from what is merely under way."""
        return frozenset(
            [
                *(
                    (each, UNROUNDED.subtract(theirs, ours))
                    for each, (ours, theirs) in self.positions.items()
                ),
                *(("foreign", each.venue_order_id) for each in self.foreign),
                *(("resurrected", each) for each in self.resurrected),
            ]
        )

    @property
    def reason(self) -> str:
        """What has to be approved or mended, in words; empty if nothing has."""
        return "; ".join(
            [
                *(
                    f"{instrument}: {plain(ours)} here, {plain(theirs)} at the venue"
                    for instrument, (ours, theirs) in sorted(self.positions.items())
                ),
                *(f"order {each.venue_order_id} is not one of ours" for each in self.foreign),
                *(f"{each} is open at the venue and over here" for each in self.resurrected),
            ]
        )


def differences(
    reported: VenueReported,
    records: Mapping[str, OrderRecord],
    sent: Iterable[OrderRecord],
    held: Mapping[str, Decimal],
    approved: frozenset[str] = frozenset(),
) -> Differences:
    """Return how a venue's account is unlike what is known here.

    Args:
        reported: what the venue says.
        records: all orders by client order id.
        sent: the open orders that the venue has confirmed, and so has to know.
        held: the net position of each instrument in the account, or each position, by what is known here.
        approved: ids, as the venue gave them, of foreign orders that an operator let stand.
    """
    there = {order.client_order_id for order in reported.orders}
    theirs = {position.place: position.quantity for position in reported.positions}
    return Differences(
        positions={
            instrument: (held.get(instrument, ZERO), theirs.get(instrument, ZERO))
            for instrument in held.keys() | theirs.keys()
            if held.get(instrument, ZERO) != theirs.get(instrument, ZERO)
        },
        foreign=tuple(
            order
            for order in reported.orders
            if order.client_order_id not in records and order.venue_order_id not in approved
        ),
        resurrected=tuple(
            order.client_order_id
            for order in reported.orders
            if order.client_order_id in records and records[order.client_order_id].status.is_closed
        ),
        missing=tuple(
            record.order.client_order_id for record in sent if record.order.client_order_id not in there
        ),
    )
