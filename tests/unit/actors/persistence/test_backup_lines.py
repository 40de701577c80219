"""Rows as lines: the same text from either engine, and the same row again."""

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.persistence.blueprint import Kind, TablePlan
from actors.persistence.lines import LineReader, LineWriter, Unfit

pytestmark = pytest.mark.requirement("INT-5.3")

KINDS: dict[str, Kind] = {"a": "text", "b": "integer", "c": "real", "d": "boolean", "e": "bytes", "f": "text"}
PLAN = TablePlan("things", KINDS, ("b",))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False).map(lambda amount: amount.normalize())


def there_and_back(*row: Any) -> list[Any]:
    lines = LineWriter(PLAN).lines([row])
    assert lines.count(b"\n") == 1
    [back] = LineReader(PLAN, {"f"}).rows([lines.rstrip(b"\n")])
    assert list(back) == list(KINDS)
    return list(back.values())


@given(
    text=st.none() | TEXT,
    whole=st.none() | st.integers(-(2**63), 2**63 - 1),
    real=st.none() | st.floats(allow_nan=False),
    truth=st.none() | st.booleans(),
    content=st.none() | st.binary(),
    amount=st.none() | DECIMALS,
)
def test_every_value_comes_back(**values: Any) -> None:
    row = tuple(values.values())
    assert there_and_back(*row) == list(row)


@given(amount=DECIMALS)
def test_an_amount_is_the_same_line_from_either_engine(amount: Decimal) -> None:
    of_server = LineWriter(PLAN).lines([(None, 1, None, True, None, amount)])
    of_file = LineWriter(PLAN).lines([(None, 1, None, 1, None, format(amount, "f"))])
    assert of_server == of_file
    assert b"E" not in of_server
    [as_text] = LineReader(PLAN).rows([of_file.rstrip(b"\n")])
    assert as_text["f"] == format(amount, "f")


def test_not_a_number_comes_back_and_there_is_one_zero() -> None:
    assert math.isnan(there_and_back(None, 1, math.nan, None, None, None)[2])
    assert str(there_and_back(None, 1, -0.0, None, None, None)[2]) == "0.0"


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (0, b"x", "the table things holds a value in a that is no text"),
        (0, 1, "in a that is no text"),
        (1, "1", "in b that is no integer"),
        (1, 1.0, "in b that is no integer"),
        (2, "much", "in c that is no real"),
        (3, 2, "a boolean that is 2"),
        (3, "t", "in d that is no boolean"),
        (4, "x", "in e that is no bytes"),
    ],
)
def test_what_lts_writes_into_no_column_is_refused(place: int, value: Any, told: str) -> None:
    row: list[Any] = ["x", 1, 1.0, 1, b"x", "1"]
    row[place] = value
    with pytest.raises(Unfit, match=told):
        LineWriter(PLAN).lines([row])
