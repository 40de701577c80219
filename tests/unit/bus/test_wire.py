"""Messages as text: what goes in comes out, and everything else is refused in one way."""

import json
import math
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from types import new_class
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import Event, Garbled, Message, Request, Wire

pytestmark = pytest.mark.requirement("INT-002", "INT-026")


class Side(Enum):
    BUY = "buy"
    SELL = "sell"


class Leg(msgspec.Struct, frozen=True):
    side: Side
    quantity: Decimal


class Filled(Event, key="portfolio", version=2):
    portfolio: str
    at: int
    price: float
    fee: Decimal
    legs: tuple[Leg, ...] = ()
    note: str | None = None
    depth: dict[int, float] = msgspec.field(default_factory=dict)


class Stopped(Event):
    pass


class GetCash(Request[Decimal], key="portfolio"):
    portfolio: str


WIRE = Wire([Filled, Stopped, GetCash])


def in_order_of_their_text(depth: dict[int, float]) -> dict[int, float]:
    return dict(sorted(depth.items(), key=lambda item: str(item[0])))


decimals = st.decimals(allow_nan=False, allow_infinity=False)
floats = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))
messages = st.one_of(
    st.builds(
        Filled,
        texts,
        st.integers(-(2**63), 2**64),
        floats,
        decimals,
        st.lists(st.builds(Leg, st.sampled_from(Side), decimals), max_size=3).map(tuple),
        st.none() | texts | st.sampled_from(["NaN", "Infinity", "null"]),
        st.dictionaries(st.integers(-5, 5), floats, max_size=3).map(in_order_of_their_text),
    ),
    st.just(Stopped()),
    st.builds(GetCash, texts),
)


def identical(one: Message, other: Message) -> bool:
    """Equal down to the sign of a zero and the exponent of a Decimal."""
    return one == other and repr(one) == repr(other)


@given(messages)
def test_what_is_encoded_comes_back(message: Message) -> None:
    data = WIRE.encode(message)
    assert identical(WIRE.decode(data), message)
    assert WIRE.encode(WIRE.decode(data)) == data


@given(messages)
def test_what_is_described_comes_back_through_any_json(message: Message) -> None:
    description = WIRE.describe(message)
    assert identical(WIRE.read(json.loads(json.dumps(description))), message)
    assert json.loads(WIRE.encode(message)) == description


def test_the_form_is_canonical() -> None:
    filled = Filled("trend", 1_700_000_000_000_000_001, 0.1, Decimal("1.10"), depth={9: 1.0, 10: 2.0})
    assert WIRE.encode(filled) == (
        b'{"type":"Filled/2","body":{"at":1700000000000000001,"depth":{"10":2.0,"9":1.0},"fee":"1.10",'
        b'"legs":[],"note":null,"portfolio":"trend","price":0.1}}'
    )


@given(st.binary(max_size=80))
def test_random_bytes_are_garbled(data: bytes) -> None:
    with pytest.raises(Garbled):
        WIRE.decode(data)


@given(messages, st.data())
def test_damaged_bytes_are_garbled_or_another_message(message: Message, data: st.DataObject) -> None:
    encoded = bytearray(WIRE.encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = WIRE.decode(bytes(encoded))
    except Garbled:
        return
    assert identical(WIRE.decode(WIRE.encode(decoded)), decoded)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["type", "body", "more"]), json_values | st.just("Filled/2")))
def test_random_descriptions_are_garbled(description: dict[str, Any]) -> None:
    with pytest.raises(Garbled):
        WIRE.read(description)


