"""Results as programs get them."""

import json
from decimal import Decimal

import msgspec
import pytest

from lts.cli.report import as_json
from lts.domain.outcome import PositionOutcome

pytestmark = pytest.mark.requirement("LTS-003")


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("264.2119899870000000", "264.211989987"),
        ("1E+5", "100000"),
        ("1E-7", "0.0000001"),
        ("-0.00", "0"),
        (
            "123456789012345678901234567890.12345678901234567890",
            "123456789012345678901234567890.1234567890123456789",
        ),
    ],
)
def test_an_amount_is_a_number_with_all_its_digits(amount: str, written: str) -> None:
    text = as_json({"fees": Decimal(amount)})
    assert text == f'{{"fees":{written}}}'
    assert json.loads(text, parse_float=Decimal, parse_int=Decimal) == {"fees": Decimal(amount)}


def test_amounts_are_found_wherever_they_are() -> None:
    class Nested(msgspec.Struct):
        positions: tuple[PositionOutcome, ...]
        nothing: None = None

    nested = Nested((PositionOutcome("BTC/USD", Decimal("0.50"), Decimal("7E+3")),))
    assert json.loads(as_json(nested)) == {
        "positions": [{"instrument": "BTC/USD", "quantity": 0.5, "average_price": 7000}],
        "nothing": None,
    }
