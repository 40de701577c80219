"""Amounts are exact, and have one text."""

from decimal import Decimal, Inexact, getcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lts.domain.money import exact, plain, unrounded

pytestmark = pytest.mark.requirement("LTS-003")

amounts = st.decimals(allow_nan=False, allow_infinity=False)


@unrounded
def total(*parts: Decimal) -> Decimal:
    return sum(parts, Decimal(0))


@given(amounts)
def test_the_text_of_an_amount_is_that_amount(amount: Decimal) -> None:
    assert exact(plain(amount)) == amount


@given(amounts, st.integers(0, 30))
def test_equal_amounts_have_one_text(amount: Decimal, zeros: int) -> None:
    sign, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)
    assert plain(Decimal((sign, digits + (0,) * zeros, exponent - zeros))) == plain(amount)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_the_decimal_that_it_is_written_as(number: float) -> None:
    assert float(exact(number)) == number
    assert exact(number) == Decimal(repr(number))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1E+5", "100000"),
        ("1E-7", "0.0000001"),
        ("1.500", "1.5"),
        ("100", "100"),
        ("-0.00", "0"),
        ("0E+9", "0"),
        ("-12.340", "-12.34"),
    ],
)
def test_the_text_of_an_amount_is_plain(amount: str, text: str) -> None:
    assert plain(Decimal(amount)) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), "NaN", "-Infinity", "ten", ""])
def test_what_is_no_finite_number_is_no_amount(value: float | str) -> None:
    with pytest.raises(ValueError, match="number"):
        exact(value)


def test_sums_that_need_more_digits_than_the_context_of_the_thread_are_exact() -> None:
    huge, tiny = Decimal("1E+40"), Decimal("1E-40")
    assert total(huge, tiny, -huge) == tiny


def test_a_digit_that_does_not_fit_is_an_error_and_leaves_the_context_as_it_was() -> None:
    before = getcontext()
    with pytest.raises(Inexact):
        total(Decimal("1E+60"), Decimal("1E-60"))
    assert getcontext() is before


def test_an_exact_function_within_another_leaves_it_exact() -> None:
    @unrounded
    def outer() -> Decimal:
        return total(Decimal("1E+40"), Decimal(1)) + Decimal("1E-40")

    assert outer() == Decimal("1" + "0" * 39 + "1." + "0" * 39 + "1")
