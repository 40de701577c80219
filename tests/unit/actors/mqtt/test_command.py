"""Commands as they arrive: read strictly, and refused by name where they are none."""

import json
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.mqtt.command import (
    KINDS,
    MOST_BYTES,
    Address,
    Arrived,
    Command,
    Outcome,
    Refusal,
    address,
    command,
)
from lts.domain.commands import NAMES, Sealed
from lts.security.signing import verify
from tests.commander import signed

pytestmark = pytest.mark.requirement("INT-012", "INT-4.1")

ROOT, NOW_S, WINDOW_S = "lts/v1/n%2F1", 1_577_836_800, 60
TOPIC, REPLY = f"{ROOT}/command/submit", f"{ROOT}/reply/me"
SECRET = Ed25519PrivateKey.from_private_bytes(bytes(32))
BODY = b'{"portfolio" : "main", "quantity": "1"}'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=8,
)


def payload(topic: str = TOPIC, body: bytes = BODY, **how: Any) -> bytes:
    return signed(SECRET, topic=topic, key="k", body=body, **{"created": NOW_S, "nonce": "n" * 16} | how)


def read(arrived: Arrived) -> Command:
    return command(arrived, ROOT, NOW_S, WINDOW_S)


def outcome(arrived: Arrived) -> Outcome:
    with pytest.raises(Refusal) as refused:
        read(arrived)
    return refused.value.outcome


def altered(**fields: Any) -> bytes:
    return json.dumps(json.loads(payload()) | fields).encode()


def test_a_command_says_what_was_signed_letter_by_letter() -> None:
    way: dict[str, Any] = {"response_topic": REPLY, "correlation": b"\x00\xff"}
    arrived = Arrived(TOPIC, payload(**way), response_topic=REPLY, correlation=b"\x00\xff")
    found = read(arrived)
    assert (found.name, found.body) == ("submit", BODY)
    assert (found.request.key_id, found.request.nonce, found.request.created) == ("k", "n" * 16, NOW_S)
    SECRET.public_key().verify(found.request.signature, found.request.base)
    assert address(arrived, ROOT) == Address(REPLY, b"\x00\xff")


def test_without_properties_the_payload_says_where_the_answer_goes() -> None:
    told = json.loads(payload(body=b'{"quantity": "1"}', response_topic=REPLY, correlation=b"c"))
    arrived = Arrived(TOPIC, json.dumps(told | {"response_topic": REPLY, "correlation": "c"}).encode())
    SECRET.public_key().verify(read(arrived).request.signature, read(arrived).request.base)
    assert address(arrived, ROOT) == Address(REPLY, b"c")


def test_a_command_without_a_body_is_one_too() -> None:
    told = json.loads(payload(body=b"{}"))
    del told["body"]
    assert read(Arrived(TOPIC, json.dumps(told).encode())).body == b""


@pytest.mark.parametrize(
    ("arrived", "expected"),
    [
        (Arrived(TOPIC, payload(), retained=True), Outcome.RETAINED),
        (Arrived(TOPIC, payload(body=b'"' + b"x" * MOST_BYTES + b'"')), Outcome.OVERSIZED),
        (Arrived(f"{ROOT}/command/selfdestruct", payload()), Outcome.UNKNOWN_NAME),
        (Arrived(f"{ROOT}/command/", payload()), Outcome.UNKNOWN_NAME),
        (Arrived(f"lts/v1/other/command/{NAMES[0]}", payload()), Outcome.UNKNOWN_NAME),
        (Arrived(TOPIC, payload(created=NOW_S - WINDOW_S - 1)), Outcome.STALE),
        (Arrived(TOPIC, payload(created=NOW_S + WINDOW_S + 1)), Outcome.STALE),
        (Arrived(TOPIC, b""), Outcome.MALFORMED),
        (Arrived(TOPIC, b"[" * 60_000), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(more=1)), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(nonce="short")), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(key="two\nlines")), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(created=True)), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(created=1.5)), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(created=-1)), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(signature="AAAA")), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(signature="ä")), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(response_topic="lts/v1/n%2F1/system/status")), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(response_topic="elsewhere")), Outcome.MALFORMED),
        (Arrived(TOPIC, payload(), response_topic=f"{ROOT}/reply/#"), Outcome.MALFORMED),
        (Arrived(TOPIC, payload(), response_topic=f"{ROOT}/reply/a\nb"), Outcome.MALFORMED),
        (Arrived(TOPIC, payload(), response_topic=f"{ROOT}/reply/{'a' * 600}"), Outcome.MALFORMED),
        (Arrived(TOPIC, payload(), correlation=bytes(257)), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(response_topic=REPLY), response_topic=f"{REPLY}2"), Outcome.MALFORMED),
        (Arrived(TOPIC, altered(correlation="a"), correlation=b"b"), Outcome.MALFORMED),
    ],
)
def test_what_is_no_command_is_refused_by_name(arrived: Arrived, expected: Outcome) -> None:
    assert outcome(arrived) is expected
    assert expected in KINDS


def test_nobody_has_a_node_write_elsewhere_by_being_refused() -> None:
    for topic in ("elsewhere", f"{ROOT}/system/status", f"{ROOT}/reply/+", f"{ROOT}/reply"):
        assert address(Arrived(TOPIC, b"no command", response_topic=topic), ROOT) == Address()
    assert address(Arrived(TOPIC, b"no command", response_topic=REPLY), ROOT) == Address(REPLY)


@given(
    st.tuples(*[st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)] * 4),
    st.tuples(*[st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)] * 4),
    st.tuples(st.integers(0, 99), st.integers(0, 99)),
    st.tuples(st.binary(max_size=4), st.binary(max_size=4), st.binary(max_size=4), st.binary(max_size=4)),
)
def test_two_commands_that_differ_in_anything_are_two_texts(
    one: tuple[str, ...], other: tuple[str, ...], created: tuple[int, int], parts: tuple[bytes, ...]
) -> None:
    first = Sealed(one[0], one[1], one[2], created[0], one[3], parts[0], parts[1])
    second = Sealed(other[0], other[1], other[2], created[1], other[3], parts[2], parts[3])
    assert (first == second) == (first.base() == second.base())


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([*(f"{ROOT}/command/{name}" for name in NAMES), f"{ROOT}/command/x", "$SYS/x"]),
    st.binary(max_size=200) | JSON.map(lambda each: json.dumps(each).encode()),
    st.booleans(),
    st.text(max_size=20) | st.just(REPLY),
    st.binary(max_size=300),
)
def test_whatever_arrives_is_a_command_or_a_refusal(
    topic: str, told: bytes, retained: bool, reply: str, correlation: bytes
) -> None:
    arrived = Arrived(topic, told, retained, reply, correlation)
    with pytest.raises(Refusal):
        read(arrived)
    assert address(arrived, ROOT).topic in {"", REPLY}


def test_of_thousands_of_broken_payloads_none_is_signed_but_for_the_whole_one() -> None:
    draw, whole = Random(1), payload()
    command_itself = read(Arrived(TOPIC, whole))
    signed_still = 0
    for _ in range(5_000):
        place, cut = draw.randrange(len(whole)), draw.choice((0, 0, 1, 9))
        told = whole[:place] + draw.choice((b"", b" ", draw.randbytes(3))) + whole[place + cut :]
        try:
            found = read(Arrived(TOPIC, told))
        except Refusal:
            continue
        if verify(SECRET.public_key().public_bytes_raw(), found.request.signature, found.request.base):
            signed_still += 1
            assert found == command_itself
    assert signed_still
