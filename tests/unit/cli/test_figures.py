"""Numbers as people read them."""

from decimal import Decimal

import pytest

from lts.cli.figures import change, colour, gain, money, percent, price, quantity, sparkline

pytestmark = pytest.mark.requirement("LTS-003")


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0.00"),
        ("-0.001", "0.00"),
        ("1234567.891", "1,234,567.89"),
        ("-1234.5", "-1,234.50"),
        ("1E+3", "1,000.00"),
        ("123456789012345678901234567890.125", "123,456,789,012,345,678,901,234,567,890.12"),
    ],
)
def test_money_is_shown_in_cents(amount: str, shown: str) -> None:
    assert money(Decimal(amount)) == shown


def test_a_gain_has_its_sign() -> None:
    assert [gain(Decimal(text)) for text in ("1", "0", "-1", "0.001")] == ["+1.00", "0.00", "-1.00", "+0.00"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(7160.69, "7,160.69"), (Decimal("105.5"), "105.50"), (1.23456789, "1.23457"), (0.00001234, "0.00001234"),
     (Decimal(0), "0")],
)  # fmt: skip
def test_a_price_has_cents_or_six_digits(value: Decimal | float, shown: str) -> None:
    assert price(value) == shown


def test_a_quantity_has_all_its_digits() -> None:
    assert quantity(Decimal("0.00000001")) == "0.00000001"
    assert quantity(Decimal("-2.500")) == "-2.5"


def test_a_change_is_a_fraction_of_what_was_there() -> None:
    assert percent(change(Decimal(105), Decimal(100))) == "+5.00%"
    assert change(Decimal(5), Decimal(0)) == 0.0


def test_gains_are_green_and_losses_red() -> None:
    assert [colour(value) for value in (1, Decimal(-1), 0.0)] == ["green", "red", "default"]


def test_a_curve_is_drawn_between_its_lowest_and_its_highest_value() -> None:
    assert sparkline([1.0, 2.0, 3.0, 8.0], 10) == "▁▂▃█"
    assert sparkline([float(value) for value in range(100)], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([5.0, 5.0], 10) == "▁▁"
    assert sparkline([], 10) == ""