BODY = {"portfolio": "trend", "at": 1, "price": 1.5, "fee": "0.1"}


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("Filled/1", BODY, "'Filled/1' is not a message known here, in this version"),
        ("Halted/1", BODY, "'Halted/1' is not a message known here, in this version"),
        ("Filled/2", {**BODY, "at": 1.5}, "Filled/2: Expected `int`, got `float`"),
        ("Filled/2", {**BODY, "at": "1"}, "Filled/2: Expected `int`, got `str`"),
        ("Filled/2", {**BODY, "price": "1.5"}, "Filled/2: Expected `float`, got `str`"),
        ("Filled/2", {**BODY, "fee": "much"}, "Filled/2: Invalid decimal string"),
        ("Filled/2", {**BODY, "fee": "NaN"}, "Filled/2: NaN is not a finite number"),
        ("Filled/2", {**BODY, "fee": "-infinity"}, "Filled/2: -Infinity is not a finite number"),
        (
            "Filled/2",
            {**BODY, "legs": [{"side": "up", "quantity": "1"}]},
            "Filled/2: Invalid enum value 'up'",
        ),
        ("Filled/2", {**BODY, "colour": "red"}, "Filled/2: Object contains unknown field `colour`"),
        ("Filled/2", {"portfolio": "trend"}, "Filled/2: Object missing required field `at`"),
    ],
)
def test_a_wrong_message_is_refused_with_the_reason(kind: str, body: dict[str, Any], reason: str) -> None:
    description = {"type": kind, "body": body}
    with pytest.raises(Garbled) as refusal:
        WIRE.read(description)
    assert str(refusal.value).startswith(reason)
    with pytest.raises(Garbled) as refusal:
        WIRE.decode(json.dumps(description).encode())
    assert str(refusal.value).startswith(reason)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'{"type":"Stopped/1"}',
        b'{"type":"Stopped/1","body":{},"more":1}',
        b'{"type":"Stopped/1","body":{}} ...',
        b'{"type":"Stopped/1","body":{"\xff":1}}',
        b'{"type":"Filled/2","body":{"portfolio":"a","at":1,"price":NaN,"fee":"1"}}',
        b'{"type":"Filled/2","body":{"portfolio":"a","at":1,"price":1e999,"fee":"1"}}',
        b'{"type":"Stopped/1","body":' + b"[" * 100_000,
    ],
)
def test_malformed_bytes_are_garbled(data: bytes) -> None:
    with pytest.raises(Garbled):
        WIRE.decode(data)


ORDINARY = Filled("trend", 1, 1.5, Decimal(1))


@pytest.mark.parametrize(
    "message",
    [
        msgspec.structs.replace(ORDINARY, price=math.nan),
        msgspec.structs.replace(ORDINARY, price=-math.inf),
        msgspec.structs.replace(ORDINARY, fee=Decimal("NaN")),
        msgspec.structs.replace(ORDINARY, fee=Decimal("sNaN")),
        msgspec.structs.replace(ORDINARY, legs=(Leg(Side.BUY, Decimal("Infinity")),)),
        msgspec.structs.replace(ORDINARY, depth={1: math.inf}),
    ],
)
@pytest.mark.parametrize("write", [WIRE.encode, WIRE.describe])
def test_what_is_not_finite_does_not_travel(write: Callable[[Message], Any], message: Message) -> None:
    with pytest.raises(Garbled, match="is not a finite number"):
        write(message)


@pytest.mark.parametrize("note", [object(), "\ud800"])
def test_what_has_no_place_in_json_does_not_travel(note: Any) -> None:
    with pytest.raises(Garbled, match="Filled/2"):
        WIRE.encode(msgspec.structs.replace(ORDINARY, note=note))


def test_a_type_that_was_not_given_does_not_travel() -> None:
    class Halted(Event):
        pass

    with pytest.raises(Garbled, match="'Halted/1' is not a message known here"):
        WIRE.encode(Halted())


def test_two_types_cannot_have_one_name() -> None:
    other = new_class("Stopped", (Event,))
    with pytest.raises(ValueError, match="two types of message are called Stopped/1"):
        Wire([Stopped, other])
    newer = new_class("Stopped", (Event,), {"version": 2})
    assert Wire([Stopped, newer]).encode(newer()) == b'{"type":"Stopped/2","body":{}}'
