"""Double-entry accounts: money is only ever moved, so every booking sums to zero."""

from decimal import Decimal

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
        self._balances: dict[tuple[str, str], Decimal] = {}
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
        moved: dict[tuple[str, str], Decimal] = {}
        for posting in booking.postings:
            amount = posting.amount
            if not amount:
                continue
            currency = posting.currency
            sums[currency] = sums[currency] + amount if currency in sums else amount
            account = (posting.account, currency)
            before = moved[account] if account in moved else self._balances.get(account, ZERO)
            moved[account] = before + amount
        for currency, left_over in sums.items():
            if left_over:
                raise Unbalanced(f"booking {booking.id} is off by {plain(left_over)} {currency}")
        self._balances.update(moved)
        self._booked.add(booking.id)
        return True

    def balance(self, account: str, currency: str) -> Decimal:
        """Return what is in an account; zero if nothing was ever posted to it."""
        return self._balances.get((account, currency), ZERO)

    @unrounded
    def total(self, currency: str) -> Decimal:
        """Return the sum over all accounts in a currency, which is zero."""
        total = ZERO
        for (_, held_in), amount in self._balances.items():
            if held_in == currency:
                total += amount
        return total
