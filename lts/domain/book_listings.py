"""The books as they are listed: positions as of their last fill, and the ledger's entries."""

from decimal import Decimal

import msgspec

from bus.message import Event, Request
from lts.domain.journal import Deposit
from lts.domain.listings import FEW, NotListed
from lts.domain.positions import Position


class HeldPosition(msgspec.Struct, frozen=True):
    """A position as it is stored."""

    position: Position
    at: int
    """Of the last fill or adjustment: UTC nanoseconds of market time."""


class PositionsListed(Event):
    """Positions, each portfolio's together, by instrument."""

    positions: tuple[HeldPosition, ...]
    next: str = ""


class ListPositions(Request[PositionsListed | NotListed]):
    """Asks for positions; also for those that are closed, unless told otherwise."""

    portfolios: tuple[str, ...] | None = None
    instrument: str = ""
    open: bool = False
    after: str = ""
    limit: int = FEW


class LedgerEntry(msgspec.Struct, frozen=True):
    """One posting of a booking; the lines of a booking sum to zero in each currency."""

    portfolio: str
    booking: tuple[str, ...]
    """What it is of: broker, portfolio and exec id of a fill; or `deposit`, `financing`, `adjusted` or
    `archived`, and which."""
    line: int
    account: str
    currency: str
    amount: Decimal
    at: int


class LedgerListed(Event):
    """Entries of a portfolio's ledger, the latest first; the lines of a booking side by side."""

    entries: tuple[LedgerEntry, ...]
    next: str = ""


class ListLedger(Request[LedgerListed | NotListed]):
    """Asks for the entries of a portfolio, UTC nanoseconds of market time: since, and before `until`."""

    portfolio: str
    account: str = ""
    since: int | None = None
    until: int | None = None
    after: str = ""
    limit: int = FEW


class DepositsListed(Event):
    """What was paid into a portfolio, or out of it, the latest first."""

    deposits: tuple[Deposit, ...]
    next: str = ""


class ListDeposits(Request[DepositsListed | NotListed]):
    """Asks what was paid into a portfolio, or out of it."""

    portfolio: str
    after: str = ""
    limit: int = FEW
