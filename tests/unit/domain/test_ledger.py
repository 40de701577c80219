"""Money is only ever moved, and every booking is booked once and whole."""

from decimal import Decimal, Inexact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.ledger import Booking, Ledger, Posting, Unbalanced

pytestmark = pytest.mark.requirement("INT-007", "LTS-003")

ACCOUNTS = ("cash", "capital", "fees", "realised", "positions:SP500")
CURRENCIES = ("USD", "EUR")

postings = st.lists(
    st.builds(
        Posting,
        account=st.sampled_from(ACCOUNTS),
        currency=st.sampled_from(CURRENCIES),
        amount=st.decimals(-(10**9), 10**9, places=12),
    ),
    max_size=8,
)


def balanced(booking_id: str, moved: list[Posting]) -> Booking:
    """The movements, and one more in each currency that brings the money from somewhere."""
    rests = [
        Posting("capital", currency, -sum((p.amount for p in moved if p.currency == currency), Decimal(0)))
        for currency in CURRENCIES
    ]
    return Booking((booking_id,), 1, (*moved, *rests))


def balances(ledger: Ledger) -> dict[tuple[str, str], Decimal]:
    return {
        (account, currency): ledger.balance(account, currency)
        for account in ACCOUNTS
        for currency in CURRENCIES
    }


@given(st.lists(postings, max_size=10))
def test_the_sum_over_all_accounts_is_always_zero(bookings: list[list[Posting]]) -> None:
    ledger = Ledger()
    for number, moved in enumerate(bookings):
        assert ledger.book(balanced(str(number), moved))
        assert [ledger.total(currency) for currency in CURRENCIES] == [0, 0]
    for account in set(ACCOUNTS) - {"capital"}:
        for currency in CURRENCIES:
            posted = [
                p.amount
                for moved in bookings
                for p in moved
                if (p.account, p.currency) == (account, currency)
            ]
            assert ledger.balance(account, currency) == sum(posted)


@given(postings)
def test_a_booking_arriving_twice_is_booked_once(moved: list[Posting]) -> None:
    ledger = Ledger()
    assert ledger.book(balanced("one", moved))
    before = balances(ledger)
    assert not ledger.book(balanced("one", moved))
    assert balances(ledger) == before


@given(postings, st.decimals("1E-30", 10**6, allow_nan=False), st.sampled_from(CURRENCIES))
def test_what_does_not_sum_to_zero_is_refused_whole(
    moved: list[Posting], off: Decimal, currency: str
) -> None:
    ledger, booking = Ledger(), balanced("one", moved)
    wrong = Booking(booking.id, booking.at, (*booking.postings, Posting("cash", currency, off)))
    with pytest.raises(Unbalanced, match=f"off by .* {currency}"):
        ledger.book(wrong)
    assert set(balances(ledger).values()) == {0}
    assert ledger.book(booking)


def test_one_currency_does_not_balance_another() -> None:
    dollars_for_euros = (Posting("cash", "USD", Decimal(1)), Posting("cash", "EUR", Decimal(-1)))
    with pytest.raises(Unbalanced):
        Ledger().book(Booking(("one",), 1, dollars_for_euros))


def test_what_cannot_be_held_exactly_is_refused_whole() -> None:
    ledger = Ledger()
    ledger.book(balanced("much", [Posting("cash", "USD", Decimal("1E+60"))]))
    little = Decimal("1E-60")
    with pytest.raises(Inexact):
        ledger.book(balanced("little", [Posting("fees", "USD", little), Posting("cash", "USD", -little)]))
    assert ledger.balance("fees", "USD") == 0
