"""Double-entry accounts: money is only ever moved, so every booking sums to zero."""

from collections import defaultdict
from decimal import Decimal, Inexact

import msgspec

from lts.domain.money import ZERO, plain, unrounded


class Posting(msgspec.Struct, frozen=True, gc=False):
    """An amount that enters an account, or leaves it if negative."""

    account: str
    currency: str
    amount: Decimal


class Booking(msgspec.Struct, frozen=True, gc=False):
    """Postings that belong together, under the id of what caused them."""

    id: tuple[str, ...]
    at: int
    postings: tuple[Posting, ...]


class Unbalanced(Exception):
    """A booking that would create or destroy money; nothing of it was booked."""


class Ledger:
    """The balances of all accounts, and the ids of the bookings that led to them."""

    __slots__ = ("_balances", "_booked")

    def __init__(self) -> None:
        self._balances: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
        """By currency and account."""
        self._booked: set[tuple[str, ...]] = set()

    @unrounded
    def book(self, booking: Booking) -> bool:
        """Move the money; return False, and move nothing, if the id has been booked before.

        Raises Unbalanced unless the postings in each currency sum to exactly zero.
        """
        return self.post(booking)

    def post(self, booking: Booking) -> bool:
        """Do as `book` does, for callers that are `unrounded` already."""
        if booking.id in self._booked:
            return False
        sums: dict[str, Decimal] = {}
        for posting in booking.postings:
            currency = posting.currency
            sums[currency] = sums[currency] + posting.amount if currency in sums else posting.amount
        for currency, left_over in sums.items():
            if left_over:
                raise Unbalanced(f"booking {booking.id} is off by {plain(left_over)} {currency}")
        self._move(booking.postings)
        self._booked.add(booking.id)
        return True

    def balance(self, account: str, currency: str) -> Decimal:
        """Return what is in an account; zero if nothing was ever posted to it."""
        return self._balances[currency].get(account, ZERO) if currency in self._balances else ZERO

    def _move(self, postings: tuple[Posting, ...]) -> None:
        """Move it all; if an account cannot hold its sum exactly, move nothing."""
        balances, moved = self._balances, 0
        try:
            for posting in postings:
                if amount := posting.amount:
                    accounts, account = balances[posting.currency], posting.account
                    accounts[account] = accounts[account] + amount if account in accounts else amount
                moved += 1
        except Inexact:
            for posting in postings[:moved]:
                if amount := posting.amount:
                    balances[posting.currency][posting.account] -= amount
            raise

    @unrounded
    def total(self, currency: str) -> Decimal:
        """Return the sum over all accounts in a currency, which is zero."""
        return sum(self._balances[currency].values(), ZERO) if currency in self._balances else ZERO
