"""A plugin's parameters are read strictly, and told in one sentence where they are wrong."""

import math
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, model_validator

from lts.config.params import parse_params
from lts.refusal import Refused

pytestmark = pytest.mark.requirement("INT-003", "INT-017", "INT-018", "INT-026")

WHERE = "demo.toml: portfolio 'trend', asset 'SP500', params"


class Direction(Enum):
    LONG = "long_only"
    BOTH = "long_short"


class Leg(BaseModel):
    name: str
    weight: float = 1.0


class SmaParams(BaseModel):
    fast: int = Field(10, ge=2)
    slow: int = 30
    direction: Direction = Direction.LONG
    fees: Decimal = Decimal(0)
    ratio: float = 0.5
    since: date | None = None
    path: Path | None = None
    loud: bool = False
    legs: tuple[Leg, ...] = ()
    limits: dict[str, int] = {}
    mode: Literal["a", "b"] = "a"

    @model_validator(mode="after")
    def fast_is_faster(self) -> "SmaParams":
        if self.fast >= self.slow:
            raise ValueError("fast must be below slow")
        return self


def refusal_of(raw: dict[str, Any], model: type[BaseModel] = SmaParams) -> str:
    with pytest.raises(Refused) as caught:
        parse_params(model, raw, WHERE)
    return str(caught.value)


def test_values_arrive_in_the_types_of_the_model() -> None:
    params = parse_params(
        SmaParams,
        {
            "fast": 5,
            "direction": "long_short",
            "fees": "1.0",
            "ratio": 1,
            "since": date(1999, 1, 4),
            "path": "a.csv",
            "legs": [{"name": "x", "weight": 2}],
        },
        WHERE,
    )
    assert (params.fast, params.direction, params.fees) == (5, Direction.BOTH, Decimal("1.0"))
    assert (params.since, params.path) == (date(1999, 1, 4), Path("a.csv"))
    assert params.legs == (Leg(name="x", weight=2.0),)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"fst": 3}, ": unknown key 'fst'; did you mean 'fast'?"),
        ({"fast": "10"}, ".fast must be a whole number, without quotes; found the text '10'"),
        ({"fast": 10.5}, ".fast must be a whole number; found the number 10.5"),
        ({"fast": 10.0}, ".fast must be a whole number; found the number 10.0"),
        ({"fast": True}, ".fast must be a whole number; found true"),
        ({"fast": 1}, ".fast must be greater than or equal to 2; found the number 1"),
        ({"fast": []}, ".fast must be a whole number; found a list"),
        ({"fast": 40}, ": fast must be below slow"),
        ({"ratio": "0.5"}, ".ratio must be a number, without quotes; found the text '0.5'"),
        ({"ratio": True}, ".ratio must be a number; found true"),
        ({"ratio": math.inf}, ".ratio must be finite; found the number inf"),
        ({"fees": "ten"}, ".fees must be an amount such as \"10.5\"; found the text 'ten'"),
        ({"fees": "NaN"}, ".fees must be a finite number; found the text 'NaN'"),
        ({"fees": {}}, '.fees must be an amount such as "10.5"; found a table'),
        ({"loud": 1}, ".loud must be true or false; found the number 1"),
        ({"loud": "yes"}, ".loud must be true or false; found the text 'yes'"),
        ({"direction": "up"}, ".direction must be 'long_only' or 'long_short'; found the text 'up'"),
        ({"mode": "c"}, ".mode must be 'a' or 'b'; found the text 'c'"),
        ({"path": 3}, ".path must be text in quotes; found the number 3"),
        ({"legs": {}}, ".legs must be a list: write the table as [[legs]]; found a table"),
        ({"legs": 3}, ".legs must be a list in square brackets; found the number 3"),
        ({"legs": [{}]}, ".legs number 1: the key 'name' is missing; add it"),
        ({"legs": [{"name": "x", "wight": 1}]}, ".legs 'x': unknown key 'wight'; did you mean 'weight'?"),
        ({"legs": [{"name": "x"}, 3]}, ".legs number 2 must be a table; found the number 3"),
        ({"limits": {"a b\n": "x"}}, r".limits.'a b\n' must be a whole number, without quotes"),
        ({"fast": "1" * 500}, "111...111"),
    ],
)
def test_a_wrong_value_is_told_with_its_place(raw: dict[str, Any], said: str) -> None:
    sentence = refusal_of(raw)
    assert sentence.startswith(WHERE)
    assert said in sentence
    assert len(sentence) < 250


def test_a_model_that_would_ignore_unknown_keys_still_refuses_them() -> None:
    assert "config" not in Leg.model_config
    assert refusal_of({"name": "x", "colour": 1}, Leg) == (
        f"{WHERE}: unknown key 'colour'; known: name, weight"
    )


def test_a_plugin_without_parameters_says_that_it_has_none() -> None:
    class Nothing(BaseModel):
        pass

    assert refusal_of({"fast": 1}, Nothing) == f"{WHERE}: unknown key 'fast'; none is known here"


def test_an_unknown_key_is_told_before_what_is_missing_for_it() -> None:
    assert refusal_of({"nane": "x"}, Leg).startswith(f"{WHERE}: unknown key 'nane'; did you mean 'name'?")


def test_several_mistakes_are_counted() -> None:
    assert refusal_of({"fast": "x", "slow": "y", "ratio": "z"}).endswith("(and 2 more problems)")


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_arrives_as_it_was_written(value: float) -> None:
    assert parse_params(SmaParams, {"ratio": value}, WHERE).ratio == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(raw=st.dictionaries(st.sampled_from([*SmaParams.model_fields, "other", ""]), JSON, max_size=4))
def test_any_values_are_read_or_refused(raw: dict[str, Any]) -> None:
    try:
        parse_params(SmaParams, raw, WHERE)
    except Refused:
        sentence = refusal_of(raw)
        assert sentence.startswith(WHERE)
        assert "\n" not in sentence
