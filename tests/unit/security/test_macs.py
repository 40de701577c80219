"""A message authentication code fits one message under one key."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lts.security.mac import MAC_SIZE, MacKey

pytestmark = pytest.mark.requirement("INT-025")


@given(st.binary(max_size=300))
def test_a_message_matches_its_own_mac(message: bytes) -> None:
    key = MacKey.generate()
    mac = key.mac(message)
    assert len(mac) == MAC_SIZE
    assert key.matches(message, mac)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_another_message_does_not_match(message: bytes, other: bytes) -> None:
    assume(message != other)
    key = MacKey.generate()
    assert not key.matches(other, key.mac(message))


def test_another_key_does_not_match() -> None:
    assert not MacKey.generate().matches(b"a row", MacKey.generate().mac(b"a row"))


def test_any_changed_bit_of_a_mac_is_found() -> None:
    key = MacKey.generate()
    mac = key.mac(b"a row")
    for position in range(8 * MAC_SIZE):
        changed = bytearray(mac)
        changed[position // 8] ^= 1 << position % 8
        assert not key.matches(b"a row", bytes(changed))


@pytest.mark.parametrize("mac", [b"", b"\0", bytes(31), bytes(33)])
def test_a_mac_of_another_size_does_not_match(mac: bytes) -> None:
    assert not MacKey.generate().matches(b"a row", mac)


def test_one_message_leaves_no_trace_in_the_next() -> None:
    key = MacKey.generate()
    first = key.mac(b"a row")
    key.mac(b"another row")
    assert key.mac(b"a row") == first
