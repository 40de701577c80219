"""What a simulated broker and its venue say to each other; times are nanoseconds of market time."""

from decimal import Decimal

import msgspec

from lts.domain.money import ZERO
from lts.domain.order_flow import ExecType
from lts.domain.orders import ApprovedOrder, Terms
from lts.domain.reconciliation import VenueOrder, VenuePosition

BROKER = "venue"


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """Something that happened at the venue, under a number of its own."""

    number: int
    at: int
    kind: ExecType
    client_order_id: str
    """Empty where it is somebody else's."""
    venue_order_id: str = ""
    instrument: str = ""
    signed: Decimal = ZERO
    """By how much a fill moved the account's position."""
    price: Decimal = ZERO
    fee: Decimal = ZERO
    terms: Terms | None = None
    reason: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """All that is open at the venue as of a transaction."""

    number: int
    orders: tuple[VenueOrder, ...]
    positions: tuple[VenuePosition, ...]


# To the venue. `request` numbers what is answered; whatever is not answered was lost, or its answer was.


class Dial(msgspec.Struct, frozen=True):
    """Opens a session: the stream of transactions from one on, after those that were missed."""

    session: int
    since: int


class Fetch(msgspec.Struct, frozen=True):
    """Asks for the transactions of a session once more, from one on."""

    session: int
    since: int


class Look(msgspec.Struct, frozen=True):
    """Asks what is open."""

    session: int


class Place(msgspec.Struct, frozen=True):
    """An order. One that comes later than the venue's stated lifetime of requests is not taken."""

    request: int
    order: ApprovedOrder
    sent_at: int


class Cancel(msgspec.Struct, frozen=True):
    """The wish that an order ends."""

    request: int
    client_order_id: str


class Amend(msgspec.Struct, frozen=True):
    """The wish that an order works on other terms."""

    request: int
    client_order_id: str
    terms: Terms


class Query(msgspec.Struct, frozen=True):
    """The question what became of an order."""

    request: int
    client_order_id: str


Request = Dial | Fetch | Look | Place | Cancel | Amend | Query

# To the broker.


class Caught(msgspec.Struct, frozen=True):
    """What a session has missed, and what is open after the last of it."""

    session: int
    missed: tuple[Transaction, ...]
    snapshot: Snapshot


class Told(msgspec.Struct, frozen=True):
    """One transaction, as it happened."""

    session: int
    transaction: Transaction


class Beat(msgspec.Struct, frozen=True):
    """The sign that a session is alive, and the number of its last transaction."""

    session: int
    number: int


class Ended(msgspec.Struct, frozen=True):
    """The news that a session is over."""

    session: int


class Done(msgspec.Struct, frozen=True):
    """The answer to a wish: empty if it was granted, else why not."""

    request: int
    objection: str = ""
    venue_order_id: str = ""


class Found(msgspec.Struct, frozen=True):
    """What became of an order as of a transaction: all that happened to it, nothing if it is not there."""

    request: int
    at: int
    number: int
    history: tuple[Transaction, ...] = ()
    is_open: bool = False


Reply = Caught | Told | Beat | Ended | Done | Found
