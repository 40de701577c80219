"""Billing as it is asked for: what a user owes, and the months of a subscription."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from bus.clock import SECOND
from bus.message import Event, Request
from lts.domain.listings import FEW, NotListed

TRADE, SUBSCRIPTION = "trade", "subscription"
"""What can be charged for."""
_MONTHS = 12


class Charge(msgspec.Struct, frozen=True):
    """What a user owes for one thing: there is one charge a user, kind and reference."""

    kind: str
    reference: str
    """Of a trade the id of its booking; of a subscription the month, as in `2020-01`."""
    amount: Decimal
    currency: str
    at: int
    """The fill, or the beginning of the month: UTC nanoseconds of market time."""
    portfolio: str | None = None


class ChargesRecalled(Event):
    """What a user was charged, oldest first."""

    charges: tuple[Charge, ...] = ()


class RecallCharges(Request[ChargesRecalled]):
    """Asks what a user was charged, of one kind or of every kind; nothing for a user who is not known."""

    user: str
    kind: str | None = None


class BilledCharge(msgspec.Struct, frozen=True):
    """A charge, and whose it is."""

    user: str
    charge: Charge


class ChargesListed(Event):
    """Charges, the latest first."""

    charges: tuple[BilledCharge, ...]
    next: str = ""


class ListCharges(Request[ChargesListed | NotListed]):
    """Asks what users were charged, UTC nanoseconds of market time: since, and before `until`."""

    users: tuple[str, ...] | None = None
    """To whom the answer is limited; None: everybody."""
    kind: str = ""
    since: int | None = None
    until: int | None = None
    after: str = ""
    limit: int = FEW


def month_at(at: int) -> str:
    """Return the calendar month (UTC) of an instant in UTC nanoseconds, as in `2020-01`.

    >>> month_at(1_580_515_199 * SECOND), month_at(1_580_515_200 * SECOND)
    ('2020-01', '2020-02')
    """
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m}"


def beginning_of(month: str) -> int:
    """Return when a month begins, in UTC nanoseconds.

    >>> month_at(beginning_of("2020-02")), month_at(beginning_of("2020-02") - 1)
    ('2020-02', '2020-01')
    """
    year, number = map(int, month.split("-"))
    return round(datetime(year, number, 1, tzinfo=UTC).timestamp()) * SECOND


def months_after(month: str, through: str) -> Iterator[str]:
    """Yield the months that follow one, up to and with another.

    >>> list(months_after("2019-11", "2020-02"))
    ['2019-12', '2020-01', '2020-02']
    """
    year, number = map(int, month.split("-"))
    while (month := f"{year + number // _MONTHS:04}-{number % _MONTHS + 1:02}") <= through:
        yield month
        year, number = map(int, month.split("-"))
