"""Messages, answers and parameters on their way to a child process: equal, or refused."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from bus import Event, Garbled, Message, Request, Untransportable
from bus.letters import ToParent
from bus.packing import LARGEST, Packing, unwrapped, wrapped

pytestmark = pytest.mark.requirement("INT-002")


class Leg(msgspec.Struct, frozen=True):
    quantity: Decimal


class Filled(Event, key="portfolio"):
    portfolio: str
    at: int
    price: float
    fee: Decimal
    legs: tuple[Leg, ...] = ()
    depth: dict[int, float] = msgspec.field(default_factory=dict)


class Lost(Event):
    message: Any


class NotFilled(Event):
    reason: str


class Fill(Request["Filled | NotFilled | None"]):
    quantity: int


class CountFills(Request[int]):
    pass


class AskAnything(Request[Any]):
    pass


class Unknown(Event):
    number: int = 0


PACKING = Packing([Filled, Lost, Fill, CountFills, AskAnything])
FILLED = Filled("trend", 1, 1.5, Decimal("1.10"), (Leg(Decimal("-0.0")),), {3: 0.1})

messages = st.builds(
    Filled,
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False),
    st.lists(st.builds(Leg, st.decimals(allow_nan=False)), max_size=3).map(tuple),
    st.dictionaries(st.integers(-5, 5), st.floats(allow_nan=False), max_size=3),
)


@given(messages)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    back = PACKING.unpack(*PACKING.pack(message))
    assert back == message
    assert repr(back) == repr(message)


@given(st.binary(max_size=80), st.sampled_from(["Filled/1", "Lost/1", "Unknown/1", ""]))
def test_any_bytes_are_a_message_or_garbled(data: bytes, name: str) -> None:
    try:
        assert isinstance(PACKING.unpack(name, msgspec.Raw(data)), Filled | Lost)
    except Garbled:
        return


@given(st.binary(max_size=80))
def test_any_bytes_are_letters_or_refused(data: bytes) -> None:
    try:
        msgspec.msgpack.decode(data, type=list[ToParent])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return


@pytest.mark.parametrize("answer", [FILLED, NotFilled("no"), None])
def test_an_answer_comes_back_as_the_one_of_its_union_that_it_is(answer: Any) -> None:
    answers = PACKING.answers(Fill(1))
    assert answers.unpack(*answers.pack(answer)) == answer


def test_a_wrong_answer_is_garbled() -> None:
    answers = PACKING.answers(CountFills())
    assert answers.unpack(*answers.pack(3)) == 3
    for which, body in (answers.pack("three"), (7, msgspec.Raw(b"\x03"))):
        with pytest.raises(Garbled, match="the answer to CountFills/1"):
            answers.unpack(which, body)


def test_a_message_within_a_message_is_itself_where_it_is_known() -> None:
    assert PACKING.unpack(*PACKING.pack(Lost(FILLED))) == Lost(FILLED)
    assert PACKING.unpack(*PACKING.pack(Lost("text"))) == Lost("text")
    described = {"type": "Unknown/1", "body": {"number": 4}}
    assert PACKING.unpack(*PACKING.pack(Lost(Unknown(4)))) == Lost(described)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (Unknown(), "Unknown is not among the messages that pass here"),
        (Lost(object()), "Lost/1 cannot travel"),
        (Lost(2**70), "Lost/1 cannot travel"),
        (Lost(bytes(LARGEST)), "Lost/1 cannot travel: it has"),
    ],
)
def test_what_cannot_travel_is_refused_with_the_reason(message: Message, why: str) -> None:
    with pytest.raises(Untransportable, match=why):
        PACKING.pack(message)


@dataclass
class Plan:
    assets: list[Leg]


class Limits(BaseModel):
    most: Decimal
    key: SecretStr | None = None


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        "text",
        b"bytes",
        [1, [2]],
        {"a": {1: None}},
        Leg(Decimal("1.0")),
        Plan([Leg(Decimal(1))]),
        Limits(most=Decimal("1.10")),
    ],
)
def test_parameters_come_back_equal(value: Any) -> None:
    back = unwrapped(wrapped(value, "it"))
    assert (type(back), back) == (type(value), value)


class Loose(msgspec.Struct):
    anything: Any


@pytest.mark.parametrize(
    "value",
    [
        object(),
        print,
        (1, 2),
        {1, 2},
        Loose(Leg(Decimal(1))),
        Plan,
        Limits(most=Decimal(1), key=SecretStr("hidden")),
    ],
)
def test_parameters_that_would_come_back_as_another_thing_are_refused(value: Any) -> None:
    with pytest.raises(Untransportable, match="cannot travel to a child process"):
        wrapped(value, "it")
